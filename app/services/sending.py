"""Messages that an operator sends by hand: one text, or all texts of a config as a test.

They restart the interval clock and move no counter. They are allowed after a reply and refused for people who must not
be contacted. The same promise as for automatic ones: a record is reserved before anything leaves, and an outcome that
nobody knows is listed, never repeated.
"""

import asyncio
import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

import asyncpg

from app.domain.followup import MissingVariableError, render
from app.errors import ConflictError, InvalidInputError, NotFoundError
from app.gateways.messenger import WITHDRAWN, Delivery, Messenger, NotSent, Outcome, Refused, Sent, Unknown, Unreachable
from app.repositories import audit, bots_pacing, contacts, idempotency, results
from app.repositories import people as people_store
from app.repositories import records as store
from app.repositories.records import ByHand
from app.services.context import Context
from app.services.dispatch.dispatcher import channel_of
from app.services.events import add_events
from app.services.sequences import load_sequences

SCOPE = "followup-records/send"


@dataclass(frozen=True, slots=True)
class _Reserved:
    """Records about to leave, and how."""

    contact: asyncpg.Record
    bot: asyncpg.Record
    record_ids: list[int]
    texts: list[ByHand]
    start: datetime
    is_done: bool


async def send_manual(
    context: Context, messenger: Messenger, contact_id: int, content: str, idempotency_key: str | None, *, actor: str
) -> asyncpg.Record:
    """Send one text to one person and return its record; the same key with the same body sends nothing again."""
    text = ByHand(content, context.ids.uuid())
    digest = hashlib.sha256(f"{contact_id}\n{content}".encode()).hexdigest()
    reserved = await _reserve(context, contact_id, "manual", [text], (idempotency_key, digest), actor=actor)
    # Shielded: a caller that hangs up must not leave the outcome of its message unwritten.
    return (await asyncio.shield(_finish(context, messenger, reserved)))[0]


async def send_test(
    context: Context, messenger: Messenger, config_id: int, contact_id: int, *, actor: str
) -> list[asyncpg.Record]:
    """Send the opening and every active text of a config to one person at once, each as a ``test`` record."""
    texts = await _test_texts(context, config_id, contact_id)
    reserved = await _reserve(context, contact_id, "test", texts, (None, ""), actor=actor)
    return await asyncio.shield(_finish(context, messenger, reserved))


async def _test_texts(context: Context, config_id: int, contact_id: int) -> list[ByHand]:
    async with context.database.connection() as connection:
        sequences = await load_sequences(connection, [config_id], default_opening=context.settings.opening_message)
        contact = await people_store.find(connection, contact_id)
    sequence = sequences.get(config_id)
    if sequence is None or sequence.is_deleted:
        raise NotFoundError("没有这个复聊配置 (no such config)")
    if contact is None:
        raise NotFoundError("没有这个联系人 (no such contact)")
    scripts = [script for day in sequence.day_numbers for script in sequence.days[day]] + list(sequence.tail)
    values = {"name": contact["name"], "position": contact["position"]}
    try:
        texts = [ByHand(render(sequence.opening, values), context.ids.uuid(), config_id)]
        texts += [
            ByHand(render(script.content, values), context.ids.uuid(), config_id, script.id) for script in scripts
        ]
    except MissingVariableError as error:
        raise InvalidInputError(
            f"联系人缺少 {error.variable},且话术没有给出默认值 (the contact has no value and the text no fallback)",
            field=("body", "contact_id"),
        ) from error
    return texts


