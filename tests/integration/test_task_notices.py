"""Finished calls told to a task's receiver: signed, once each, tried again, given up, sent again; nowhere forbidden."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from app.clock import ManualClock
from app.config import Settings
from app.domain.calls import NumberStatus
from app.errors import InvalidInputError
from app.gateways.receivers import Receivers
from app.main import create_app
from app.repositories.database import Database
from app.services.agent.notices import check_receiver, reach_of
from app.services.agent.notifier import Notifier
from app.services.outbox import PAUSES
from tests.agent import AGENT, add_account, add_group, add_seat
from tests.faults.gateway import BROKEN, CLOSE, HANG, RUBBISH, Reply
from tests.helpers import add_contact
from tests.people import rows, value
from tests.receivers import Receiver, running_receiver
from tests.task_records import add_config, add_number, add_record, add_task, end, said

MINE = f"{AGENT}/u-1"


@pytest.fixture
def clock() -> ManualClock:
    """The library that checks signatures uses the machine's clock."""
    return ManualClock(datetime.now(UTC).replace(microsecond=0))


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(
        update={"notify_private": True, "gateway_timeout_seconds": 1.0, "public_url": "https://huiyin.example.com"}
    )


@pytest.fixture(autouse=True)
async def account(client: httpx2.AsyncClient) -> str:
    return await add_account(client)


@pytest.fixture
def notifier(app: FastAPI) -> Notifier:
    found: Notifier = app.state.notifier
    return found


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with running_receiver() as running:
        yield running


async def notice(client: httpx2.AsyncClient, task: int) -> dict[str, Any]:
    """Return the newest notice of a task as the API tells it."""
    answer = await client.get(f"{MINE}/task/{task}/notice")
    assert answer.status_code == 200, answer.text
    newest: dict[str, Any] = answer.json()["data"]["results"][0]
    return newest


async def told(
    database: Database, clock: ManualClock, receiver: Receiver, status: int = NumberStatus.NO_ANSWER, **fields: Any
) -> tuple[int, dict[str, Any]]:
    """Write a task with an ended call that is to be told; returns both."""
    task = await add_task(database, call_notify_url=f"{receiver.url}/calls")
    call = await add_record(database, task, clock.now(), status, **fields)
    await end(database, clock.now(), call)
    return task, call


