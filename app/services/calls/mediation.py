"""Rounds of calls to the parties of mediations, as a source of calls."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import asyncpg

from app.domain.dialing import (
    Attempt,
    Following,
    Named,
    Reason,
    Rules,
    after,
    after_refusal_of_provider,
    retry_at,
    script_for,
    words_for,
)
from app.repositories import audit, call_intentions, contacts
from app.repositories import rounds as store
from app.repositories.calls import Row, free_slots
from app.repositories.rounds import Finished, History, Released, Settled
from app.services.calls.desk import Desk
from app.services.calls.hours import Hours
from app.services.calls.reserve import reserve
from app.services.calls.source import Ended, Refused, Release, Reserved, Said, Subject, Verdict, Wanted

SCHEDULER = "scheduler"
_NOT_ANY_MORE = frozenset({Reason.CASE_CLOSED, Reason.NODE_LEFT})


class MediationSource:
    """Implements ``Source`` for ``mediation_record``."""

    def key_of(self, call: Row) -> int | None:
        """Return the round of a call."""
        record_id: int | None = call["record_id"]
        return record_id

    async def prepare(self, desk: Desk) -> None:
        """Do nothing: rounds say themselves when they are due."""

    async def claim(
        self,
        connection: asyncpg.Connection,
        desk: Desk,  # noqa: ARG002 - the house's lines are all that counts
        now: datetime,
        room: int,
        lease_end: datetime,
    ) -> list[int]:
        """Claim rounds that the scheduler is to place, as many as the house's lines have room for."""
        limit = min(room, await free_slots(connection, now))
        return await store.claim(connection, now, limit, lease_end) if limit > 0 else []

    async def reserve(
        self, connection: asyncpg.Connection, desk: Desk, keys: Sequence[int], lease_end: datetime, now: datetime
    ) -> list[Reserved]:
        """Reserve due rounds; what the gate refuses is due again when it says, or never."""
        await contacts.lock(connection, await store.contacts_of(connection, keys))
        records = await store.lock_claimed(connection, keys, lease_end)
        wanted = await wanted_of(connection, desk, records, is_automatic=True)
        verdicts = await reserve(connection, desk, wanted, now, actor=SCHEDULER)
        settled = [settled_of(record, verdict) for record, verdict in zip(records, verdicts, strict=True)]
        await store.settle(connection, settled)
        await write_reasons(connection, now, SCHEDULER, list(zip(records, verdicts, strict=True)))
        return [verdict for verdict in verdicts if isinstance(verdict, Reserved)]

    async def release(
        self, connection: asyncpg.Connection, now: datetime, released: Mapping[int, Release]
    ) -> Mapping[int, datetime]:
        """Plan rounds again whose calls were certainly not taken; whoever asked by hand asks again by hand."""
        rows = await store.of_calls(connection, released)
        found = {key: _released_of(row, released[key], now) for key, row in rows.items()}
        await store.release(connection, list(found.values()))
        entries = [
            audit.Entry(row["contact_id"], reason=found[key].reason, detail={"record_id": key})
            for key, row in rows.items()
            if found[key].reason not in {None, row["reason"]}
        ]
        await audit.write(connection, now, actor="provider", action="no_call", entries=entries)
        return {key: _again_at(row, released[key], now) for key, row in rows.items()}

    async def finish(
        self, connection: asyncpg.Connection, desk: Desk, now: datetime, ended: Mapping[int, Ended]
    ) -> None:
        """Write what became of rounds, and plan those that follow."""
        rows = await store.of_calls(connection, ended)
        following = {key: _following(row, ended[key], desk, now) for key, row in rows.items()}
        finished = [
            Finished(
                key,
                what.state,
                what.due_at if what.state == "planned" else None,
                what.reason,
                ended[key].outcome.result,
                ended[key].remark,
            )
            for key, what in following.items()
        ]
        await store.finish(connection, finished)
        next_ones = [(key, what.due_at) for key, what in following.items() if what.state == "done" and what.due_at]
        await store.plan_next(connection, now, next_ones)
        entries = [
            audit.Entry(rows[key]["contact_id"], reason=what.reason, detail={"record_id": key})
            for key, what in following.items()
            if what.reason is not None
        ]
        await audit.write(connection, now, actor=SCHEDULER, action="call_ended", entries=entries)
        # However it ended: the talk may hold a refusal, and nobody calls the number before it is read.
        talks = [(what.call_id, None) for what in ended.values() if what.has_spoken]
        if talks:
            await call_intentions.add(connection, now, talks)

    async def said(self, connection: asyncpg.Connection, calls: Sequence[Row]) -> Mapping[int, Said]:
        """Put together once more what calls were placed with; nothing for people who were erased."""
        mediation_ids = {row["mediation_id"] for row in calls if row["mediation_id"] is not None}
        mediations = await store.mediations(connection, mediation_ids)
        parties = await store.parties(connection, mediation_ids)
        found = {}
        for row in calls:
            own = parties.get(row["mediation_id"], [])
            index = next((place for place, party in enumerate(own) if party["id"] == row["party_id"]), None)
            if index is not None:
                found[row["id"]] = _said(mediations[row["mediation_id"]], own, index)
        return found


