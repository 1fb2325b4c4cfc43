"""Putting people into sequences: an answer for each, the choice of a config, holding and stopping, plans."""

from datetime import timedelta
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI

from app.clock import ManualClock
from app.repositories.database import Database
from app.services.context import Context
from app.services.dispatch.dispatcher import Dispatcher
from app.services.rearm import rearm
from tests.helpers import add_contact, add_script, make_config
from tests.people import rows

HOUR = timedelta(hours=1)
MOMENT = timedelta(microseconds=1)
Client = httpx2.AsyncClient


@pytest.fixture
def context(app: FastAPI) -> Context:
    found: Context = app.state.context
    return found


@pytest.fixture
def dispatcher(context: Context) -> Dispatcher:
    return Dispatcher(context, context.messenger)


async def enroll(client: Client, *contact_ids: int, **fields: Any) -> list[dict[str, Any]]:
    answer = await client.post("/api/followup-enrollments", json={"contact_ids": list(contact_ids), **fields})
    assert answer.status_code == 201, answer.text
    results: list[dict[str, Any]] = answer.json()["results"]
    return results


async def enroll_one(client: Client, contact_id: int, **fields: Any) -> int:
    result = (await enroll(client, contact_id, **fields))[0]
    assert result["enrollment_id"] is not None, result
    enrollment_id: int = result["enrollment_id"]
    return enrollment_id


async def say(client: Client, contact_id: int, content: str, message_id: str = "m1") -> None:
    item = {"message_id": message_id, "contact_id": contact_id, "fromId": 0, "content": content}
    answer = await client.post("/api/messages/inbound", json={"messages": [item]})
    assert answer.json()["accepted"] == 1, answer.text


async def state_of(client: Client, enrollment_id: int) -> tuple[str, str | None]:
    row = (await client.get(f"/api/followup-enrollments/{enrollment_id}")).json()
    return row["state"], row["reason"]


async def plan_of(client: Client, enrollment_id: int) -> dict[str, Any]:
    answer = await client.get(f"/api/followup-enrollments/{enrollment_id}/plan")
    assert answer.status_code == 200, answer.text
    plan: dict[str, Any] = answer.json()
    return plan


async def sent(client: Client, contact_id: int) -> list[tuple[str, str]]:
    answer = await client.get(f"/api/followup-records?contact_id={contact_id}&page_size=500")
    return [(row["kind"], row["content"]) for row in reversed(answer.json()["results"])]


async def seed_config(client: Client, **fields: Any) -> int:
    config = await make_config(client, **({"opening_message": "开场白"} | fields))
    await add_script(client, config, day=1, content="第一天")
    await add_script(client, config, day=2, content="第二天")
    await add_script(client, config, day=0, content="往后一直", hours=72)
    return config


# An answer for each


async def test_an_answer_for_each_kind_of_person_in_the_order_of_the_list(client: Client) -> None:
    config = await seed_config(client)
    ids = [await add_contact(client) for _ in range(6)]
    new, running, replied, converted, refused, restarted = ids
    await enroll(client, running, replied, converted, restarted)
    await say(client, replied, "好的,聊聊", "a")
    await say(client, restarted, "好的,聊聊", "b")
    await say(client, converted, "我的微信是 wx_abc12345", "c")
    await client.post(f"/api/contacts/{refused}/do-not-contact")
    results = await enroll(client, refused, 999_999, converted, replied, running, new, new)
    assert [(result["contact_id"], result["status"], result["config_id"]) for result in results] == [
        (refused, "do_not_contact", None),
        (999_999, "not_found", None),
        (converted, "converted", None),
        (replied, "needs_restart", None),
        (running, "already_enrolled", None),
        (new, "enrolled", config),
    ]
    known = {"enrolled", "already_enrolled"}
    assert all((result["enrollment_id"] is not None) == (result["status"] in known) for result in results)
    assert all(result["message"] for result in results)
    again = await enroll(client, restarted, converted, refused, restart=True)
    assert [result["status"] for result in again] == ["enrolled", "converted", "do_not_contact"]