async def test_what_a_receiver_is_told(
    client: httpx2.AsyncClient,
    app: FastAPI,
    database: Database,
    clock: ManualClock,
    notifier: Notifier,
    receiver: Receiver,
) -> None:
    seat, group = await add_seat(client), await add_group(client)
    config = await add_config(database)
    task = await add_task(database, call_notify_url=f"{receiver.url}/calls", llm_intention_id=config)
    number = await add_number(database, task, name="林小满")
    at = clock.now() - timedelta(hours=1)
    await add_record(database, task, at, NumberStatus.WAITING, number_id=number, is_counted=False)
    await add_record(database, task, at, NumberStatus.NO_ANSWER, number_id=number)
    call = await add_record(
        database, task, at, number_id=number, group_id=group["id"], seat_id=seat, recording_state="stored",
        conversations=said(at, "您好", "我要报名"),
    )  # fmt: skip
    await end(database, clock.now(), call)
    await app.state.reader.read_new()
    await notifier.drain()
    (request,) = receiver.requests
    assert request.target == "/calls"
    secret = (await client.get(f"{MINE}/notify-secret")).json()["data"]["secret"]
    Webhook(secret).verify(request.body, request.headers)
    zone = app.state.context.settings.zone

    def local(moment: datetime) -> str:
        return moment.astimezone(zone).strftime("%Y-%m-%d %H:%M:%S")

    document = request.document
    recording = document["data"].pop("recording")
    assert document == {
        "type": "call.finished",
        "timestamp": (at + timedelta(minutes=1)).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "data": {
            "user_id": "u-1", "task_id": task, "number_id": number, "record_id": call["id"], "phone": call["phone"],
            "number_status": 1, "number_status_str": "呼叫成功", "begin_time": local(at),
            "answer_time": local(at + timedelta(seconds=12)), "end_time": local(at + timedelta(minutes=1)),
            "duration": 48, "intention": 1, "intention_str": "A", "tags": ["1B"],
            "customer_service": {"id": seat, "name": "客服一号"}, "group_id": group["id"], "attempt": 2,
        },
    }  # fmt: skip
    assert recording.startswith(f"https://huiyin.example.com/api/v1/outbound-bot/recordings/{call['job_id']}?expires=")
    shown = await notice(client, task)
    assert (shown["status"], shown["attempts"], shown["record_id"]) == ("delivered", 1, call["id"])
    assert (shown["webhook_id"], shown["last_error"]) == (request.headers["webhook-id"], None)
    assert shown["delivered_at"] == local(clock.now())
    await notifier.drain()
    assert len(receiver.requests) == 1


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (BROKEN, "HTTP 500"),
        (Reply(404), "HTTP 404"),
        (Reply(429, {"Retry-After": "1"}), "HTTP 429"),
        (Reply(302, {"Location": "http://169.254.169.254/"}), "HTTP 302"),
        (CLOSE, "Error"),
        (RUBBISH, "Error"),
        (HANG, "Timeout"),
    ],
)
async def test_what_fails_is_tried_again_under_the_same_id(
    client: httpx2.AsyncClient,
    database: Database,
    clock: ManualClock,
    notifier: Notifier,
    receiver: Receiver,
    reply: Reply,
    error: str,
) -> None:
    task, _ = await told(database, clock, receiver)
    receiver.script.append(reply)
    await notifier.drain()
    shown = await notice(client, task)
    assert (shown["status"], shown["attempts"]) == ("pending", 1)
    assert error in shown["last_error"]
    await notifier.drain()
    assert len(receiver.requests) == 1, "not before the pause is over"
    clock.advance(PAUSES[0])
    await notifier.drain()
    assert (await notice(client, task))["status"] == "delivered"
    first, second = receiver.requests
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert first.body == second.body


async def test_at_last_it_is_given_up_and_can_be_sent_again(
    client: httpx2.AsyncClient, database: Database, clock: ManualClock, notifier: Notifier, receiver: Receiver
) -> None:
    task, _ = await told(database, clock, receiver)
    receiver.default = BROKEN
    for pause in (*PAUSES, timedelta(days=1)):
        await notifier.drain()
        clock.advance(pause)
    await notifier.drain()
    shown = await notice(client, task)
    assert (shown["status"], shown["attempts"], shown["next_try_at"]) == ("dead", len(PAUSES) + 1, None)
    assert len(receiver.requests) == len(PAUSES) + 1
    receiver.default = Reply()
    again = f"{MINE}/task/{task}/notice/{shown['id']}/resend"
    answer = await client.post(again)
    assert (answer.status_code, answer.json()["data"]["status"], answer.json()["data"]["attempts"]) == (
        200,
        "pending",
        0,
    )
    assert (await client.post(again)).status_code == 409
    await notifier.drain()
    assert (await notice(client, task))["status"] == "delivered"
    assert (await client.post(again)).status_code == 200
    await notifier.drain()
    assert len({request.headers["webhook-id"] for request in receiver.requests}) == 1
    assert len(receiver.requests) == len(PAUSES) + 3
    for status, count in (("delivered", 1), ("dead", 0), ("pending", 0)):
        listed = (await client.get(f"{MINE}/task/{task}/notice?status={status}")).json()["data"]
        assert (listed["total"], len(listed["results"]), listed["page"], listed["limit"]) == (count, count, 1, 20)


