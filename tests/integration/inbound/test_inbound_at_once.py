"""Inbound messages that come at once, or while messages leave: each has its effect once."""

import asyncio
from typing import Any

from app.clock import ManualClock
from app.repositories.database import Database
from app.services.dispatch.dispatcher import Dispatcher
from tests.helpers import add_contact, add_script, make_config
from tests.integration.inbound.helpers import (
    HOUR,
    MOMENT,
    Client,
    counts,
    item,
    messages,
    post,
    records,
)
from tests.people import value


async def test_ten_who_accept_at_once_do_it_once(client: Client, contact: int, database: Database) -> None:
    async with database.transaction() as connection:
        await connection.execute("UPDATE bot SET event_url = 'http://127.0.0.1:9/'")
    await post(client, item(contact, "微信号"))
    message = (await messages(client, contact))[-1]
    answers = await asyncio.gather(*(client.post(f"/api/messages/{message['id']}/accept") for _ in range(10)))
    assert {answer.status_code for answer in answers} == {200}
    assert await value(database, "SELECT count(*) FROM outbox_event WHERE kind = 'replied'") == 1


async def test_the_same_batch_ten_times_at_once_has_one_effect(
    client: Client, contact: int, database: Database
) -> None:
    batch = [
        item(contact, "好的,我的微信是 wx_abc12345", "1"),
        {"message_id": "2", "user_id": "新人", "fromId": 0, "content": "你们还招人吗"},
    ]
    receipts = await asyncio.gather(*(post(client, *batch) for _ in range(10)))
    assert sum(receipt["accepted"] for receipt in receipts) == 2
    assert sum(receipt["duplicates"] for receipt in receipts) == 18
    assert sum(receipt["replies"] for receipt in receipts) == 2
    assert await value(database, "SELECT count(*) FROM chat_message WHERE direction = 'inbound'") == 2
    assert await value(database, "SELECT count(*) FROM contact WHERE user_id = '新人'") == 1
    assert await value(database, "SELECT count(*) FROM contact_record") == 1
    assert await value(database, "SELECT count(*) FROM audit_entry WHERE action = 'reply'") == 1


async def test_batches_that_cross_each_other_all_arrive(client: Client, database: Database) -> None:
    people = [await add_contact(client) for _ in range(6)]

    async def batch(number: int) -> dict[str, Any]:
        order = people if number % 2 else people[::-1]
        return await post(client, *(item(person, f"第{number}次", f"{number}-{person}") for person in order))

    receipts = await asyncio.gather(*(batch(number) for number in range(8)))
    assert sum(receipt["accepted"] for receipt in receipts) == 48
    gaps = await value(
        database,
        "SELECT count(*) FROM contact c WHERE message_count <> 8 OR 8 <>"
        " (SELECT count(DISTINCT ordinal) FROM chat_message m WHERE m.contact_id = c.id AND ordinal BETWEEN 1 AND 8)",
    )
    assert gaps == 0


async def test_two_replies_at_once_answer_once(client: Client, contact: int, database: Database) -> None:
    receipts = await asyncio.gather(*(post(client, item(contact, f"回复{name}", name)) for name in "ab"))
    assert [counts(receipt) for receipt in receipts] == [(1, 0, 0, 1)] * 2
    assert await value(database, "SELECT count(*) FROM follow_up_record WHERE got_reply") == 1
    first = await value(database, "SELECT text FROM chat_message WHERE direction = 'inbound' ORDER BY ordinal LIMIT 1")
    assert (await records(client, contact))[0]["reply_content"] == first


async def test_who_answers_while_messages_leave_gets_nothing_after_the_answer(
    client: Client, dispatcher: Dispatcher, database: Database, clock: ManualClock
) -> None:
    config = await make_config(client, opening_message="开场白")
    await add_script(client, config, day=2, content="第二天的一条")
    people = [await add_contact(client) for _ in range(40)]
    await client.post("/api/followup-enrollments", json={"contact_ids": people})
    await dispatcher.drain()
    clock.advance(24 * HOUR + MOMENT)

    async def answer(person: int) -> None:
        await asyncio.sleep(person % 7 * 0.004)
        await post(client, item(person, "在的,聊聊", f"r{person}"))

    await asyncio.gather(dispatcher.drain(), *(answer(person) for person in people))
    await dispatcher.drain()
    after = await value(
        database,
        "SELECT count(*) FROM chat_message m WHERE m.direction = 'outbound' AND EXISTS ("
        " SELECT FROM chat_message r WHERE r.contact_id = m.contact_id AND r.direction = 'inbound'"
        " AND r.ordinal < m.ordinal)",
    )
    assert after == 0
    assert await value(database, "SELECT count(*) FROM follow_up_enrollment WHERE state <> 'replied'") == 0


async def test_a_person_who_is_answering_is_skipped_not_waited_for(
    client: Client, contact: int, dispatcher: Dispatcher, database: Database, clock: ManualClock
) -> None:
    clock.advance(24 * HOUR + MOMENT)
    async with database.transaction() as connection:
        await connection.execute("SELECT FROM contact WHERE id = $1 FOR NO KEY UPDATE", contact)
        async with asyncio.timeout(60):
            await dispatcher.drain()
        assert len(await records(client, contact)) == 1
    await dispatcher.drain()
    assert len(await records(client, contact)) == 2