async def wanted_of(
    connection: asyncpg.Connection, desk: Desk, records: Sequence[Row], *, is_automatic: bool
) -> list[Wanted]:
    """Return the calls that rounds stand for, in their order, with everything the gate wants to know of the party."""
    mediation_ids = {record["mediation_id"] for record in records}
    mediations = await store.mediations(connection, mediation_ids)
    parties = await store.parties(connection, mediation_ids)
    history = await store.history(connection, {(record["party_id"], record["node_id"]) for record in records})
    hours = await Hours.load(connection, desk.context.settings, desk.dialer)
    return [
        _wanted(
            record,
            mediations[record["mediation_id"]],
            parties[record["mediation_id"]],
            history.get((record["party_id"], record["node_id"]), History()),
            _rules(mediations[record["mediation_id"]], desk, hours),
            is_automatic=is_automatic,
        )
        for record in records
    ]


def settled_of(record: Row, verdict: Verdict, *, is_series: bool | None = None) -> Settled:
    """Return where a round stands after a look of the scheduler's, or of a request that says whether it is a series."""
    series = record["is_series"] if is_series is None else is_series
    if isinstance(verdict, Reserved):
        return Settled(record["id"], "calling", series, None, None, None)
    refusal = verdict.refusal
    if record["state"] == "calling":
        return Settled(record["id"], "calling", series, None, refusal.reason, None)
    if refusal.reason in _NOT_ANY_MORE:
        return Settled(record["id"], "cancelled", series, None, refusal.reason, None)
    if refusal.until is None:
        return Settled(record["id"], "refused", series, None, refusal.reason, None)
    return Settled(record["id"], "planned", series, refusal.until if series else None, refusal.reason, refusal.until)


async def write_reasons(
    connection: asyncpg.Connection, now: datetime, actor: str, looks: Sequence[tuple[Row, Verdict]]
) -> None:
    """Write an audit row for each refusal whose reason is new."""
    entries = [
        audit.Entry(
            verdict.wanted.subject.contact_id, reason=verdict.refusal.reason, detail={"record_id": record["id"]}
        )
        for record, verdict in looks
        if isinstance(verdict, Refused) and verdict.refusal.reason != record["reason"]
    ]
    await audit.write(connection, now, actor=actor, action="no_call", entries=entries)


def interval_of(minutes: int, desk: Desk) -> timedelta:
    """Return a node's interval as the provider's world counts it."""
    return timedelta(minutes=minutes) * desk.dialer.time_scale


def _rules(mediation: Row, desk: Desk, hours: Hours) -> Rules:
    window = hours.window(mediation["dial_window"], skip_holiday=mediation["skip_holiday"])
    return Rules(
        opens_at=None if window is None else window.opens_at,
        interval=interval_of(mediation["call_interval"], desk),
        max_rounds=mediation["max_rounds"],
        daily_cap=desk.context.settings.daily_call_cap,
        closes_at=None if window is None else window.closes_at,
        unknown_hold=timedelta(hours=desk.context.settings.unknown_hold_hours),
    )


