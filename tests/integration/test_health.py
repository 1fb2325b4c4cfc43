"""/healthz, /readyz and /metrics."""

import asyncio
import tomllib
from pathlib import Path

import asyncpg
import httpx2
from fastapi import FastAPI

from app.routers import health
from app.routers.openapi import VERSION


async def test_the_process_answers(client: httpx2.AsyncClient) -> None:
    answer = await client.get("/healthz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


async def test_ready_lists_each_check(client: httpx2.AsyncClient) -> None:
    answer = await client.get("/readyz")
    assert answer.status_code == 200
    assert answer.json()["status"] == "ready"
    assert answer.json()["checks"]["database"] == {"ok": True}
    assert answer.json()["checks"]["migrations"] == {"ok": True}


async def test_an_old_revision_is_not_ready(client: httpx2.AsyncClient, database_url: str) -> None:
    connection = await asyncpg.connect(database_url)
    await connection.execute("UPDATE alembic_version SET version_num = '0000'")
    await connection.close()
    answer = await client.get("/readyz")
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "2"
    assert "python -m app migrate" in answer.json()["checks"]["migrations"]["detail"]
    assert answer.json()["checks"]["database"] == {"ok": True}


async def test_a_database_that_is_away_is_not_ready(app: FastAPI, client: httpx2.AsyncClient) -> None:
    app.state.context.database._dsn = "postgresql://nobody@127.0.0.1:1/nowhere"
    pool = app.state.context.database._pool
    while pool._idle:
        await pool._idle.pop().close()
    pool._open = 0
    answer = await client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["checks"]["database"]["ok"] is False
    assert "nowhere" not in answer.text
    assert (await client.get("/healthz")).status_code == 200


async def test_a_stopping_service_is_not_ready(app: FastAPI, client: httpx2.AsyncClient) -> None:
    app.state.context.stopping.set()
    assert (await client.get("/readyz")).json()["checks"]["stopping"]["ok"] is False


class Beat:
    every_seconds = 1.0

    def __init__(self, last_end: float) -> None:
        self.last_end = last_end


async def test_loops_that_stand_still_are_named() -> None:
    now = asyncio.get_running_loop().time()
    assert await health.loops_check({"dispatch": Beat(now - 3)})() is None
    detail = await health.loops_check({"dispatch": Beat(now - 3), "sweep": Beat(now - 600)})()
    assert detail == "late: sweep"


async def test_more_checks_can_be_put_in(app: FastAPI, client: httpx2.AsyncClient) -> None:
    async def never() -> str | None:
        await asyncio.sleep(3600)
        return None

    async def well() -> str | None:
        return None

    app.state.readiness |= {"never": never, "well": well}
    checks = (await client.get("/readyz")).json()["checks"]
    assert checks["never"] == {"ok": False, "detail": "TimeoutError"}
    assert checks["well"] == {"ok": True}


async def test_a_crowd_that_asks_shares_looks(app: FastAPI, client: httpx2.AsyncClient) -> None:
    """Everybody may ask: each look by itself would take connections from who has a key."""
    looks = 0

    async def counted() -> str | None:
        nonlocal looks
        looks += 1
        await asyncio.sleep(0)
        return None

    app.state.readiness["counted"] = counted
    answers = await asyncio.gather(*(client.get("/readyz") for _ in range(200)))
    assert {answer.status_code for answer in answers} == {200}
    assert looks < 50
    app.state.context.stopping.set()
    assert (await client.get("/readyz")).status_code == 503, "a look begins after it was asked for"


async def test_metrics_count_by_template(client: httpx2.AsyncClient) -> None:
    for number in range(3):
        await client.get(f"/docs/assets/{number}")
    await client.get("/13800138000")
    await client.request("BREW", "/healthz")
    text = (await client.get("/metrics")).text
    assert 'huiyin_http_requests_total{method="GET",route="/docs/assets/{name}",status="404"} 3.0' in text
    assert 'huiyin_http_requests_total{method="GET",route="-",status="404"} 1.0' in text
    assert 'method="other"' in text
    assert "13800138000" not in text
    assert 'huiyin_database_connections_in_use{pool="raw"} 0.0' in text
    assert "huiyin_http_request_duration_seconds_bucket" in text


async def test_templates_show_the_whole_path(client: httpx2.AsyncClient) -> None:
    await client.get("/api/contacts/1")
    text = (await client.get("/metrics")).text
    assert 'route="/api/contacts/{contact_id}"' in text


async def test_the_document_names_the_version_of_the_project(app: FastAPI) -> None:

    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    assert project["version"] == VERSION == app.openapi()["info"]["version"]
