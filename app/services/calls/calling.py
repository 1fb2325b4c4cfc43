"""``call-v2``: call the parties of a mediation who are due at its node, or one of them, once.

The answer has an item for each party, whatever became of the others. The rows of the planned rounds are made first; the
verdicts are kept under the idempotency key by ids, so that a repeated request gets the same answer and calls nobody.
"""

import asyncio
import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

import asyncpg

from app.domain.dialing import LIMIT, MUST_WAIT, TEXTS, Reason
from app.errors import ConflictError, NotFoundError
from app.gateways.dialer import NotPlaced, Placed, PlacementUnknown
from app.repositories import call_answers, contacts, idempotency
from app.repositories import rounds as store
from app.repositories.calls import Row
from app.services.calls.desk import Desk
from app.services.calls.mediation import settled_of, wanted_of, write_reasons
from app.services.calls.placing import Answered, Withdrawn, place
from app.services.calls.reserve import reserve
from app.services.calls.source import Reserved, Verdict
from app.services.transactions import RacedError, in_transaction, patiently

SCOPE = "outbound-bot/call-v2"
AUTOMATIC = 0
PLACED = "外呼发起成功"
UNCONFIRMED = "外呼请求已发出,但服务商没有确认是否呼出,不会自动重拨,须等待"
WITHDRAWN = "情况有变,外呼未发出,须等待"


@dataclass(frozen=True, slots=True)
class Request:
    """What somebody asked for."""

    case_id: str
    mediation_id: int
    call_auto: int
    person_id: str

    @property
    def is_automatic(self) -> bool:
        """Tell whether every party is meant, and later rounds too."""
        return self.call_auto == AUTOMATIC

    @property
    def digest(self) -> str:
        """Return what two requests have in common that ask for the same."""
        text = json.dumps([self.case_id, self.mediation_id, self.call_auto, self.person_id])
        return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Item:
    """What became of one party; ids only, so that it can be kept."""

    record_id: int
    code: int
    message: str
    call_id: int | None = None
    group_id: str = ""
    call_status: str = ""
    start: datetime | None = None
    interval: int | None = None
    """Minutes."""
    is_open: bool = False
    """The provider has not answered yet."""


@dataclass(frozen=True, slots=True)
class _Decided:
    """What the transaction decided: items in the order of the parties, and what is about to be placed."""

    items: list[Item]
    reserved: list[Reserved]
    is_repeat: bool = False


async def call_parties(
    desk: Desk, request: Request, *, idempotency_key: str | None, actor: str
) -> list[tuple[Item, Row, Row | None]]:
    """Call who is due; an item for each party with the rows of its round and, where there is one, its call.

    Raises:
        NotFoundError: no such case, mediation or party; nobody is called.
        ConflictError: the case is closed, or the key was used for another request or by one that is not done yet.
    """

    async def work(connection: asyncpg.Connection) -> _Decided:
        return await _decide(connection, desk, request, idempotency_key, actor)

    decided = await in_transaction(desk.context, work)
    if not decided.is_repeat:
        # Shielded: a caller that hangs up must not leave the outcome of its calls unwritten.
        decided = await asyncio.shield(_place(desk, decided, idempotency_key))
    async with desk.context.database.connection() as connection:
        records = await call_answers.records(connection, [item.record_id for item in decided.items])
        calls = await call_answers.calls(connection, [item.call_id for item in decided.items if item.call_id])
    return [
        (item, records[item.record_id], None if item.call_id is None else calls.get(item.call_id))
        for item in decided.items
    ]