async def test_an_answer_counts_who_entered(client: Client) -> None:
    await seed_config(client, position="A")
    ids = [await add_contact(client, position=position) for position in ("A", "B")]
    answer = await client.post("/api/followup-enrollments", json={"contact_ids": [*ids, 999_999]})
    assert {key: answer.json()[key] for key in ("total", "enrolled")} == {"total": 3, "enrolled": 2}
    assert [result["status"] for result in answer.json()["results"]] == ["enrolled", "waiting", "not_found"]


async def test_everybody_of_a_position(client: Client) -> None:
    await seed_config(client)
    of_it = [await add_contact(client, position=position) for position in ("Python开发", " PYTHON开发 ")]
    await add_contact(client, position="Java开发")
    await add_contact(client)
    answer = await client.post("/api/followup-enrollments", json={"position": "python开发"})
    assert [result["contact_id"] for result in answer.json()["results"]] == of_it
    nobody = (await client.post("/api/followup-enrollments", json={"position": "Go开发"})).json()
    assert nobody == {"total": 0, "enrolled": 0, "results": []}


async def test_ten_thousand_in_one_call_are_taken_and_one_more_is_refused(client: Client, database: Database) -> None:
    await seed_config(client)
    async with database.transaction() as connection:
        await connection.execute(
            "INSERT INTO contact (bot_id, user_id, position, position_key, created_at, updated_at)"
            " SELECT 1, 'many-' || n, '测试', '测试', now(), now() FROM generate_series(1, 10001) n"
        )
    ids = [row["id"] for row in await rows(database, "SELECT id FROM contact ORDER BY id DESC LIMIT 10000")]
    results = await enroll(client, *ids)
    assert [result["contact_id"] for result in results] == ids
    assert {result["status"] for result in results} == {"enrolled"}
    assert (await client.get("/api/followup-enrollments")).json()["total"] == 10_000
    answer = await client.post("/api/followup-enrollments", json={"position": "测试"})
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"] == ["body", "position"]


# Restart


async def test_a_restart_is_a_new_enrollment_without_a_second_opening(
    client: Client, dispatcher: Dispatcher, clock: ManualClock
) -> None:
    await seed_config(client)
    contact = await add_contact(client)
    first = await enroll_one(client, contact)
    await dispatcher.drain()
    clock.advance(HOUR)
    await say(client, contact, "在考虑")
    second = await enroll_one(client, contact, restart=True)
    assert second != first
    await dispatcher.drain()
    clock.advance(23 * HOUR)
    await dispatcher.drain()
    assert await sent(client, contact) == [("opening", "开场白")], "its interval runs from the opening"
    clock.advance(MOMENT)
    await dispatcher.drain()
    assert await sent(client, contact) == [("opening", "开场白"), ("script", "第一天")]
    assert (await state_of(client, first))[0] == "replied"
    assert (await state_of(client, second))[0] == "active"


@pytest.mark.parametrize("status", ["reserved", "unknown"])
async def test_an_opening_that_may_have_arrived_is_not_sent_again(
    client: Client, dispatcher: Dispatcher, database: Database, status: str
) -> None:
    await seed_config(client)
    contact = await add_contact(client)
    first = await enroll_one(client, contact)
    await dispatcher.drain()
    async with database.transaction() as connection:
        await connection.execute("UPDATE follow_up_record SET status = $1", status)
        await connection.execute("UPDATE contact SET opening_sent_at = NULL")
    await client.post(f"/api/followup-enrollments/{first}/stop")
    await enroll(client, contact, restart=True)
    stored = await rows(database, "SELECT opening_pending FROM follow_up_enrollment ORDER BY id DESC LIMIT 1")
    assert stored == [{"opening_pending": False}]


async def test_without_an_opening_the_interval_runs_from_the_last_message_known(
    client: Client, dispatcher: Dispatcher, clock: ManualClock
) -> None:
    await seed_config(client)
    contact = await add_contact(client)
    await client.post("/api/followup-records/send", json={"contact_id": contact, "content": "手动的一条"})
    clock.advance(20 * HOUR)
    await enroll(client, contact, opening=False)
    for step, count in ((4 * HOUR, 1), (MOMENT, 2)):
        clock.advance(step)
        await dispatcher.drain()
        assert len(await sent(client, contact)) == count


