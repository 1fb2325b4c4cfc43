"""A refusal is a 4xx that names the field, and nothing changed."""

import httpx2

from app.repositories.database import Database


async def everything(database: Database) -> dict[str, str]:
    """Return a fingerprint of every table."""
    async with database.connection() as connection:
        tables = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")
        assert len(tables) > 8
        return {
            row["tablename"]: await connection.fetchval(
                f"SELECT md5(coalesce(string_agg(t::text, '|' ORDER BY t::text), '')) FROM {row['tablename']} AS t"
            )
            for row in tables
        }


def assert_refused(answer: httpx2.Response, place: str, name: str | None = None) -> None:
    """Check for a 4xx in FastAPI's shape that names the field."""
    shown = f"{place[:300]} -> {answer.status_code} {answer.text[:300]}"
    assert 400 <= answer.status_code < 500, shown
    body = answer.json()
    assert set(body) == {"detail"}, shown
    if isinstance(body["detail"], str):
        assert body["detail"], shown
        assert name is None or answer.status_code in {404, 409}, f"{name} is not named: {shown}"
        return
    assert body["detail"], shown
    for problem in body["detail"]:
        assert set(problem) == {"type", "loc", "msg"}, shown
        assert problem["msg"], shown
    if name is not None:
        assert any(name in problem["loc"] for problem in body["detail"]), f"{name} is not named: {shown}"
