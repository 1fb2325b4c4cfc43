"""What the inbound pipeline reads and writes, a batch at a time, on raw asyncpg."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import asyncpg

from app.repositories.protection import announce_people
from app.repositories.retention import digest_of

Row = asyncpg.Record

_BOTS = """
    SELECT id, client_id, is_default FROM bot
    WHERE (client_id = ANY($1::text[]) OR id = ANY($2::bigint[]) OR is_default) AND deleted_at IS NULL
"""
_HOMELESS = """
    SELECT c.id FROM contact c JOIN bot b ON b.id = c.bot_id AND b.deleted_at IS NOT NULL
    WHERE c.id = ANY($1::bigint[])
"""
_CREATE_CONTACTS = """
    INSERT INTO contact (bot_id, user_id, chat_token, created_at, updated_at)
    SELECT bot_id, user_id, chat_token, $4, $4
    FROM unnest($1::bigint[], $2::text[], $3::text[]) AS i(bot_id, user_id, chat_token)
    ORDER BY bot_id, user_id
    ON CONFLICT (bot_id, user_id) DO NOTHING
    RETURNING id
"""
_FIND_CONTACTS = """
    SELECT c.id, c.bot_id, c.user_id FROM contact c
    JOIN unnest($1::bigint[], $2::text[]) AS i(bot_id, user_id) ON c.bot_id = i.bot_id AND c.user_id = i.user_id
"""
_LOCKED = """
    c.id, c.bot_id, c.user_id, c.message_count, c.first_message_at, c.last_message_at, c.last_sent_at,
    c.takeover_until, c.review_hold_until, c.do_not_contact, c.muted
"""
_LOCK_CONTACTS = f"SELECT {_LOCKED} FROM contact c WHERE c.id = ANY($1::bigint[]) ORDER BY c.id FOR NO KEY UPDATE"
_LOCK_FREE_CONTACTS = f"""
    SELECT {_LOCKED} FROM contact c
    JOIN unnest($1::bigint[], $2::text[]) AS i(bot_id, user_id) ON c.bot_id = i.bot_id AND c.user_id = i.user_id
    ORDER BY c.id FOR NO KEY UPDATE OF c SKIP LOCKED
"""
# Those of messages that were deleted for their age too: delivered once more they are no new answer.
_KNOWN_IDS = f"""
    SELECT m.bot_id, m.external_id FROM chat_message m
    JOIN unnest($1::bigint[], $2::text[]) AS i(bot_id, external_id)
      ON m.bot_id = i.bot_id AND m.external_id = i.external_id
    UNION ALL
    SELECT i.bot_id, i.external_id FROM message_tombstone t
    JOIN unnest($1::bigint[], $2::text[]) AS i(bot_id, external_id)
      ON t.bot_id = i.bot_id AND t.digest = {digest_of("i.external_id")}
"""
_NEWEST_ENROLLMENTS = """
    SELECT DISTINCT ON (contact_id) id, contact_id, state, reason, enrolled_at, open_record_id
    FROM follow_up_enrollment WHERE contact_id = ANY($1::bigint[])
    ORDER BY contact_id, id DESC
"""
# In the order of the indexes, person by person: as a join the planner may read the messages of everybody.
_SENT_TEXTS = """
    SELECT c.id AS contact_id, t.record_id, t.text, t.sent_at, t.status
    FROM unnest($1::bigint[]) AS c(id)
    CROSS JOIN LATERAL (
        SELECT r.id AS record_id, r.content AS text, coalesce(r.sent_at, r.reserved_at) AS sent_at, r.status
        FROM follow_up_record r
        WHERE r.contact_id = c.id AND r.status IN ('sent', 'unknown', 'reserved')
        ORDER BY r.id DESC LIMIT 200
    ) AS t
    UNION ALL
    SELECT c.id, NULL, m.text, max(m.sent_at), 'sent'
    FROM unnest($1::bigint[], $2::bigint[]) AS c(id, message_count)
    CROSS JOIN LATERAL (
        SELECT text, sent_at FROM chat_message
        WHERE contact_id = c.id AND ordinal > c.message_count - 200 AND direction = 'outbound' AND record_id IS NULL
        ORDER BY ordinal DESC LIMIT 200
    ) AS m
    GROUP BY c.id, m.text