# Which config


@pytest.mark.parametrize(
    ("configs", "position", "expected"),
    [
        pytest.param(["Python开发", None], "Python开发", 0, id="exactly the position before the general one"),
        pytest.param([None, "Python开发"], " python开发 ", 1, id="whatever case and edges"),
        pytest.param(["\uff30\uff39\uff34\uff28\uff2f\uff2e开发"], "Python开发", 0, id="and width"),
        pytest.param(["Python", None], "Python开发", 1, id="a part of it is not the position"),
        pytest.param(["A", "A", None, None], "A", 1, id="of several the newest"),
        pytest.param(["A", None, None], "B", 2, id="of several general ones too"),
        pytest.param(["A", ""], None, 1, id="an empty position is the general one"),
        pytest.param(["A"], None, None, id="none"),
    ],
)
async def test_the_choice_of_a_config(
    client: Client, configs: list[str | None], position: str | None, expected: int | None
) -> None:
    made = [await make_config(client, position=wanted) for wanted in configs]
    contact = await add_contact(client, position=position)
    result = (await enroll(client, contact))[0]
    assert result["config_id"] == (None if expected is None else made[expected])
    assert result["status"] == ("waiting" if expected is None else "enrolled")


async def test_inactive_and_deleted_configs_are_not_chosen(client: Client) -> None:
    older = await make_config(client)
    inactive = await make_config(client)
    deleted = await make_config(client)
    await client.put(f"/api/followup-configs/{inactive}", json={"is_active": False})
    await client.delete(f"/api/followup-configs/{deleted}")
    assert (await enroll(client, await add_contact(client)))[0]["config_id"] == older


async def test_a_config_that_is_named_is_taken(client: Client) -> None:
    named = await make_config(client, position="A")
    await make_config(client)
    contact = await add_contact(client, position="B")
    assert (await enroll(client, contact, config_id=named))[0]["config_id"] == named
    answer = await client.post("/api/followup-enrollments", json={"contact_ids": [contact], "config_id": 987_654})
    assert answer.status_code == 404
    await client.delete(f"/api/followup-configs/{named}")
    answer = await client.post("/api/followup-enrollments", json={"contact_ids": [contact], "config_id": named})
    assert answer.status_code == 409


async def test_the_choice_is_pinned(client: Client, dispatcher: Dispatcher, context: Context) -> None:
    await seed_config(client, opening_message="第一个")
    contact = await add_contact(client)
    await enroll(client, contact)
    await seed_config(client, opening_message="更新的一个")
    await rearm(context)
    await dispatcher.drain()
    assert await sent(client, contact) == [("opening", "第一个")]


async def test_who_waits_is_picked_up_when_a_config_is_activated(
    client: Client, dispatcher: Dispatcher, context: Context
) -> None:
    contact = await add_contact(client, position="A")
    other = await add_contact(client, position="B")
    waiting, still = [(await enroll(client, person))[0]["enrollment_id"] for person in (contact, other)]
    assert await state_of(client, waiting) == ("waiting", "no_matching_config")
    config = await seed_config(client, position="A", is_active=False)
    await rearm(context)
    assert (await state_of(client, waiting))[0] == "waiting"
    await client.put(f"/api/followup-configs/{config}", json={"is_active": True})
    await rearm(context)
    await dispatcher.drain()
    assert (await state_of(client, waiting))[0] == "active"
    assert await sent(client, contact) == [("opening", "开场白")]
    assert await state_of(client, still) == ("waiting", "no_matching_config")
    await seed_config(client)
    await rearm(context)
    assert (await state_of(client, still))[0] == "active", "a general config takes the rest"


async def test_who_waits_is_picked_up_under_another_position(
    client: Client, dispatcher: Dispatcher, context: Context
) -> None:
    await seed_config(client, position="A")
    contact = await add_contact(client, position="B")
    waiting = (await enroll(client, contact))[0]["enrollment_id"]
    answer = await client.put(f"/api/contacts/{contact}", json={"position": "A"})
    assert answer.status_code == 200, answer.text
    await rearm(context)
    await dispatcher.drain()
    assert (await state_of(client, waiting))[0] == "active"
    assert await sent(client, contact) == [("opening", "开场白")]


