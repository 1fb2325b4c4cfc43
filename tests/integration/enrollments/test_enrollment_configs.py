"""Which config a person gets, and who waits for one."""

import pytest

from app.services.context import Context
from app.services.dispatch.dispatcher import Dispatcher
from app.services.rearm import rearm
from tests.helpers import add_contact, make_config
from tests.integration.enrollments.helpers import Client, enroll, seed_config, sent, state_of


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
