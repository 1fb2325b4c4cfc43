"""What a config would do, what is odd about it, and what came of it."""

import uuid
from datetime import timedelta
from typing import Any

import httpx2
import pytest

from app.clock import ManualClock
from app.config import Settings
from app.repositories.database import Database

CONFIGS = "/api/followup-configs"
COUNTS = ("sent", "delivered", "unknown", "failed", "replied", "details")


async def build(client: httpx2.AsyncClient, *texts: dict[str, Any], **fields: Any) -> int:
    config = {"name": "Python开发复聊配置", "position": "Python开发", "opening_message": "您好,{{name|朋友}}"} | fields
    created = await client.post(CONFIGS, json=config)
    assert created.status_code == 201, created.text
    config_id: int = created.json()["id"]
    for text in texts:
        script = {"config_id": config_id, "content": "您好,期待与您进一步沟通{{position}}职位。"} | text
        assert (await client.post("/api/followup-scripts", json=script)).status_code == 201
    return config_id


async def get(client: httpx2.AsyncClient, path: str) -> dict[str, Any]:
    answer = await client.get(f"{CONFIGS}/{path}")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_a_preview_is_the_timeline_of_somebody_who_never_answers(client: httpx2.AsyncClient) -> None:
    await build(
        client,
        {"day_number": 1, "interval_hours": 1},
        {"day_number": 2, "interval_hours": 24},
        {"day_number": 0, "interval_hours": 72, "content": "您好,如果您感兴趣可以随时联系我。"},
        {"day_number": 2, "is_active": False},
    )
    found = await get(client, "1/preview?start=2026-03-05T18:30:00%2B08:00&name=小林&count=5")
    text = "您好,期待与您进一步沟通Python开发职位。"
    tail = "您好,如果您感兴趣可以随时联系我。"
    assert found == {
        "config_id": 1,
        "is_active": True,
        "start": "2026-03-05T10:30:00Z",
        "sends": [
            {"at": "2026-03-05T10:30:00Z", "day_number": None, "script_id": None, "text": "您好,小林"},
            {"at": "2026-03-05T10:30:30Z", "day_number": 1, "script_id": 1, "text": text},
            {"at": "2026-03-06T10:30:30Z", "day_number": 2, "script_id": 2, "text": text},
            {"at": "2026-03-09T10:30:30Z", "day_number": 3, "script_id": 3, "text": tail},
            {"at": "2026-03-12T10:30:30Z", "day_number": 4, "script_id": 3, "text": tail},
        ],
        "end": None,
    }


async def test_a_preview_without_opening_waits_the_first_interval(
    client: httpx2.AsyncClient, clock: ManualClock
) -> None:
    await build(client, {"day_number": 1, "interval_hours": 24})
    clock.advance(timedelta(hours=1))
    found = await get(client, "1/preview?opening=false&position=前端")
    assert found["start"] == "2026-03-05T11:30:00Z"
    assert [(send["at"], send["day_number"], send["text"]) for send in found["sends"]] == [
        ("2026-03-06T11:30:00Z", 1, "您好,期待与您进一步沟通前端职位。")
    ]
    assert found["end"] == "no_script"


async def test_a_preview_says_what_ends_it(client: httpx2.AsyncClient) -> None:
    general = await build(client, {"day_number": 1}, position=None, is_active=False)
    found = await get(client, f"{general}/preview")
    assert found["is_active"] is False
    assert len(found["sends"]) == 1
    assert found["end"] == "missing_variable"
    assert (await get(client, f"{general}/preview?position=前端"))["end"] == "no_script"


class TestHours:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        hours = [{"begin_time": "9:00", "end_time": "12:00"}]
        window = [{"week": week, "times": hours} for week in range(1, 6)]
        return Settings.model_validate(settings.model_dump() | {"send_window": window})

    async def test_a_preview_keeps_the_hours_of_the_settings(self, client: httpx2.AsyncClient) -> None:
        await build(client, {"day_number": 1, "interval_hours": 24})
        found = await get(client, "1/preview?start=2026-03-06T04:00:00Z")
        # Friday noon in Shanghai is closed; Monday 9:00 is open.
        assert [send["at"] for send in found["sends"]] == ["2026-03-09T01:00:00Z", "2026-03-09T01:00:30Z"]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("start=tomorrow", "start"),
        ("start=1999-12-31T00:00:00Z", "start"),
        ("start=2101-01-01T00:00:00Z", "start"),
        ("start=9999-12-31T23:59:59-14:00", "start"),
        ("count=0", "count"),
        ("count=51", "count"),
        ("opening=perhaps", "opening"),
        ("name=" + "x" * 129, "name"),
        ("position=" + "x" * 65, "position"),
    ],
)
async def test_bad_previews_name_their_field(client: httpx2.AsyncClient, query: str, field: str) -> None:
    await build(client)
    answer = await client.get(f"{CONFIGS}/1/preview?{query}")
    assert answer.status_code == 422
    assert [problem["loc"][:2] for problem in answer.json()["detail"]] == [["query", field]]