def _wanted(
    record: Row, mediation: Row, parties: Sequence[Row], history: History, rules: Rules, *, is_automatic: bool
) -> Wanted:
    index = next(place for place, party in enumerate(parties) if party["id"] == record["party_id"])
    party = parties[index]
    # An erased person has no contact any more, and so no number, whatever stands in the row.
    phone = None if party["contact_id"] is None else party["phone"]
    return Wanted(
        subject=Subject(
            call_type=mediation["call_type"],
            contact_id=party["contact_id"],
            case_id=mediation["case_id"],
            mediation_id=mediation["id"],
            node_id=record["node_id"],
            party_id=party["id"],
            person_id=party["person_id"],
            record_id=record["id"],
        ),
        phone=phone,
        said=_said(mediation, parties, index),
        script=script_for(mediation["scripts"], [_named(item) for item in parties], index),
        rules=rules,
        history=history,
        is_automatic=is_automatic,
        withdrawn=_withdrawn(record, mediation),
        why=f"round {record['round']} of {rules.max_rounds}",
    )


def _withdrawn(record: Row, mediation: Row) -> Reason | None:
    if mediation["closed_at"] is not None:
        return Reason.CASE_CLOSED
    return Reason.NODE_LEFT if mediation["node_id"] != record["node_id"] else None


def _named(party: Row) -> Named:
    return Named(party["person_type"], party["name"], party["honorific"])


def _said(mediation: Row, parties: Sequence[Row], index: int) -> Said:
    party = parties[index]
    words = words_for(
        [_named(item) for item in parties],
        index,
        title=mediation["title"],
        task_name=mediation["task_name"],
        agreement=mediation["agree_content"],
    )
    return Said(party["name"], party["honorific"], str(party["person_type"]), words)


def _following(row: Row, ended: Ended, desk: Desk, now: datetime) -> Following:
    attempt = Attempt(
        ended_at=ended.ended_at,
        is_counted=ended.outcome.is_counted,
        is_reached=ended.outcome.is_reached,
        is_certain=ended.is_certain,
        is_blocked=ended.is_blocked,
        is_cancelled=ended.is_cancelled,
        is_series=row["is_series"],
        round=row["round"],
        faults=row["faults"],
        provider_back_at=ended.provider_back_at,
    )
    following = after(
        attempt,
        interval=interval_of(row["call_interval"], desk),
        max_rounds=row["max_rounds"],
        scale=desk.dialer.time_scale,
        now=now,
    )
    if row["is_current"] or following.due_at is None:
        return following
    # The case was closed or moved on during the call: what happened stands, nothing follows.
    state = following.state if following.state == "done" else "cancelled"
    return Following(state, None, Reason.NODE_LEFT)


def _released_of(row: Row, release: Release, now: datetime) -> Released:
    if release.until is not None:
        due_at = release.until if row["is_series"] else None
        return Released(row["id"], "planned", due_at, release.reason, row["failures"], release.remark)
    if release.reason is not None:
        state = "refused" if release.reason is Reason.DO_NOT_CONTACT else "cancelled"
        return Released(row["id"], state, None, release.reason, row["failures"], release.remark)
    if release.answer is None:
        due_at = now if row["is_series"] else None
        # What its reason says now is only why it was not called a second time meanwhile.
        return Released(row["id"], "planned", due_at, None, row["failures"], release.remark)
    failures = min(row["failures"] + 1, 1000)
    what = after_refusal_of_provider(
        failures=failures,
        retry_after=release.answer.retry_after,
        is_final=release.answer.is_final,
        is_series=row["is_series"],
        now=now,
    )
    return Released(row["id"], what.state, what.due_at, what.reason, failures, release.remark)


def _again_at(row: Row, release: Release, now: datetime) -> datetime:
    if release.answer is None:
        return release.until or now
    return retry_at(row["failures"] + 1, release.answer.retry_after, now)


__all__ = ["MediationSource", "interval_of", "settled_of", "wanted_of", "write_reasons"]