async def test_who_was_paused_while_a_config_was_activated_gets_it_when_resumed(
    client: Client, dispatcher: Dispatcher, context: Context
) -> None:
    contact = await add_contact(client)
    enrollment = (await enroll(client, contact))[0]["enrollment_id"]
    await client.post(f"/api/followup-enrollments/{enrollment}/pause")
    await seed_config(client)
    await rearm(context)
    assert (await state_of(client, enrollment))[0] == "paused"
    answer = await client.post(f"/api/followup-enrollments/{enrollment}/resume")
    assert answer.json()["state"] == "active"
    await dispatcher.drain()
    assert len(await sent(client, contact)) == 1


# Pause, resume, stop


async def test_pausing_resuming_and_stopping(client: Client, dispatcher: Dispatcher, clock: ManualClock) -> None:
    await seed_config(client)
    contact = await add_contact(client)
    enrollment = await enroll_one(client, contact)
    base = f"/api/followup-enrollments/{enrollment}"
    await dispatcher.drain()
    paused = (await client.post(f"{base}/pause")).json()
    assert (paused["state"], paused["reason"], paused["due_at"]) == ("paused", "paused", None)
    clock.advance(100 * HOUR)
    await dispatcher.drain()
    assert len(await sent(client, contact)) == 1
    resumed = (await client.post(f"{base}/resume")).json()
    assert (resumed["state"], resumed["reason"]) == ("active", None)
    await dispatcher.drain()
    assert len(await sent(client, contact)) == 2, "what became due meanwhile is one message"
    stopped = (await client.post(f"{base}/stop")).json()
    assert (stopped["state"], stopped["reason"], stopped["due_at"]) == ("stopped", "operator", None)
    assert stopped["ended_at"] == clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")
    clock.advance(100 * HOUR)
    await dispatcher.drain()
    assert len(await sent(client, contact)) == 2


@pytest.mark.parametrize(
    ("before", "action"),
    [
        ([], "resume"),
        (["pause"], "pause"),
        (["stop"], "pause"),
        (["stop"], "resume"),
        (["stop"], "stop"),
        (["pause", "stop"], "resume"),
    ],
)
async def test_what_a_state_does_not_allow(client: Client, before: list[str], action: str) -> None:
    await seed_config(client)
    enrollment = await enroll_one(client, await add_contact(client))
    for step in before:
        assert (await client.post(f"/api/followup-enrollments/{enrollment}/{step}")).status_code == 200
    seen = (await client.get(f"/api/followup-enrollments/{enrollment}")).json()
    answer = await client.post(f"/api/followup-enrollments/{enrollment}/{action}")
    assert answer.status_code == 409
    assert action in answer.json()["detail"]
    assert (await client.get(f"/api/followup-enrollments/{enrollment}")).json() == seen


@pytest.mark.parametrize("path", ["", "/plan", "/pause", "/resume", "/stop"])
async def test_an_enrollment_that_does_not_exist(client: Client, path: str) -> None:
    method = "GET" if path in {"", "/plan"} else "POST"
    answer = await client.request(method, f"/api/followup-enrollments/987654{path}")
    assert answer.status_code == 404


# Plans


async def test_a_plan_names_what_comes_and_when(client: Client, dispatcher: Dispatcher, clock: ManualClock) -> None:
    await seed_config(client)
    enrollment = await enroll_one(client, await add_contact(client))
    plan = await plan_of(client, enrollment)
    assert plan["next"] == {"kind": "opening", "day_number": None, "script_id": None, "text": "开场白"}
    assert (plan["blockers"], plan["ends_with"]) == ([], None)
    assert [(planned["at"], planned["day_number"], planned["text"]) for planned in plan["upcoming"]][:5] == [
        ("2026-03-05T10:30:00Z", None, "开场白"),
        ("2026-03-05T10:30:30Z", 1, "第一天"),
        ("2026-03-06T10:30:30Z", 2, "第二天"),
        ("2026-03-09T10:30:30Z", 3, "往后一直"),
        ("2026-03-12T10:30:30Z", 4, "往后一直"),
    ]
    assert len(plan["upcoming"]) == 10
    assert plan["earliest"] == "2026-03-05T10:30:00Z"
    await dispatcher.drain()
    clock.advance(timedelta(seconds=10))
    plan = await plan_of(client, enrollment)
    assert plan["blockers"] == [{"reason": "waiting_reply", "until": "2026-03-05T10:30:30Z"}]
    assert plan["next"]["text"] == "第一天"


