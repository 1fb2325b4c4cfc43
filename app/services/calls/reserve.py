"""The last moment before a call: locks, the gate, and a row that says that it is about to be placed.

Order of the locks: tasks, contacts (the source's) → do-not-contact list, shared → rows of a task's numbers (the
source's) → numbers → lines. Whoever takes one of them takes it in this order, so that nobody waits in a circle.
"""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta

import asyncpg

from app.domain.dialing import Active, Facts, Reason, Refusal, Room, decide, is_dialable, job_id
from app.domain.identifiers import Identifier, IdentifierKind, stored_identifier
from app.gateways.dialer import Dial
from app.repositories import audit, protection
from app.repositories import calls as store
from app.repositories.calls import NewCall, Number, Row
from app.repositories.planner import read_by_index
from app.services.calls.desk import Desk
from app.services.calls.source import Refused, Reserved, Subject, Verdict, Wanted

DAY = timedelta(hours=24)
BLOCK_LASTS = timedelta(days=30)
"""How long a number counts as blocked after the provider said so; it says so again if it still is."""


async def reserve(
    connection: asyncpg.Connection, desk: Desk, wanted: Sequence[Wanted], now: datetime, *, actor: str
) -> list[Verdict]:
    """Write a row for each call that may be placed now; a verdict for each wanted call, in their order.

    Belongs in the caller's transaction, which holds the contacts already. Nothing is placed before it is committed.
    """
    if not wanted:
        return []
    await read_by_index(connection)
    await protection.keep_list(connection)
    phones = {item.phone for item in wanted if item.phone is not None}
    await store.hold_numbers(connection, phones)
    situation = await _Situation.read(connection, wanted, phones, now)
    # Waiting for the locks may have taken until after the end of the hours.
    now = max(now, desk.context.clock.now())
    verdicts: list[Refused | tuple[Wanted, Dial, NewCall]] = []
    for item in wanted:
        refusal = situation.look(item, desk, now)
        if refusal is None:
            verdicts.append(situation.take(item, job_id(now, desk.context.ids.uuid()), now))
        else:
            verdicts.append(Refused(item, refusal, situation.active_call(item)))
    ids = await store.reserve(
        connection,
        [verdict[2] for verdict in verdicts if not isinstance(verdict, Refused)],
        provider=desk.dialer.name,
        now=now,
        gives_up_at=now + desk.gives_up_after,
        lease_end=now + desk.lease,
    )
    found = [_verdict(verdict, ids, now) for verdict in verdicts]
    await _write_audit(connection, now, actor, found)
    return found


def _verdict(verdict: Refused | tuple[Wanted, Dial, NewCall], ids: dict[str, int], now: datetime) -> Verdict:
    if isinstance(verdict, Refused):
        return verdict
    item, dial, _ = verdict
    call_id = ids.get(dial.job_id)
    if call_id is None:
        # An index had the last word: somebody else reserved a call to this party or number.
        return Refused(item, Refusal(Reason.ACTIVE_NUMBER, now + item.rules.interval))
    return Reserved(item, call_id, dial, now)


async def _write_audit(connection: asyncpg.Connection, now: datetime, actor: str, verdicts: Sequence[Verdict]) -> None:
    entries = [
        audit.Entry(
            verdict.wanted.subject.contact_id,
            detail={
                "call_id": verdict.call_id,
                **_about(verdict.wanted.subject),
                "automatic": verdict.wanted.is_automatic,
                "rule": verdict.wanted.why,
            },
        )
        for verdict in verdicts
        if isinstance(verdict, Reserved)
    ]
    await audit.write(connection, now, actor=actor, action="call", entries=entries)


def _about(subject: Subject) -> dict[str, int | None]:
    if subject.task_id is None:
        return {"record_id": subject.record_id}
    return {"task_id": subject.task_id, "number_id": subject.number_id}