"""
_INSERT_MESSAGES = """
    INSERT INTO chat_message (bot_id, contact_id, ordinal, direction, text, service, external_id, record_id, verdict,
                              filter_reason, sent_at, created_at, confidence, doc_id)
    SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::text[], $5::text[], $6::text[], $7::text[],
                         $8::bigint[], $9::text[], $10::text[], $11::timestamptz[], $12::timestamptz[],
                         $13::float8[], $14::text[])
    RETURNING id, contact_id, ordinal
"""
_UPDATE_CONTACTS = """
    UPDATE contact c
    SET message_count = i.message_count, first_message_at = coalesce(c.first_message_at, i.last_message_at),
        last_message_at = i.last_message_at, last_sent_at = i.last_sent_at, takeover_until = i.takeover_until,
        review_hold_until = i.review_hold_until
    FROM unnest($1::bigint[], $2::bigint[], $3::timestamptz[], $4::timestamptz[], $5::timestamptz[],
                $6::timestamptz[])
        AS i(id, message_count, last_message_at, last_sent_at, takeover_until, review_hold_until)
    WHERE c.id = i.id
"""
_END_ENROLLMENTS = """
    UPDATE follow_up_enrollment e
    SET state = i.state, reason = i.reason, reason_until = NULL, due_at = NULL, claim_token = NULL,
        ended_at = coalesce(e.ended_at, $1)
    FROM unnest($2::bigint[], $3::text[], $4::text[]) AS i(id, state, reason)
    WHERE e.id = i.id
"""
_MARK_REPLIED = """
    UPDATE follow_up_record r SET got_reply = true, reply_content = i.content, replied_at = i.replied_at
    FROM unnest($1::bigint[], $2::text[], $3::timestamptz[]) AS i(id, content, replied_at)
    WHERE r.id = i.id AND NOT r.got_reply
"""
_SAVE_DETAILS = """
    INSERT INTO contact_record (contact_id, kind, value, rule, confidence, note, message_id, created_at)
    SELECT contact_id, kind, value, rule, confidence, note, message_id, $1
    FROM unnest($2::bigint[], $3::text[], $4::text[], $5::text[], $6::float8[], $7::text[], $8::bigint[])
        AS i(contact_id, kind, value, rule, confidence, note, message_id)
    ON CONFLICT (contact_id, kind, value) DO NOTHING
"""
_NAME_OWN = """
    UPDATE chat_message m SET external_id = i.external_id
    FROM unnest($1::bigint[], $2::bigint[], $3::text[]) AS i(contact_id, record_id, external_id)
    WHERE m.contact_id = i.contact_id AND m.record_id = i.record_id AND m.external_id IS NULL
      AND m.ordinal > (SELECT c.message_count - 1000 FROM contact c WHERE c.id = i.contact_id)
"""
_LAST_EXTERNAL_IDS = """
    SELECT DISTINCT ON (contact_id) contact_id, external_id FROM chat_message
    WHERE contact_id = ANY($1::bigint[]) AND external_id IS NOT NULL AND external_id NOT LIKE 'webchat-%'
    ORDER BY contact_id, ordinal DESC
"""
_MESSAGE = """
    SELECT id, contact_id, bot_id, direction, text, filter_reason, accepted_at, sent_at
    FROM chat_message WHERE id = $1
