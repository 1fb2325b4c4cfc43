"""Putting people into sequences, and holding, resuming or stopping them by hand."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import asyncpg

from app.domain.followup import Reason, position_key
from app.errors import ConflictError, InvalidInputError, NotFoundError
from app.repositories import audit, contacts
from app.repositories import enrollments as store
from app.repositories import sequences as sequence_store
from app.services.context import Context

MOST_AT_ONCE = 10_000
CHUNK = 1000


class Enrolled(StrEnum):
    """What became of one person of the list."""

    ENROLLED = "enrolled"
    WAITING = "waiting"
    ALREADY_ENROLLED = "already_enrolled"
    NEEDS_RESTART = "needs_restart"
    CONVERTED = "converted"
    DO_NOT_CONTACT = "do_not_contact"
    BOT_DELETED = "bot_deleted"
    NOT_FOUND = "not_found"


MESSAGES = {
    Enrolled.ENROLLED: "已加入复聊 (enrolled)",
    Enrolled.WAITING: "没有匹配的启用配置,等待中 (no active config matches; waiting for one)",
    Enrolled.ALREADY_ENROLLED: "已在复聊中 (already in a sequence)",
    Enrolled.NEEDS_RESTART: "之前的复聊已结束,重新开始需 restart=true (an earlier sequence ended; needs restart)",
    Enrolled.CONVERTED: "已获得联系方式,不再复聊 (contact details were obtained; not written to again)",
    Enrolled.DO_NOT_CONTACT: "已设为免打扰 (must not be contacted)",
    Enrolled.BOT_DELETED: "该联系人的渠道已删除 (this contact's bot was deleted)",
    Enrolled.NOT_FOUND: "没有这个联系人 (no such contact)",
}


_NEVER = {
    "do_not_contact": Enrolled.DO_NOT_CONTACT,
    "is_without_bot": Enrolled.BOT_DELETED,
    "was_converted": Enrolled.CONVERTED,
}
"""What speaks against a person whatever was asked for, in this order: column of a candidate, answer."""


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked for: either people by id, or everybody of a position."""

    contact_ids: Sequence[int] | None
    position: str | None
    opening: bool
    config_id: int | None
    restart: bool


@dataclass(frozen=True, slots=True)
class EnrollmentResult:
    """The answer for one person."""

    contact_id: int
    status: Enrolled
    enrollment_id: int | None
    config_id: int | None

    @property
    def message(self) -> str:
        """What happened, in words."""
        return MESSAGES[self.status]


async def enroll(context: Context, request: Request, *, actor: str) -> list[EnrollmentResult]:
    """Enroll people, an answer for each in the order of the list; at most 10,000 in one call."""
    await _check_config(context, request.config_id)
    ids = await _wanted_ids(context, request)
    results: dict[int, EnrollmentResult] = {}
    for start in range(0, len(ids), CHUNK):
        results |= await _enroll_chunk(context, request, sorted(ids[start : start + CHUNK]), actor)
    context.wake.set()
    return [results[contact_id] for contact_id in ids]


async def _check_config(context: Context, config_id: int | None) -> None:
    if config_id is None:
        return
    async with context.database.connection() as connection:
        loaded = await sequence_store.load_configs(connection, [config_id])
    if not loaded.configs:
        raise NotFoundError(f"没有 id 为 {config_id} 的复聊配置 (no such config)", field=("body", "config_id"))
    if loaded.configs[0]["is_deleted"]:
        raise ConflictError("该复聊配置已删除 (this config was deleted)", field=("body", "config_id"))


async def _wanted_ids(context: Context, request: Request) -> list[int]:
    if request.contact_ids is not None:
        return list(dict.fromkeys(request.contact_ids))
    key = position_key(request.position)
    async with context.database.connection() as connection:
        ids = await store.ids_by_position(connection, key, 0, MOST_AT_ONCE + 1)
    if len(ids) > MOST_AT_ONCE:
        raise InvalidInputError(
            f"该岗位超过 {MOST_AT_ONCE} 人,请用 contact_ids 分批 (too many people; name them in batches)",
            field=("body", "position"),
        )
    return ids


async def _enroll_chunk(
    context: Context, request: Request, contact_ids: Sequence[int], actor: str
) -> dict[int, EnrollmentResult]:
    now = context.clock.now()
    async with context.database.transaction() as connection:
        people = await store.lock_candidates(connection, contact_ids)
        chosen = await _choose_configs(connection, request, people)
        results = {contact_id: _first_answer(contact_id, people.get(contact_id), request) for contact_id in contact_ids}
        admitted = [people[result.contact_id] for result in results.values() if result.status is Enrolled.ENROLLED]
        rows = [_row(person, chosen.get(person["id"]), request) for person in admitted]
        inserted = await store.insert(connection, now, rows)
        for contact_id, enrollment_id in inserted.items():
            config_id = chosen.get(contact_id)
            status = Enrolled.WAITING if config_id is None else Enrolled.ENROLLED
            results[contact_id] = EnrollmentResult(contact_id, status, enrollment_id, config_id)
        await audit.write_reasons(
            connection,
            now,
            actor,
            "enroll",
            [(contact_id, enrollment_id, results[contact_id].status) for contact_id, enrollment_id in inserted.items()],
        )
    return results


