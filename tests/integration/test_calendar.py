"""/api/calendar: holidays beside and instead of the built-in ones, at once and everywhere."""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI
from pydantic import SecretStr
from structlog.testing import capture_logs

from app.clock import ManualClock
from app.config import Settings
from app.jobs.passes import Passes
from app.main import create_app
from app.repositories.database import Database
from app.services import calendar
from app.services.dispatch.dispatcher import Dispatcher
from tests.helpers import add_contact
from tests.people import rows, value

NOVEMBER = datetime(2026, 10, 31, 16, 0, tzinfo=UTC)
"""The first of November in Shanghai."""
NEW_YEAR = {"holidays": ["2027-01-01", "2027-02-06"], "workdays": ["2027-02-14"]}


async def test_a_year_is_written_and_read(client: httpx2.AsyncClient, database: Database) -> None:
    assert (await client.get("/api/calendar/2027")).status_code == 404
    answer = await client.put("/api/calendar/2027", json=NEW_YEAR)
    assert answer.status_code == 200, answer.text
    assert answer.json() == {
        "year": 2027,
        **NEW_YEAR,
        "is_built_in": False,
        "closed_dates": NEW_YEAR["holidays"],
        "updated_at": "2026-03-05T10:30:00Z",
    }
    assert (await client.get("/api/calendar/2027")).json() == answer.json()
    again = await client.put("/api/calendar/2027", json={"holidays": ["2027-05-01", "2027-05-01"]})
    assert (again.json()["holidays"], again.json()["workdays"]) == (["2027-05-01"], [])
    trail = await rows(database, "SELECT actor, action, detail FROM audit_entry ORDER BY id")
    assert [(row["actor"], row["action"]) for row in trail] == [("api", "calendar")] * 2
    assert trail[0]["detail"] == {"year": 2027, "holidays": 2, "workdays": 1}


async def test_the_built_in_year_is_shown_and_overridden(client: httpx2.AsyncClient) -> None:
    built_in = (await client.get("/api/calendar/2026")).json()
    assert (built_in["is_built_in"], built_in["holidays"], built_in["updated_at"]) == (True, [], None)
    assert "2026-10-01" in built_in["closed_dates"]
    changed = (
        await client.put("/api/calendar/2026", json={"holidays": ["2026-03-09"], "workdays": ["2026-10-01"]})
    ).json()
    assert set(changed["closed_dates"]) == set(built_in["closed_dates"]) - {"2026-10-01"} | {"2026-03-09"}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "holidays"),
        ({"holidays": []}, "holidays"),
        ({"holidays": None}, "holidays"),
        ({"holidays": "2027-01-01"}, "holidays"),
        ({"holidays": ["2026-01-01"]}, "holidays"),
        ({"holidays": ["2027-02-30"]}, "holidays"),
        ({"holidays": ["2027-01-01T00:00:00"]}, "holidays"),
        ({"holidays": ["20270101"]}, "holidays"),
        ({"holidays": [1798761600]}, "holidays"),
        ({"holidays": ["2027-01-01\u0000"]}, "holidays"),
        ({"holidays": ["2027-01-01"] * 367}, "holidays"),
        ({"holidays": ["2027-01-01"], "workdays": ["2028-01-01"]}, "workdays"),
        ({"holidays": ["2027-01-01"], "workdays": ["2027-01-01"]}, "workdays"),
        ({"holidays": ["2027-01-01"], "feast": []}, "feast"),
    ],
)
async def test_bad_years_are_refused_by_name(
    client: httpx2.AsyncClient, database: Database, body: dict[str, Any], field: str
) -> None:
    answer = await client.put("/api/calendar/2027", json=body)
    assert answer.status_code == 422, answer.text
    assert answer.json()["detail"][0]["loc"][:2] == ["body", field]
    assert await value(database, "SELECT count(*) FROM calendar_year") == 0