"""


@dataclass(frozen=True, slots=True)
class NewMessage:
    """A row of the history about to be written; the order of the fields is that of the statement."""

    bot_id: int
    contact_id: int
    ordinal: int
    direction: str
    text: str
    service: str | None
    external_id: str | None
    record_id: int | None
    verdict: str | None
    filter_reason: str | None
    sent_at: datetime
    created_at: datetime
    confidence: float | None = None
    doc_id: str | None = None


@dataclass(frozen=True, slots=True)
class ContactUpdate:
    """What changes on a contact's row; the order of the fields is that of the statement."""

    id: int
    message_count: int
    last_message_at: datetime | None
    last_sent_at: datetime | None
    takeover_until: datetime | None
    review_hold_until: datetime | None


@dataclass(frozen=True, slots=True)
class NewDetail:
    """A contact detail about to be saved; the order of the fields is that of the statement."""

    contact_id: int
    kind: str
    value: str
    rule: str
    confidence: float
    note: str | None
    message_id: int


async def find_bots(
    connection: asyncpg.Connection, client_ids: Sequence[str], bot_ids: Sequence[int]
) -> Sequence[asyncpg.Record]:
    """Return the named bots and the default one: ``id, client_id, is_default``."""
    rows: Sequence[asyncpg.Record] = await connection.fetch(_BOTS, client_ids, bot_ids)
    return rows


async def ensure_contacts(
    connection: asyncpg.Connection, people: Sequence[tuple[int, str, str]], now: datetime
) -> tuple[dict[tuple[int, str], int], list[int]]:
    """Return contact ids by (bot id, user id) and those that are new: people (bot, user, token) are made if unknown."""
    keys = ([person[0] for person in people], [person[1] for person in people])
    found = await _ids_of(connection, keys)
    created: list[int] = []
    while missing := [person for person in people if (person[0], person[1]) not in found]:
        # In the order of all who write new people: the announcement, rows, then the unique index.
        await announce_people(connection)
        await lock_contacts(connection, sorted(found.values()))
        created += [row["id"] for row in await connection.fetch(_CREATE_CONTACTS, *zip(*missing, strict=True), now)]
        found = await _ids_of(connection, keys)  # whoever was erased between the two statements is missing again
    return found, created


async def _ids_of(connection: asyncpg.Connection, keys: tuple[list[int], list[str]]) -> dict[tuple[int, str], int]:
    return {(row["bot_id"], row["user_id"]): row["id"] for row in await connection.fetch(_FIND_CONTACTS, *keys)}


async def without_bot(connection: asyncpg.Connection, contact_ids: Sequence[int]) -> set[int]:
    """Return which people's bot was deleted."""
    return {row["id"] for row in await connection.fetch(_HOMELESS, contact_ids)}


async def lock_contacts(connection: asyncpg.Connection, ids: Sequence[int]) -> dict[int, asyncpg.Record]:
    """Lock people in the order of their ids and return them as they are now."""
    return {row["id"]: row for row in await connection.fetch(_LOCK_CONTACTS, ids)}


async def lock_free_contacts(
    connection: asyncpg.Connection, keys: Sequence[tuple[int, str]]
) -> Sequence[asyncpg.Record]:
    """Lock people by (bot id, user id) and return them; who is unknown, or locked by somebody else, is left out."""
    rows: Sequence[asyncpg.Record] = await connection.fetch(_LOCK_FREE_CONTACTS, *zip(*keys, strict=True))
    return rows


async def known_external_ids(connection: asyncpg.Connection, keys: Sequence[tuple[int, str]]) -> set[tuple[int, str]]:
    """Return which (bot id, message id) are stored, or were."""
    if not keys:
        return set()
    rows = await connection.fetch(_KNOWN_IDS, *zip(*keys, strict=True))
    return {(row["bot_id"], row["external_id"]) for row in rows}


async def newest_enrollments(connection: asyncpg.Connection, contact_ids: Sequence[int]) -> dict[int, asyncpg.Record]:
    """Return the newest enrollment of each person."""
    return {row["contact_id"]: row for row in await connection.fetch(_NEWEST_ENROLLMENTS, contact_ids)}


