"""Write everything that a batch of messages changes, a statement for each kind of change."""

from collections.abc import Sequence
from datetime import datetime

import asyncpg

from app.repositories import audit
from app.repositories import inbound as store
from app.repositories.inbound import NewDetail
from app.services.context import Context
from app.services.events import EventKind, add_events
from app.services.inbound.person import Person
from app.services.protection import apply_list, protect
from app.services.uncertain import count_as_sent


async def apply(connection: asyncpg.Connection, context: Context, people: Sequence[Person], now: datetime) -> None:
    """Write messages, counters, replies, details, ends of sequences, refusals and events of locked people."""
    message_ids = await store.insert_messages(connection, [entry for person in people for entry in person.messages])
    await store.update_contacts(connection, [person.update() for person in people if _has_changed(person)])
    await write_answers(connection, people, message_ids, now)
    confirmed = [record_id for person in people for record_id in person.confirmed_record_ids]
    await count_as_sent(connection, context, confirmed, now)
    # After that: what was uncertain stands in the history only now.
    await store.name_own(connection, [copy for person in people for copy in person.copies])


async def write_answers(
    connection: asyncpg.Connection, people: Sequence[Person], message_ids: dict[tuple[int, int], int], now: datetime
) -> None:
    """Write what the answers of people change; ``message_ids`` by (contact id, ordinal)."""
    await store.mark_replied(
        connection,
        [(record_id, *reply) for person in people for record_id, reply in person.replies.items()],
    )
    ended = [person for person in people if person.has_ended and person.enrollment is not None]
    await store.end_enrollments(
        connection,
        now,
        [(person.enrollment["id"], person.state or "", person.reason) for person in ended if person.enrollment],
    )
    await audit.write_reasons(
        connection,
        now,
        "inbound",
        "reply",
        [(person.contact["id"], person.enrollment["id"], person.state) for person in ended if person.enrollment],
    )
    details = _details(people, message_ids)
    await store.save_details(connection, now, details)
    if details:
        await apply_list(
            connection, contact_ids=sorted({detail.contact_id for detail in details}), actor="inbound", now=now
        )
    opted_out = [person.contact["id"] for person in people if person.opted_out]
    if opted_out:
        await protect(connection, contact_ids=opted_out, reason="opt_out", actor="inbound", now=now)
    await _tell(connection, people, message_ids, now)


def _has_changed(person: Person) -> bool:
    return bool(person.messages)


def _details(people: Sequence[Person], message_ids: dict[tuple[int, int], int]) -> list[NewDetail]:
    return [
        NewDetail(
            person.contact["id"],
            detail.kind,
            detail.value,
            detail.rule,
            detail.confidence,
            detail.note,
            message_ids[person.contact["id"], found.ordinal],
        )
        for person in people
        for found in person.found
        for detail in found.details
    ]


async def _tell(
    connection: asyncpg.Connection, people: Sequence[Person], message_ids: dict[tuple[int, int], int], now: datetime
) -> None:
    kinds: tuple[EventKind, ...] = ("replied", "converted", "opted_out", "needs_review")
    for kind in kinds:
        subjects = [
            (
                person.contact["bot_id"],
                person.contact["id"],
                {"message_id": message_ids[person.contact["id"], detail["ordinal"]]},
            )
            for person in people
            for name, detail in person.events
            if name == kind
        ]
        await add_events(connection, now, kind, subjects)