def reasons(plan: dict[str, Any]) -> list[str]:
    return [blocker["reason"] for blocker in plan["blockers"]]


async def test_a_plan_names_every_blocker_in_order(client: Client, dispatcher: Dispatcher, clock: ManualClock) -> None:
    config = await make_config(client, opening_message="开场白")
    await add_script(client, config, day=2, content="{{name}}您好", hours=1)
    contact = (await client.post("/api/contacts", json={"position": "A"})).json()["id"]
    enrollment = await enroll_one(client, contact)
    await dispatcher.drain()
    assert reasons(await plan_of(client, enrollment)) == ["interval", "missing_variable"]
    for number in range(4):
        body = {"contact_id": contact, "content": f"手动{number}"}
        assert (await client.post("/api/followup-records/send", json=body)).status_code == 201
    await say(client, contact, "微信号", "x")
    hand = {"message_id": "y", "contact_id": contact, "fromId": 5, "content": "我是同事"}
    await client.post("/api/messages/inbound", json={"messages": [hand]})
    await client.post(f"/api/contacts/{contact}/mute")
    await client.put(f"/api/followup-configs/{config}", json={"is_active": False})
    plan = await plan_of(client, enrollment)
    assert plan["blockers"] == [
        {"reason": "config_inactive", "until": None},
        {"reason": "muted", "until": None},
        {"reason": "needs_review", "until": "2026-03-06T10:30:00Z"},
        {"reason": "human_takeover", "until": "2026-03-06T10:30:00Z"},
        {"reason": "interval", "until": "2026-03-05T11:30:00Z"},
        {"reason": "daily_cap", "until": "2026-03-06T10:30:00Z"},
        {"reason": "missing_variable", "until": None},
    ]
    assert (plan["upcoming"], plan["earliest"], plan["ends_with"]) == ([], None, "config_inactive")
    assert plan["next"]["text"] is None
    clock.advance(30 * HOUR)
    assert reasons(await plan_of(client, enrollment)) == ["config_inactive", "muted", "missing_variable"]


async def test_the_floor_between_automatic_messages_does_not_count_what_was_written_by_hand(
    client: Client, dispatcher: Dispatcher, clock: ManualClock
) -> None:
    config = await make_config(client, opening_message="开场白")
    await add_script(client, config, day=1, content="第一天", hours=0)
    await add_script(client, config, day=2, content="第二天", hours=0)
    contact = await add_contact(client)
    by_hand = {"contact_id": contact, "content": "手动"}
    assert (await client.post("/api/followup-records/send", json=by_hand)).status_code == 201
    enrollment = await enroll_one(client, contact)
    plan = await plan_of(client, enrollment)
    assert (plan["blockers"], plan["earliest"]) == ([], "2026-03-05T10:30:00Z"), "a message by hand delays no opening"
    await dispatcher.drain()
    clock.advance(timedelta(seconds=30))
    await dispatcher.drain()
    assert await sent(client, contact) == [("manual", "手动"), ("opening", "开场白"), ("script", "第一天")]
    clock.advance(timedelta(seconds=40))
    assert (await client.post("/api/followup-records/send", json=by_hand)).status_code == 201
    plan = await plan_of(client, enrollment)
    assert plan["blockers"] == [{"reason": "min_gap", "until": "2026-03-05T10:31:30Z"}]
    assert plan["earliest"] == "2026-03-05T10:31:30Z", "a minute after the first script, not after the one by hand"
    clock.advance(timedelta(seconds=20) - MOMENT)
    await dispatcher.drain()
    assert len(await sent(client, contact)) == 4
    clock.advance(MOMENT)
    await dispatcher.drain()
    assert (await sent(client, contact))[-1] == ("script", "第二天")