async def test_the_farthest_preview_is_answered(client: httpx2.AsyncClient) -> None:
    await build(client, {"day_number": 100_000, "interval_hours": 8760}, {"day_number": 0, "interval_hours": 8760})
    found = await get(client, "1/preview?start=2100-12-31T23:59:59Z&count=50")
    assert len(found["sends"]) == 50


async def test_lint_names_what_is_odd(client: httpx2.AsyncClient) -> None:
    await build(client, {"day_number": 1}, {"day_number": 3, "content": "在吗?"}, {"day_number": 2, "is_active": False})
    await build(client, {"day_number": 1}, position="PYTHON开发")
    await build(client, {"day_number": 1}, position="PYTHON开发", is_active=False)
    await client.delete(f"{CONFIGS}/{await build(client, position='PYTHON开发')}")
    found = await get(client, "1/lint")
    assert found["config_id"] == 1
    assert [(finding["rule"], finding["script_id"]) for finding in found["findings"]] == [
        ("no_day_zero", None),
        ("rival_config", None),
        ("gap", None),
        ("inactive_script", 3),
        ("echo_prone", 2),
    ]
    assert set(found["findings"][0]) == {"rule", "severity", "message", "script_id"}
    assert "2" in found["findings"][1]["message"]


async def test_stats_count_by_script_and_by_day(client: httpx2.AsyncClient, database: Database) -> None:
    config = await build(
        client,
        {"day_number": 1},
        {"day_number": 2},
        {"day_number": 0, "content": "您好,如果您感兴趣可以随时联系我。"},
        {"day_number": 3},
    )
    await client.delete("/api/followup-scripts/4")
    async with database.connection() as connection:
        for person, state in ((1, "converted"), (2, "replied"), (3, "active"), (4, "active")):
            await connection.execute(
                "INSERT INTO contact (id, bot_id, user_id) VALUES ($1, 1, $2)", person, f"u{person}"
            )
            await connection.execute(
                "INSERT INTO follow_up_enrollment (id, contact_id, bot_id, config_id, state, enrolled_at)"
                " OVERRIDING SYSTEM VALUE VALUES ($1, $1, 1, $2, $3, now())",
                person,
                config,
                state,
            )
        # Person, script, day, kind, status, whether it was answered.
        records = [
            (1, None, None, "opening", "sent", False),
            (2, None, None, "opening", "sent", True),
            (3, None, None, "opening", "failed", False),
            (1, 1, 1, "script", "sent", True),
            (3, 1, 1, "script", "unknown", False),
            (3, 3, 2, "script", "sent", False),
            (3, 3, 3, "script", "sent", False),
            (4, 1, 1, "script", "reserved", False),
            (4, None, None, "manual", "sent", True),
            (4, 1, 1, "test", "sent", True),
        ]
        for person, script, day, kind, status, answered in records:
            await connection.execute(
                "INSERT INTO follow_up_record (bot_id, contact_id, enrollment_id, config_id, script_id, day_number,"
                " kind, status, key, content, reserved_at, got_reply)"
                " VALUES (1, $1, $1, $2, $3, $4, $5, $6, $7, 'x', now(), $8)",
                person,
                config,
                script,
                day,
                kind,
                status,
                uuid.uuid4(),
                answered,
            )
    found = await get(client, f"{config}/stats")
    assert (found["config_id"], found["enrolled"]) == (config, 4)
    assert found["states"] == {"converted": 1, "replied": 1, "active": 2}
    assert [found["total"][name] for name in COUNTS] == [6, 5, 1, 1, 2, 1]
    assert (found["total"]["delivery_rate"], found["total"]["reply_rate"], found["total"]["details_rate"]) == (
        0.8333,
        0.3333,
        0.1667,
    )
    by_script = [
        (group["script_id"], group["day_number"], [group["outcome"][name] for name in COUNTS])
        for group in found["by_script"]
    ]
    assert by_script == [
        (None, None, [2, 2, 0, 1, 1, 0]),
        (1, 1, [2, 1, 1, 0, 1, 1]),
        (2, 2, [0, 0, 0, 0, 0, 0]),
        (3, 0, [2, 2, 0, 0, 0, 0]),
    ]
    assert found["by_script"][2]["outcome"]["reply_rate"] is None
    by_day = [(group["day_number"], [group["outcome"][name] for name in COUNTS]) for group in found["by_day"]]
    assert by_day == [
        (None, [2, 2, 0, 1, 1, 0]),
        (1, [2, 1, 1, 0, 1, 1]),
        (2, [1, 1, 0, 0, 0, 0]),
        (3, [1, 1, 0, 0, 0, 0]),
    ]


async def test_stats_of_a_config_that_did_nothing(client: httpx2.AsyncClient) -> None:
    found = await get(client, f"{await build(client)}/stats")
    assert (found["enrolled"], found["states"], found["by_script"], found["by_day"]) == (0, {}, [], [])
    assert found["total"] == dict.fromkeys(COUNTS, 0) | {
        "delivery_rate": None,
        "reply_rate": None,
        "details_rate": None,
    }