async def _reserve(
    context: Context, contact_id: int, kind: str, texts: list[ByHand], key: tuple[str | None, str], *, actor: str
) -> _Reserved:
    """Write the records as reserved; into a web chat, complete them in the same transaction."""
    now = context.clock.now()
    async with context.database.transaction() as connection:
        earlier = await _earlier(connection, key, now)
        if earlier is not None:
            return await _repeat(connection, earlier, now)
        await contacts.lock(connection, [contact_id])
        contact = await people_store.find(connection, contact_id)
        if contact is None:
            raise NotFoundError(f"没有 id 为 {contact_id} 的联系人 (no such contact)")
        if contact["do_not_contact"]:
            raise ConflictError("该联系人已设为免打扰,不能发送 (this person must not be contacted)")
        bot = await people_store.find_bot(connection, contact["bot_id"])
        if bot["deleted_at"] is not None:
            raise ConflictError("该联系人的渠道已删除,不能发送 (this contact's bot was deleted)")
        is_webchat = bot["delivery_kind"] == "webchat"
        start = now
        if not is_webchat and bot["rate_per_second"] is not None:
            start = await bots_pacing.next_slot(connection, bot["id"], now, bot["rate_per_second"], len(texts))
        # Reserved for its slot: its age counts from there, and from now on no automatic message comes close to it.
        record_ids = await store.insert_by_hand(connection, bot["id"], contact_id, kind, texts, start)
        entries = [audit.Entry(contact_id, reason=kind, detail={"record_id": record_id}) for record_id in record_ids]
        await audit.write(connection, now, actor=actor, action="send", entries=entries)
        await store.touch_last_sent(connection, contact_id, start)
        if key[0] is not None:
            await idempotency.complete(connection, scope=SCOPE, key=key[0], record_id=record_ids[0])
        if is_webchat:
            for record_id in record_ids:
                await results.write_record_sent(connection, now, [record_id])
    context.wake.set()
    return _Reserved(contact, bot, record_ids, texts, start, is_webchat)


async def _earlier(
    connection: asyncpg.Connection, key: tuple[str | None, str], now: datetime
) -> idempotency.Earlier | None:
    name, digest = key
    if name is None:
        return None
    earlier = await idempotency.claim(connection, scope=SCOPE, key=name, body_hash=digest, now=now)
    if earlier is not None and earlier.body_hash != digest:
        raise ConflictError("这个 Idempotency-Key 已用于另一个请求 (this key was used for another request)")
    return earlier


async def _repeat(connection: asyncpg.Connection, earlier: idempotency.Earlier, now: datetime) -> _Reserved:
    record = None if earlier.record_id is None else await store.find_record(connection, earlier.record_id)
    if record is None:
        raise ConflictError("这个 Idempotency-Key 的记录已被删除 (the record of this key was erased)")
    bot = await people_store.find_bot(connection, record["bot_id"])
    return _Reserved(record, bot, [record["id"]], [], now, is_done=True)


async def _finish(context: Context, messenger: Messenger, reserved: _Reserved) -> list[asyncpg.Record]:
    """Deliver what is reserved, write the outcomes, and return the records as they then are."""
    if not reserved.is_done:
        rate = reserved.bot["rate_per_second"]
        for index, (record_id, text) in enumerate(zip(reserved.record_ids, reserved.texts, strict=True)):
            slot = reserved.start + timedelta(seconds=index / rate if rate else 0)
            await asyncio.sleep(max(0.0, (slot - context.clock.now()).total_seconds()))
            delivery = Delivery(
                record_id, reserved.contact["id"], reserved.contact["user_id"], text.content, str(text.key)
            )
            await _write(context, reserved, record_id, await _deliver(context, messenger, reserved, delivery))
    async with context.database.connection() as connection:
        return await store.find_records(connection, reserved.record_ids)


async def _deliver(context: Context, messenger: Messenger, reserved: _Reserved, delivery: Delivery) -> Outcome:
    """Deliver one message, unless its person refused or was erased while it waited for its turn."""
    async with context.database.connection() as connection:
        may_leave = await store.may_leave(connection, delivery.record_id)
    if not may_leave:
        return WITHDRAWN
    return await messenger.deliver(channel_of(reserved.bot), delivery, context.clock.now())


async def _write(context: Context, reserved: _Reserved, record_id: int, outcome: Outcome) -> None:
    now = context.clock.now()
    contact_id: int = reserved.contact["id"]
    async with context.database.transaction(is_patient=True) as connection:
        await contacts.lock(connection, [contact_id])
        match outcome:
            case Sent():
                await results.write_record_sent(connection, now, [record_id])
            case Unknown(error):
                await store.write_unknown_by_hand(connection, record_id, error, now)
                await store.touch_last_sent(connection, contact_id, now)
                detail = {"record_id": record_id}
                await add_events(connection, now, "send_unknown", [(reserved.bot["id"], contact_id, detail)])
            case NotSent(error):
                await store.write_not_sent(connection, record_id, now, error=error)
            case Unreachable(error) | Refused(error):
                await store.write_not_sent(connection, record_id, now, status="failed", error=error)