async def _decide(
    connection: asyncpg.Connection, desk: Desk, request: Request, key: str | None, actor: str
) -> _Decided:
    now = desk.context.clock.now()
    if key is not None:
        earlier = await idempotency.claim(connection, scope=SCOPE, key=key, body_hash=request.digest, now=now)
        if earlier is not None:
            return await _repeat(connection, desk, request, earlier)
    mediation, parties = await _find(connection, request)
    await contacts.lock(connection, [party["contact_id"] for party in parties if party["contact_id"] is not None])
    records = await _records(connection, request, mediation, parties, now)
    wanted = await wanted_of(connection, desk, records, is_automatic=request.is_automatic)
    verdicts = await reserve(connection, desk, wanted, now, actor=actor)
    await store.settle(
        connection, [_settled(request, record, verdict) for record, verdict in zip(records, verdicts, strict=True)]
    )
    await write_reasons(connection, now, actor, list(zip(records, verdicts, strict=True)))
    interval = mediation["call_interval"]
    items = [_item(record, verdict, interval) for record, verdict in zip(records, verdicts, strict=True)]
    if key is not None:
        await idempotency.answer(connection, scope=SCOPE, key=key, answer=[_kept(item) for item in items])
    return _Decided(items, [verdict for verdict in verdicts if isinstance(verdict, Reserved)])


async def _find(connection: asyncpg.Connection, request: Request) -> tuple[Row, list[Row]]:
    """Return the mediation and those of its parties who are meant."""
    mediation = (await store.mediations(connection, [request.mediation_id])).get(request.mediation_id)
    if mediation is None or mediation["case_id"] != request.case_id:
        raise NotFoundError(
            f"案件 {request.case_id} 没有调解 {request.mediation_id} (this case has no such mediation)",
            field=("body", "mediationId"),
        )
    if mediation["closed_at"] is not None:
        raise ConflictError(f"案件 {request.case_id} 已结案,不能呼叫 (this case is closed)")
    parties = (await store.parties(connection, [request.mediation_id]))[request.mediation_id]
    if request.is_automatic:
        return mediation, parties
    chosen = [party for party in parties if party["person_id"] == request.person_id]
    if not chosen:
        raise NotFoundError(
            f"{request.person_id} 不是该调解的当事人 (no party of this mediation)", field=("body", "callPersonId")
        )
    return mediation, chosen


async def _records(
    connection: asyncpg.Connection, request: Request, mediation: Row, parties: Sequence[Row], now: datetime
) -> list[Row]:
    """Return the round that is next for each party; one that never took place is taken up again."""
    node_id = mediation["node_id"]
    ids = [party["id"] for party in parties]
    latest = await store.latest(connection, ids, node_id)
    history = await store.history(connection, [(party_id, node_id) for party_id in ids])
    new = []
    for party_id in ids:
        known = latest.get(party_id)
        if known is None or known["state"] == "done":
            done = history.get((party_id, node_id), store.History()).rounds_done
            new.append((party_id, done + 1))
    made = await store.insert(
        connection, new, mediation_id=mediation["id"], node_id=node_id, is_series=request.is_automatic, now=now
    )
    if len(made) < len(new):
        raise RacedError
    return [made.get(party_id) or latest[party_id] for party_id in ids]


def _settled(request: Request, record: Row, verdict: Verdict) -> store.Settled:
    """Return where a round stands after this request.

    A limit ends what was only asked for now. A series that was under way before goes on when the limit allows.
    """
    is_open = record["state"] in {"planned", "calling"}
    was_series = is_open and record["is_series"] and record["due_at"] is not None
    is_series = request.is_automatic or (is_open and record["is_series"])
    settled = settled_of(record, verdict, is_series=is_series)
    is_limit = not isinstance(verdict, Reserved) and verdict.refusal.code == LIMIT
    if is_limit and settled.state == "planned" and not was_series:
        return settled._replace(state="refused", due_at=None)
    return settled


def _item(record: Row, verdict: Verdict, interval: int) -> Item:
    if isinstance(verdict, Reserved):
        # Until the provider has answered, this is what is true of it.
        start = verdict.created_at + verdict.wanted.rules.interval
        return Item(
            record["id"], MUST_WAIT, UNCONFIRMED, verdict.call_id, "", "Scheduling", start, interval, is_open=True
        )
    refusal, active = verdict.refusal, verdict.active
    item = Item(record["id"], refusal.code, refusal.message)
    if active is not None:
        item = replace(item, call_id=active["id"], group_id=active["job_group_id"] or "", call_status=active["status"])
    return item if refusal.code == LIMIT else replace(item, start=refusal.until, interval=interval)