@pytest.mark.parametrize("year", ["1999", "2101", "x", "9" * 30])
async def test_years_out_of_reach(client: httpx2.AsyncClient, year: str) -> None:
    assert (await client.get(f"/api/calendar/{year}")).status_code == 422
    assert (await client.put(f"/api/calendar/{year}", json=NEW_YEAR)).status_code == 422


async def test_a_missing_year_is_a_warning_and_no_failure(client: httpx2.AsyncClient, clock: ManualClock) -> None:
    clock.set(NOVEMBER.replace(minute=0, hour=15))
    assert "warnings" not in (await client.get("/readyz")).json()
    clock.set(NOVEMBER)
    answer = await client.get("/readyz")
    assert (answer.status_code, answer.json()["status"]) == (200, "ready")
    assert "/api/calendar/2027" in answer.json()["warnings"]["calendar"]
    await client.put("/api/calendar/2027", json=NEW_YEAR)
    assert "warnings" not in (await client.get("/readyz")).json()


async def test_the_log_says_so_once_a_day(app: FastAPI, clock: ManualClock) -> None:
    context = app.state.context
    passes = Passes(context, Dispatcher(context, context.messenger))
    clock.set(NOVEMBER)
    with capture_logs() as lines:
        await passes.calendar()
        await passes.calendar()
        assert len(lines) == 1
        clock.set(NOVEMBER.replace(month=11, day=1))
        await passes.calendar()
    assert [line["log_level"] for line in lines] == ["warning"] * 2


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    """Messages leave on days that are no holidays, at any hour."""
    return Settings(
        database_url=SecretStr(database_url),
        jobs=False,
        demo=False,
        pool_size=5,
        data_dir=tmp_path,
        send_skip_holiday=True,
    )


async def test_what_one_process_writes_holds_in_the_batches_of_all(
    client: httpx2.AsyncClient, settings: Settings, clock: ManualClock, database: Database
) -> None:
    contact = await add_contact(client, position="测试")
    config = await client.post("/api/followup-configs", json={"name": "测试", "position": "测试"})
    script = {"config_id": config.json()["id"], "day_number": 1, "content": "您好"}
    await client.post("/api/followup-scripts", json=script)
    assert (await client.put("/api/calendar/2026", json={"holidays": ["2026-03-05"]})).status_code == 200
    await client.post("/api/followup-enrollments", json={"contact_ids": [contact]})
    other = create_app(settings, clock=clock)  # a replica that started before the change
    async with other.router.lifespan_context(other):
        dispatcher = Dispatcher(other.state.context, other.state.context.messenger)
        await dispatcher.drain()
        waiting = await rows(database, "SELECT reason, due_at FROM follow_up_enrollment")
        assert waiting == [{"reason": "outside_window", "due_at": datetime(2026, 3, 5, 16, tzinfo=UTC)}]
        plan = (await client.get("/api/followup-enrollments/1/plan")).json()
        assert plan["earliest"] == "2026-03-05T16:00:00Z"
        assert (await client.put("/api/calendar/2026", json={"holidays": ["2026-03-06"]})).status_code == 200
        clock.set(datetime(2026, 3, 5, 16, tzinfo=UTC))
        await dispatcher.drain()
        waiting = await rows(database, "SELECT reason, due_at FROM follow_up_enrollment")
        assert waiting == [{"reason": "outside_window", "due_at": datetime(2026, 3, 6, 16, tzinfo=UTC)}]
        clock.set(datetime(2026, 3, 6, 16, tzinfo=UTC))
        await dispatcher.drain()
    assert await value(database, "SELECT count(*) FROM follow_up_record WHERE status = 'sent'") == 1


async def test_what_the_loader_gives(app: FastAPI, client: httpx2.AsyncClient) -> None:
    await client.put("/api/calendar/2027", json=NEW_YEAR)
    holidays = await calendar.read(app.state.context)
    assert holidays.is_holiday(date(2027, 2, 6))
    assert not holidays.is_holiday(date(2027, 2, 7))