async def test_a_plan_while_a_send_is_uncertain_goes_on_behind_it(
    client: Client, dispatcher: Dispatcher, database: Database, clock: ManualClock
) -> None:
    await seed_config(client)
    enrollment = await enroll_one(client, await add_contact(client))
    await dispatcher.drain()
    clock.advance(timedelta(seconds=30))
    async with database.transaction() as connection:
        record = await connection.fetchval(
            "INSERT INTO follow_up_record (bot_id, contact_id, enrollment_id, sequence, config_id, script_id,"
            " day_number, kind, status, key, content, reserved_at, sent_at)"
            " SELECT e.bot_id, e.contact_id, e.id, 2, e.config_id, s.id, 1, 'script', 'unknown', gen_random_uuid(),"
            " s.content, $2, $2 FROM follow_up_enrollment e, follow_up_script s WHERE e.id = $1 AND s.day_number = 1"
            " RETURNING id",
            enrollment,
            clock.now(),
        )
        await connection.execute(
            "UPDATE follow_up_enrollment SET open_record_id = $2, sequence = 2 WHERE id = $1", enrollment, record
        )
        await connection.execute("UPDATE contact SET last_sent_at = $1", clock.now())
    plan = await plan_of(client, enrollment)
    assert plan["blockers"][0] == {"reason": "send_unknown", "until": "2026-03-06T10:30:30Z"}
    assert plan["next"]["text"] == "第二天", "what may have arrived is not planned again"
    assert [planned["text"] for planned in plan["upcoming"]][:2] == ["第二天", "往后一直"]


async def test_a_plan_names_what_will_end_the_sequence_at_the_next_look(
    client: Client, dispatcher: Dispatcher, context: Context, clock: ManualClock
) -> None:
    """Between a deletion and the round that stops its people, and where no text is left."""
    config = await seed_config(client)
    contact = await add_contact(client)
    enrollment = await enroll_one(client, contact)
    await dispatcher.drain()
    await client.delete(f"/api/followup-configs/{config}")
    plan = await plan_of(client, enrollment)
    assert plan["state"] == "active"
    assert plan["blockers"] == [
        {"reason": "config_inactive", "until": None},
        {"reason": "waiting_reply", "until": "2026-03-05T10:30:30Z"},
    ]
    assert (plan["earliest"], plan["upcoming"], plan["ends_with"]) == (None, [], "config_inactive")
    await rearm(context)
    assert await state_of(client, enrollment) == ("stopped", "config_inactive")

    short = await make_config(client, opening_message="只有开场白")
    other = await add_contact(client)
    ending = await enroll_one(client, other, config_id=short)
    await dispatcher.drain()
    plan = await plan_of(client, ending)
    assert (plan["state"], plan["next"], plan["blockers"]) == ("active", None, [{"reason": "no_script", "until": None}])
    assert plan["ends_with"] == "no_script"
    clock.advance(timedelta(seconds=60))
    await dispatcher.drain()
    assert await state_of(client, ending) == ("finished", "no_script")


async def test_plans_of_sequences_that_stand_or_ended(client: Client, context: Context) -> None:
    contact = await add_contact(client)
    waiting = (await enroll(client, contact))[0]["enrollment_id"]
    assert reasons(await plan_of(client, waiting)) == ["no_matching_config"]
    await seed_config(client)
    await rearm(context)
    await client.post(f"/api/followup-enrollments/{waiting}/pause")
    assert reasons(await plan_of(client, waiting)) == ["paused"]
    await client.post(f"/api/contacts/{contact}/do-not-contact")
    plan = await plan_of(client, waiting)
    assert (plan["state"], plan["blockers"], plan["upcoming"]) == ("stopped", [], [])
    assert plan["ends_with"] == "do_not_contact"


# The list