async def _place(desk: Desk, decided: _Decided, key: str | None) -> _Decided:
    if not decided.reserved:
        return decided
    desk.placing += len(decided.reserved)
    try:
        answered = await place(desk, decided.reserved)
    finally:
        desk.placing -= len(decided.reserved)
        desk.context.wake_calls.set()
    items = [_told(item, answered.get(item.call_id) if item.call_id else None) for item in decided.items]
    if key is not None:
        await patiently(lambda: _keep(desk, key, items), "the answer to a request could not be kept yet")
    return _Decided(items, [])


def _told(item: Item, answered: Answered | None) -> Item:
    """Return an item with what the provider said."""
    if answered is None:
        return item
    match answered.outcome:
        case Placed(job_group_id=group_id):
            return _placed(item, group_id)
        case PlacementUnknown():
            return replace(item, is_open=False)
        case NotPlaced(is_final=True):
            return Item(item.record_id, LIMIT, TEXTS[Reason.PROVIDER_REFUSED])
        case NotPlaced():
            return _not_placed(item, TEXTS[Reason.PROVIDER_AWAY], answered.again_at)
        case Withdrawn(reason, until):
            return _withdrawn(item, reason, until or answered.again_at, is_limit=until is None)


def _withdrawn(item: Item, reason: Reason | None, again_at: datetime | None, *, is_limit: bool) -> Item:
    if reason is None:
        return _not_placed(item, WITHDRAWN, again_at)
    if is_limit:
        return Item(item.record_id, LIMIT, TEXTS[reason])
    return _not_placed(item, TEXTS[reason], again_at)


def _placed(item: Item, group_id: str) -> Item:
    return Item(item.record_id, 0, PLACED, item.call_id, group_id, item.call_status)


def _not_placed(item: Item, message: str, again_at: datetime | None) -> Item:
    return Item(item.record_id, MUST_WAIT, message, start=again_at or item.start, interval=item.interval)


async def _keep(desk: Desk, key: str, items: Sequence[Item]) -> None:
    async with desk.context.database.connection() as connection:
        await idempotency.answer(connection, scope=SCOPE, key=key, answer=[_kept(item) for item in items])


async def _repeat(
    connection: asyncpg.Connection, desk: Desk, request: Request, earlier: idempotency.Earlier
) -> _Decided:
    if earlier.body_hash != request.digest:
        raise ConflictError("这个 Idempotency-Key 已用于另一个请求 (this key was used for another request)")
    items = [_read(kept) for kept in earlier.answer or ()]
    calls = await call_answers.calls(connection, [item.call_id for item in items if item.call_id is not None])
    now = desk.context.clock.now()
    young = {call_id for call_id, row in calls.items() if now < row["created_at"] + desk.lease}
    if any(item.is_open and item.call_id in young for item in items):
        raise ConflictError(
            "使用这个 Idempotency-Key 的请求仍在处理中 (the request with this key is not done yet)", retry_after=1
        )
    return _Decided([_caught_up(item, calls) for item in items], [], is_repeat=True)


def _caught_up(item: Item, calls: dict[int, Row]) -> Item:
    """Return an item whose process died before it kept the provider's answer, as the call now stands."""
    row = calls.get(item.call_id) if item.is_open and item.call_id is not None else None
    if row is None or row["placement"] in {"reserved", "unknown"}:
        return item
    return _placed(item, row["job_group_id"]) if row["placement"] == "placed" else _not_placed(item, WITHDRAWN, None)


def _kept(item: Item) -> dict[str, Any]:
    return asdict(item) | {"start": item.start and item.start.isoformat()}


def _read(kept: dict[str, Any]) -> Item:
    start = kept["start"]
    return Item(**{**kept, "start": start and datetime.fromisoformat(start)})
