"""Unique rules of people, messages and sequences."""

from datetime import timedelta
from typing import Any

from app.services.dispatch.dispatcher import Dispatcher
from tests.helpers import add_contact, add_script, make_config
from tests.integration.unique_rules.storms import ONE_AND_CONFLICTS, WRITERS, World, at_once, call, exercises, outcomes
from tests.people import rows


def inbound(contact: int, message_id: str, content: str = "在的") -> dict[str, Any]:
    message = {"message_id": message_id, "contact_id": contact, "fromId": 0, "content": content}
    return {"messages": [message]}


@exercises("uq_contact_bot_id_user_id", "pk_contact_search")
async def contacts(world: World) -> None:
    answers = await call(world, "POST", "/api/contacts", {"user_id": "u-1", "name": "林小满"})
    assert outcomes(answers) == ONE_AND_CONFLICTS
    assert await world.count("contact WHERE user_id = 'u-1'") == 1
    body = {"messages": [{"message_id": "m", "user_id": "u-2", "fromId": 0, "content": "在的"}]}
    assert outcomes(await call(world, "POST", "/api/messages/inbound", body)) == {200: WRITERS}
    question = {"fromUserId": "u-3", "textMessage": "几点开门"}
    assert outcomes(await call(world, "POST", "/api/chatbot/conversation/query", question)) == {0: WRITERS}
    assert await world.count("contact") == await world.count("contact_search") == 3


@exercises("uq_chat_message_bot_id_external_id")
async def messages(world: World) -> None:
    contact = await add_contact(world.client)
    answers = await call(world, "POST", "/api/messages/inbound", inbound(contact, "m-1"))
    told = [answer.json() for answer in answers]
    assert (sum(each["accepted"] for each in told), sum(each["duplicates"] for each in told)) == (1, WRITERS - 1)
    assert await world.count("chat_message") == 1


@exercises("uq_chat_message_contact_id_ordinal", "uq_contact_record_contact_id_kind_value")
async def ordinals(world: World) -> None:
    contact = await add_contact(world.client)
    answers = await call(
        world,
        "POST",
        "/api/messages/inbound",
        lambda number: inbound(contact, f"m-{number}", "我的微信是 wx_example88"),
    )
    assert sum(answer.json()["accepted"] for answer in answers) == WRITERS
    found = await rows(world.database, "SELECT ordinal FROM chat_message ORDER BY 1")
    assert [row["ordinal"] for row in found] == list(range(1, WRITERS + 1))
    assert await world.count("contact_record") == 1


@exercises("uq_do_not_contact_kind_value")
async def identifiers(world: World) -> None:
    body = {"identifiers": [{"kind": "phone", "value": "13900001234"}, {"kind": "wechat", "value": "wx_example88"}]}
    turned = {"identifiers": body["identifiers"][::-1]}
    answers = await call(world, "POST", "/api/do-not-contact", lambda number: turned if number % 2 else body)
    assert all(answer.status_code < 300 for answer in answers)
    assert await world.count("do_not_contact") == 2


@exercises("uq_follow_up_enrollment_open", "uq_follow_up_record_enrollment_id_sequence")
async def enrollments(world: World) -> None:
    contact = await add_contact(world.client)
    config = await make_config(world.client)
    await add_script(world.client, config, day=1, content="您好", hours=0)
    answers = await call(world, "POST", "/api/followup-enrollments", {"contact_ids": [contact]})
    assert all("enrolled" in answer.json() for answer in answers), [answer.text for answer in answers]
    assert sum(answer.json()["enrolled"] for answer in answers) == 1
    assert await world.count("follow_up_enrollment") == 1
    world.clock.advance(timedelta(hours=1))
    context = world.app.state.context
    await at_once(lambda _number: Dispatcher(context, context.messenger).drain())
    assert await world.count("follow_up_record") == 1


@exercises("pk_idempotency_key")
async def idempotency_keys(world: World) -> None:
    contact = await add_contact(world.client)

    async def send(_number: int) -> Any:
        return await world.client.post(
            "/api/followup-records/send",
            json={"contact_id": contact, "content": "您好"},
            headers={"Idempotency-Key": "k-1"},
        )

    answers = await at_once(send)
    told = outcomes(answers)
    assert set(told) <= {200, 201, 409}, told
    assert await world.count("follow_up_record") == await world.count("chat_message") == 1
    assert len({answer.json()["id"] for answer in answers if answer.status_code < 300}) == 1
    assert (await send(0)).json()["id"] == next(each.json()["id"] for each in answers if each.status_code < 300)


@exercises("pk_calendar_year")
async def calendar_years(world: World) -> None:
    body = {"holidays": ["2031-01-01"], "workdays": []}
    assert outcomes(await call(world, "PUT", "/api/calendar/2031", body)) == {200: WRITERS}
    assert await world.count("calendar_year WHERE year = 2031") == 1