class _Situation:
    """What is known at this moment, kept up to date with what this batch takes."""

    def __init__(
        self,
        protected: Sequence[bool],
        wanted: Sequence[Wanted],
        numbers: dict[str, Number],
        active: Sequence[Row],
        uncertain: Sequence[Row],
    ) -> None:
        self._protected = {id(item): is_protected for item, is_protected in zip(wanted, protected, strict=True)}
        self._recent = {phone: number.recent for phone, number in numbers.items()}
        self._blocked = {phone for phone, number in numbers.items() if number.is_blocked}
        self._unread = {phone for phone, number in numbers.items() if number.is_unread}
        self._phones = {row["phone"] for row in active}
        self._uncertain: dict[str, list[Row]] = defaultdict(list)
        for row in uncertain:
            self._uncertain[row["phone"]].append(row)
        self._parties = {(row["party_id"], row["node_id"]): row for row in active if row["party_id"] is not None}
        self._free: dict[str, int] = {}
        self._numbers: dict[str, str | None] = {}
        self._house: list[str] = []
        self._of_tasks: dict[int, int] = {}
        self._taken = 0

    @classmethod
    async def read(
        cls, connection: asyncpg.Connection, wanted: Sequence[Wanted], phones: set[str], now: datetime
    ) -> "_Situation":
        protected = await _protected(connection, wanted)
        parties = {item.subject.party_id for item in wanted if item.subject.party_id is not None}
        active = await store.active(connection, phones, parties)
        # Behind the active ones: a call that ends just now is seen as active, or by what it ended with.
        numbers = await store.numbers(connection, phones, since=now - DAY, blocked_since=now - BLOCK_LASTS)
        longest_hold = max(max(item.rules.unknown_hold, item.rules.interval) for item in wanted)
        uncertain = await store.uncertain(connection, phones, since=now - longest_hold)
        situation = cls(protected, wanted, numbers, active, uncertain)
        tasks = {item.lines.task_id: item.lines for item in wanted if item.lines is not None}
        own = {line_id for lines in tasks.values() for line_id in lines.all}
        with_house = any(item.lines is None for item in wanted)
        for line in await store.lock_lines(connection, own, now, with_house=with_house):
            situation._free[line["id"]] = line["free"]
            situation._numbers[line["id"]] = line["call_number"]
            if line["is_house"]:
                situation._house.append(line["id"])
        # Behind the lines: who holds all of a task's lines is the only one that adds to its calls.
        situation._of_tasks = await store.of_tasks(connection, tasks)
        return situation

    def look(self, item: Wanted, desk: Desk, now: datetime) -> Refusal | None:
        """Ask the gate about one call."""
        phone = item.phone or ""
        facts = Facts(
            phone=item.phone,
            is_protected=self._protected[id(item)],
            withdrawn=item.withdrawn,
            is_blocked=phone in self._blocked,
            has_script=item.script is not None,
            recent_calls=self._recent.get(phone, ()),
            active=self._active(item),
            rounds_done=item.history.rounds_done,
            is_reached=item.history.is_reached,
            last_ended_at=item.history.last_ended_at,
            is_automatic=item.is_automatic,
            is_unread=phone in self._unread,
            unknown_elsewhere_at=self._unknown_elsewhere_at(item),
        )
        return decide(facts, item.rules, Room(self._room_of(item), desk.back_at(now, self._taken)), now)

    def take(self, item: Wanted, job: str, now: datetime) -> tuple[Wanted, Dial, NewCall]:
        """Give one call that may be placed its line; the next ones see that its number and its party are taken."""
        assert item.phone is not None  # noqa: S101 - the gate lets none through without a number and a script
        assert item.script is not None  # noqa: S101 - the same
        line_id = next(line_id for line_id in self._lines_of(item) if self._free.get(line_id, 0) > 0)
        self._free[line_id] -= 1
        self._taken += 1
        if item.lines is not None:
            self._of_tasks[item.lines.task_id] += 1
        self._phones.add(item.phone)
        self._recent[item.phone] = (*self._recent[item.phone], now)
        subject, script, said = item.subject, item.script, item.said
        new = NewCall(
            job,
            script.instance_id,
            script.script_id,
            subject.call_type,
            subject.case_id,
            subject.mediation_id,
            subject.node_id,
            subject.party_id,
            subject.person_id,
            subject.record_id,
            subject.contact_id,
            item.phone,
            line_id,
            item.is_automatic,
            subject.task_id,
            subject.number_id,
            subject.group_id,
        )
        dial = Dial(
            job,
            item.phone,
            script.instance_id,
            script.script_id,
            said.name,
            said.honorific,
            said.role,
            self._numbers[line_id],
            said.words,
            item.rules.closes_at and item.rules.closes_at(now),
        )
        return item, dial, new

    def active_call(self, item: Wanted) -> Row | None:
        """Return the call to the same party about the same thing that is not over."""
        return self._parties.get((item.subject.party_id, item.subject.node_id))

    def _unknown_elsewhere_at(self, item: Wanted) -> datetime | None:
        calls = self._uncertain.get(item.phone or "", ())
        return max((row["ended_at"] for row in calls if not _is_own(row, item)), default=None)

    def _lines_of(self, item: Wanted) -> Sequence[str]:
        return self._house if item.lines is None else item.lines.mine

    def _room_of(self, item: Wanted) -> int:
        free = sum(max(0, self._free.get(line_id, 0)) for line_id in self._lines_of(item))
        return free if item.lines is None else min(free, item.lines.most - self._of_tasks[item.lines.task_id])

    def _active(self, item: Wanted) -> Active | None:
        own = self.active_call(item)
        if own is not None:
            return Active(is_own=True, is_unknown=own["placement"] == "unknown")
        return Active(is_own=False, is_unknown=False) if item.phone in self._phones else None


def _is_own(call: Row, item: Wanted) -> bool:
    """Tell whether a call was to the same party at the same node, or to the same number of a task."""
    subject = item.subject
    if subject.number_id is not None:
        return bool(call["number_id"] == subject.number_id)
    return subject.party_id is not None and (call["party_id"], call["node_id"]) == (subject.party_id, subject.node_id)


def _identifier_of(phone: str) -> Identifier:
    """Return a number as the list has it; one that can be dialled is in that form already, and known to be."""
    return Identifier(IdentifierKind.PHONE, phone) if is_dialable(phone) else stored_identifier("phone", phone)


async def _protected(connection: asyncpg.Connection, wanted: Sequence[Wanted]) -> list[bool]:
    """Tell for each call whether its person, or anything that the person or the number is known under, is protected."""
    contact_ids = {item.subject.contact_id for item in wanted if item.subject.contact_id is not None}
    owned = await protection.identifiers_of(connection, contact_ids) if contact_ids else []
    flagged = await protection.flagged(connection, contact_ids) if contact_ids else set()
    dialled = {item.phone: _identifier_of(item.phone) for item in wanted if item.phone is not None}
    covered = await protection.covered(connection, [*(item.identifier for item in owned), *dialled.values()])
    people = flagged | {item.contact_id for item in owned if item.identifier in covered}
    return [
        item.subject.contact_id in people or (item.phone is not None and dialled[item.phone] in covered)
        for item in wanted
    ]