async def test_a_new_secret_is_valid_at_once(
    client: httpx2.AsyncClient, database: Database, clock: ManualClock, notifier: Notifier, receiver: Receiver
) -> None:
    old = (await client.get(f"{MINE}/notify-secret")).json()["data"]["secret"]
    assert old.startswith("whsec_")
    assert (await client.get(f"{MINE}/notify-secret")).json()["data"]["secret"] == old
    new = (await client.post(f"{MINE}/notify-secret")).json()["data"]["secret"]
    assert new != old
    await told(database, clock, receiver)
    await notifier.drain()
    (request,) = receiver.requests
    Webhook(new).verify(request.body, request.headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(old).verify(request.body, request.headers)
    await add_account(client, "u-2")
    assert (await client.get(f"{AGENT}/u-2/notify-secret")).json()["data"]["secret"] not in {old, new}
    assert (await client.get(f"{AGENT}/nobody/notify-secret")).status_code == 404


async def test_a_dead_receiver_holds_up_nobody_and_costs_few_tries(
    app: FastAPI, database: Database, clock: ManualClock, notifier: Notifier, receiver: Receiver
) -> None:
    async with running_receiver() as dead:
        dead.default = HANG
        stuck = await add_task(database, call_notify_url=f"{dead.url}/x")
        calls = [await add_record(database, stuck, clock.now(), NumberStatus.BUSY) for _ in range(40)]
        await end(database, clock.now(), *calls)
        # Another task, of a host of another name, so that it has room of its own.
        fine = await add_task(database, call_notify_url=f"http://localhost:{receiver.port}/y")
        others = [await add_record(database, fine, clock.now(), NumberStatus.BUSY) for _ in range(40)]
        await end(database, clock.now(), *others)
        drained = asyncio.create_task(notifier.drain())
        while len(receiver.requests) < 40:
            assert not drained.done()
            await asyncio.sleep(0.01)
        assert receiver.most_in_flight <= app.state.context.settings.notify_concurrency
        await drained
    assert dead.most_in_flight <= app.state.context.settings.notify_concurrency
    tried = await value(database, "SELECT count(*) FROM call_notice WHERE task_id = $1 AND attempts > 0", stuck)
    assert 1 <= tried <= 16
    untried = "SELECT count(*) FROM call_notice WHERE task_id = $1 AND attempts = 0 AND status = 'pending'"
    assert await value(database, untried, stuck) == 40 - tried
    assert await value(database, "SELECT count(*) FROM call_notice WHERE status = 'delivered'") == 40


async def test_several_processes_send_each_notice_once(
    app: FastAPI, database: Database, clock: ManualClock, receiver: Receiver
) -> None:
    task = await add_task(database, call_notify_url=f"{receiver.url}/x")
    calls = [await add_record(database, task, clock.now(), NumberStatus.BUSY) for _ in range(50)]
    await end(database, clock.now(), *calls)
    several = [Notifier(app.state.context, app.state.receivers) for _ in range(4)]
    await asyncio.gather(*(each.drain() for each in several))
    assert len(receiver.requests) == 50
    assert len({request.headers["webhook-id"] for request in receiver.requests}) == 50


async def test_a_process_that_dies_leaves_its_notices_to_others(
    database: Database, clock: ManualClock, notifier: Notifier, receiver: Receiver
) -> None:
    await told(database, clock, receiver)
    async with database.transaction() as connection:
        await connection.execute("UPDATE call_notice SET attempts = 1, due_at = $1", clock.now() + notifier._lease)
    await notifier.drain()
    assert receiver.requests == []
    clock.advance(notifier._lease)
    await notifier.drain()
    assert len(receiver.requests) == 1


async def test_of_an_erased_person_neither_number_nor_recording_is_told(
    client: httpx2.AsyncClient, database: Database, clock: ManualClock, notifier: Notifier, receiver: Receiver
) -> None:
    _, call = await told(database, clock, receiver, recording_state="stored")
    person = await add_contact(client, phone=call["phone"])
    assert (await client.delete(f"/api/contacts/{person}")).status_code == 204
    await notifier.drain()
    (request,) = receiver.requests
    assert call["phone"].removeprefix("+86") not in request.body.decode()
    data = request.document["data"]
    assert (data["phone"], data["recording"], data["record_id"]) == ("", "", call["id"])


async def test_a_task_that_wants_nothing_any_more(
    client: httpx2.AsyncClient, database: Database, clock: ManualClock, notifier: Notifier, receiver: Receiver
) -> None:
    task, _ = await told(database, clock, receiver)
    async with database.transaction() as connection:
        await connection.execute("UPDATE call_task SET call_notify_url = NULL")
    await notifier.drain()
    shown = await notice(client, task)
    assert (shown["status"], receiver.requests) == ("dead", [])
    assert "no call_notify_url" in shown["last_error"]


async def test_nothing_leaves_for_addresses_that_are_not_allowed(
    client: httpx2.AsyncClient, app: FastAPI, database: Database, clock: ManualClock, receiver: Receiver
) -> None:
    """Checked where a task is written and, as a name may stand for anything later, right before each request."""
    strict = app.state.context.settings.model_copy(update={"notify_private": False})
    object.__setattr__(app.state.context, "settings", strict)
    for url in (f"{receiver.url}/x", "http://169.254.169.254/latest", "http://127.1/x", "http://[::1]/x"):
        with pytest.raises(InvalidInputError) as refused:
            check_receiver(app.state.context, url)
        assert refused.value.field == ("body", "call_notify_url")
    check_receiver(app.state.context, None)
    check_receiver(app.state.context, "https://hooks.example.com/x")
    task = await add_task(database, call_notify_url=f"http://localhost:{receiver.port}/x")
    call = await add_record(database, task, clock.now(), NumberStatus.BUSY)
    await end(database, clock.now(), call)
    # As `create_app` makes them from these settings.
    receivers = Receivers(reach_of(app.state.context), timeout_seconds=1, max_connections=1)
    await Notifier(app.state.context, receivers).drain()
    await receivers.close()
    shown = await notice(client, task)
    assert (shown["status"], receiver.requests) == ("pending", [])
    assert "not allowed" in shown["last_error"]


async def test_whose_notices_they_are(
    client: httpx2.AsyncClient, database: Database, clock: ManualClock, receiver: Receiver
) -> None:
    task, _ = await told(database, clock, receiver)
    other = await add_task(database)
    await add_account(client, "u-2")
    shown = await notice(client, task)
    for path in (
        f"{AGENT}/u-2/task/{task}/notice",
        f"{MINE}/task/999/notice",
    ):
        assert (await client.get(path)).status_code == 404, path
    for path in (
        f"{AGENT}/u-2/task/{task}/notice/{shown['id']}/resend",
        f"{MINE}/task/{other}/notice/{shown['id']}/resend",
        f"{MINE}/task/{task}/notice/999/resend",
    ):
        assert (await client.post(path)).status_code == 404, path
    assert await rows(database, "SELECT status FROM call_notice") == [{"status": "pending"}]


async def test_the_scheduler_reads_and_tells_by_itself(
    settings: Settings, database: Database, clock: ManualClock, receiver: Receiver
) -> None:
    config = await add_config(database, llm_type=2)
    task = await add_task(database, call_notify_url=f"{receiver.url}/x", llm_intention_id=config)
    call = await add_record(database, task, clock.now(), conversations=said(clock.now(), "您好", "别再打了"))
    quiet = await add_record(database, task, clock.now(), conversations=said(clock.now(), "您好", "我要报名"))
    await end(database, clock.now(), call, quiet)
    service = create_app(settings.model_copy(update={"jobs": True, "tick_seconds": 0.05}), clock=clock)
    async with service.router.lifespan_context(service), asyncio.timeout(60):
        while await value(database, "SELECT count(*) FROM call_notice WHERE status = 'delivered'") < 2:  # noqa: ASYNC110 - a table rings no bell
            await asyncio.sleep(0.02)
    told_levels = {
        request.document["data"]["record_id"]: request.document["data"]["intention"] for request in receiver.requests
    }
    assert told_levels == {call["id"]: 4, quiet["id"]: 1}
    assert await value(database, "SELECT value FROM do_not_contact") == call["phone"]
