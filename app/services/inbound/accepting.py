"""A person judges a filtered message to be an answer after all."""

import asyncpg

from app.domain.contact_details import extract_contact_details
from app.domain.replies import HISTORY_GRACE, Inbound, Judgement, Verdict, record_answered
from app.errors import ConflictError, NotFoundError
from app.repositories import inbound as store
from app.services.context import Context
from app.services.inbound.applying import write_answers
from app.services.inbound.receiving import load_people
from app.services.transactions import in_transaction


async def accept_message(context: Context, message_id: int) -> None:
    """Do for a filtered message all that an answer does; accepting it twice changes nothing more."""

    async def work(connection: asyncpg.Connection) -> None:
        await _accept(connection, context, message_id)

    await in_transaction(context, work)


async def _accept(connection: asyncpg.Connection, context: Context, message_id: int) -> None:
    now = context.clock.now()
    message = await store.find_message(connection, message_id)
    if message is None:
        raise NotFoundError("没有这条消息 (no such message)")
    contacts = await store.lock_contacts(connection, [message["contact_id"]])
    message = await store.find_message(connection, message_id)
    if message is None or message["accepted_at"] is not None:
        return
    if message["filter_reason"] is None:
        raise ConflictError("这条消息没有被过滤 (this message was not filtered)")
    people = await load_people(connection, context, list(contacts.values()))
    person = people[message["contact_id"]]
    enrolled_at = person.enrollment["enrolled_at"] if person.enrollment else None
    is_history = enrolled_at is not None and message["sent_at"] < enrolled_at - HISTORY_GRACE
    record_id = None if is_history else record_answered(message["sent_at"], person.sent)
    judgement = Judgement(Verdict.REPLY, message["text"], record_id, is_history=is_history)
    answer = Inbound(0, message["text"], message["sent_at"])
    person.apply_answer(judgement, answer, extract_contact_details(message["text"]), 0)
    person.review_hold_until = None
    await store.mark_accepted(connection, message_id, now)
    await store.update_contacts(connection, [person.update()])
    await write_answers(connection, [person], {(message["contact_id"], 0): message_id}, now)