async def sent_texts(
    connection: asyncpg.Connection, contacts: Sequence[asyncpg.Record]
) -> dict[int, list[asyncpg.Record]]:
    """Return what was sent to each person lately: ``record_id, text, sent_at, status``.

    What was sent without a record (a bot's answers above all) is there once for each text, however often it was sent.
    """
    found: dict[int, list[asyncpg.Record]] = {}
    ids = [contact["id"] for contact in contacts]
    counts = [contact["message_count"] for contact in contacts]
    for row in await connection.fetch(_SENT_TEXTS, ids, counts):
        found.setdefault(row["contact_id"], []).append(row)
    return found


async def insert_messages(connection: asyncpg.Connection, messages: Sequence[NewMessage]) -> dict[tuple[int, int], int]:
    """Write messages; returns ids by (contact id, ordinal)."""
    if not messages:
        return {}
    rows = [
        (
            message.bot_id,
            message.contact_id,
            message.ordinal,
            message.direction,
            message.text,
            message.service,
            message.external_id,
            message.record_id,
            message.verdict,
            message.filter_reason,
            message.sent_at,
            message.created_at,
            message.confidence,
            message.doc_id,
        )
        for message in messages
    ]
    written = await connection.fetch(_INSERT_MESSAGES, *zip(*rows, strict=True))
    return {(row["contact_id"], row["ordinal"]): row["id"] for row in written}


async def update_contacts(connection: asyncpg.Connection, updates: Sequence[ContactUpdate]) -> None:
    """Write counters, clocks and holds of contacts."""
    if updates:
        rows = [
            (
                update.id,
                update.message_count,
                update.last_message_at,
                update.last_sent_at,
                update.takeover_until,
                update.review_hold_until,
            )
            for update in updates
        ]
        await connection.execute(_UPDATE_CONTACTS, *zip(*rows, strict=True))


async def end_enrollments(
    connection: asyncpg.Connection, now: datetime, ended: Sequence[tuple[int, str, str | None]]
) -> None:
    """End enrollments: (id, state, reason) each."""
    if ended:
        await connection.execute(_END_ENROLLMENTS, now, *zip(*ended, strict=True))


async def name_own(connection: asyncpg.Connection, copies: Sequence[tuple[int, int, str]]) -> None:
    """Give messages of ours the id that the platform knows them by: (contact, record, id) each."""
    if copies:
        await connection.execute(_NAME_OWN, *zip(*copies, strict=True))


async def mark_replied(connection: asyncpg.Connection, replies: Sequence[tuple[int, str, datetime]]) -> None:
    """Mark records as answered, unless they were before: (record id, text, when) each."""
    if replies:
        await connection.execute(_MARK_REPLIED, *zip(*replies, strict=True))


async def save_details(connection: asyncpg.Connection, now: datetime, details: Sequence[NewDetail]) -> None:
    """Save contact details; what is known of a person already stays as it is."""
    if details:
        rows = [
            (item.contact_id, item.kind, item.value, item.rule, item.confidence, item.note, item.message_id)
            for item in details
        ]
        await connection.execute(_SAVE_DETAILS, now, *zip(*rows, strict=True))


async def last_external_ids(connection: asyncpg.Connection, contact_ids: Sequence[int]) -> dict[int, str]:
    """Return the newest message id of each person that came from outside."""
    rows = await connection.fetch(_LAST_EXTERNAL_IDS, contact_ids)
    return {row["contact_id"]: row["external_id"] for row in rows}


async def find_message(connection: asyncpg.Connection, message_id: int) -> asyncpg.Record | None:
    """Return one message, or None."""
    return await connection.fetchrow(_MESSAGE, message_id)


async def mark_accepted(connection: asyncpg.Connection, message_id: int, now: datetime) -> None:
    """Note that a person judged a filtered message to be a reply."""
    await connection.execute(
        "UPDATE chat_message SET accepted_at = $2, filter_reason = NULL, verdict = 'reply' WHERE id = $1",
        message_id,
        now,
    )