async def test_the_list_and_its_filters(client: Client, dispatcher: Dispatcher) -> None:
    config = await seed_config(client, position="A")
    active, waiting, muted = [await add_contact(client, position=position) for position in ("A", "B", "A")]
    await client.post(f"/api/contacts/{muted}/mute")
    ids = [result["enrollment_id"] for result in await enroll(client, active, waiting, muted)]
    await dispatcher.drain()

    async def listed(query: str) -> list[int]:
        page = (await client.get(f"/api/followup-enrollments?{query}")).json()
        assert page["total"] == len(page["results"])
        return [row["id"] for row in page["results"]]

    assert await listed("") == sorted(ids, reverse=True)
    assert await listed("state=waiting") == [ids[1]]
    assert await listed("reason=muted") == [ids[2]]
    assert await listed(f"config_id={config}&state=active") == sorted([ids[0], ids[2]], reverse=True)
    assert await listed(f"contact_id={active}") == [ids[0]]
    assert await listed("reason=send_unknown") == []
    page = (await client.get("/api/followup-enrollments?page=2&page_size=2")).json()
    assert (page["total"], page["page"], page["page_size"]) == (3, 2, 2)
    assert [row["id"] for row in page["results"]] == [min(ids)]
    row = (await client.get(f"/api/followup-enrollments?contact_id={active}")).json()["results"][0]
    assert {key: row[key] for key in ("state", "reason", "day", "sent", "due_at", "name", "position")} == {
        "state": "active",
        "reason": "waiting_reply",
        "day": 1,
        "sent": 1,
        "due_at": "2026-03-05T10:30:30Z",
        "name": "林小满",
        "position": "A",
    }


# Bad input


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ({}, []),
        ({"contact_ids": [1], "position": "A"}, []),
        ({"contact_ids": []}, ["contact_ids"]),
        ({"contact_ids": list(range(1, 10_002))}, ["contact_ids"]),
        ({"contact_ids": "1"}, ["contact_ids"]),
        ({"contact_ids": [0]}, ["contact_ids", 0]),
        ({"contact_ids": [1, -1]}, ["contact_ids", 1]),
        ({"contact_ids": [2**63]}, ["contact_ids", 0]),
        ({"contact_ids": ["1"]}, ["contact_ids", 0]),
        ({"contact_ids": [True]}, ["contact_ids", 0]),
        ({"contact_ids": [1.5]}, ["contact_ids", 0]),
        ({"contact_ids": [None]}, ["contact_ids", 0]),
        ({"position": ""}, ["position"]),
        ({"position": "   "}, ["position"]),
        ({"position": "甲" * 65}, ["position"]),
        ({"position": 7}, ["position"]),
        ({"contact_ids": [1], "opening": "yes"}, ["opening"]),
        ({"contact_ids": [1], "opening": None}, ["opening"]),
        ({"contact_ids": [1], "restart": 1}, ["restart"]),
        ({"contact_ids": [1], "config_id": "1"}, ["config_id"]),
        ({"contact_ids": [1], "config_id": 0}, ["config_id"]),
        ({"contact_ids": [1], "contacts": [2]}, ["contacts"]),
    ],
)
async def test_bad_input_names_its_field(client: Client, body: dict[str, Any], place: list[Any]) -> None:
    answer = await client.post("/api/followup-enrollments", json=body)
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"] == ["body", *place]


@pytest.mark.parametrize("position", ["A\x00", "\ud800"])
async def test_positions_that_cannot_be_stored(client: Client, position: str) -> None:
    body = b'{"position": "%s"}' % position.encode("unicode_escape").replace(b"\\x00", b"\\u0000")
    answer = await client.post("/api/followup-enrollments", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 422
    assert "position" in answer.text


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("state=gone", "state"),
        ("reason=Muted", "reason"),
        ("config_id=0", "config_id"),
        ("contact_id=9223372036854775808", "contact_id"),
        ("contact_id=x", "contact_id"),
        ("page=0", "page"),
        ("page_size=501", "page_size"),
    ],
)
async def test_bad_filters_name_themselves(client: Client, query: str, field: str) -> None:
    answer = await client.get(f"/api/followup-enrollments?{query}")
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"] == ["query", field]