async def _choose_configs(
    connection: asyncpg.Connection, request: Request, people: dict[int, asyncpg.Record]
) -> dict[int, int]:
    if request.config_id is not None:
        return dict.fromkeys(people, request.config_id)
    by_key = await sequence_store.choose_configs(connection, [row["position_key"] for row in people.values()])
    return {row["id"]: by_key[row["position_key"]] for row in people.values() if row["position_key"] in by_key}


def _first_answer(contact_id: int, person: asyncpg.Record | None, request: Request) -> EnrollmentResult:
    status = _refusal(person, request)
    known = person["newest_id"] if person is not None and status is Enrolled.ALREADY_ENROLLED else None
    return EnrollmentResult(contact_id, status, known, None)


def _refusal(person: asyncpg.Record | None, request: Request) -> Enrolled:
    """Say why a person cannot be enrolled, or ``ENROLLED`` if nothing speaks against it."""
    if person is None:
        return Enrolled.NOT_FOUND
    for column, status in _NEVER.items():
        if person[column]:
            return status
    if person["newest_state"] in {"waiting", "active", "paused"}:
        return Enrolled.ALREADY_ENROLLED
    if person["newest_state"] is not None and not request.restart:
        return Enrolled.NEEDS_RESTART
    return Enrolled.ENROLLED


def _row(
    person: asyncpg.Record, config_id: int | None, request: Request
) -> tuple[int, int, int | None, str, str | None, bool]:
    # An opening is sent once in a lifetime, whatever restarts.
    opening = request.opening and not person["had_opening"]
    if config_id is None:
        return person["id"], person["bot_id"], None, "waiting", Reason.NO_MATCHING_CONFIG, opening
    return person["id"], person["bot_id"], config_id, "active", None, opening


async def pause(context: Context, enrollment_id: int, *, actor: str) -> None:
    """Hold a sequence until it is resumed."""
    await _change(context, enrollment_id, {"waiting", "active"}, "pause", actor)


async def resume(context: Context, enrollment_id: int, *, actor: str) -> None:
    """Go on with a paused sequence; what became due meanwhile is one message at most."""
    await _change(context, enrollment_id, {"paused"}, "resume", actor)
    context.wake.set()


async def stop(context: Context, enrollment_id: int, *, actor: str) -> None:
    """End a sequence for good."""
    await _change(context, enrollment_id, {"waiting", "active", "paused"}, "stop", actor)


async def _change(context: Context, enrollment_id: int, allowed: set[str], action: str, actor: str) -> None:
    now = context.clock.now()
    async with context.database.transaction() as connection:
        found = await store.find(connection, enrollment_id)
        if found is None:
            raise NotFoundError(f"没有 id 为 {enrollment_id} 的复聊序列 (no such enrollment)")
        await contacts.lock(connection, [found["contact_id"]])
        found = await store.find(connection, enrollment_id)
        if found is None or found["state"] not in allowed:
            state = "gone" if found is None else found["state"]
            raise ConflictError(f"当前状态为 {state},不能执行 {action} (not possible in this state)")
        state, reason, due_at = _target(found, action, now)
        await store.change(connection, enrollment_id, state=state, reason=reason, due_at=due_at, now=now)
        if state == "waiting":
            await _match(connection, enrollment_id, found["position"], now)
        await audit.write_reasons(
            connection, now, actor, action, [(found["contact_id"], enrollment_id, reason or state)]
        )


async def _match(connection: asyncpg.Connection, enrollment_id: int, position: str | None, now: datetime) -> None:
    """Give somebody who waits again the config that was activated meanwhile, if there is one."""
    key = position_key(position)
    chosen = await sequence_store.choose_configs(connection, [key])
    if key in chosen:
        await store.activate(connection, now, [(enrollment_id, chosen[key])])


def _target(found: asyncpg.Record, action: str, now: datetime) -> tuple[str, str | None, datetime | None]:
    if action == "pause":
        return "paused", Reason.PAUSED, None
    if action == "stop":
        return "stopped", "operator", None
    if found["config_id"] is None:
        return "waiting", Reason.NO_MATCHING_CONFIG, None
    return "active", None, now
