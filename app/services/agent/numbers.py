"""Numbers of a task: adding, finding, resetting and taking them away."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, TypeVar

import asyncpg
from sqlalchemy.ext.asyncio import AsyncSession

from app.domain.dialing.numbers import is_dialable
from app.domain.identifiers import Identifier, IdentifierKind, normalise_phone
from app.errors import ConflictError, InvalidInputError, NotFoundError
from app.models import CallTask, OutboundCall, TaskNumber
from app.repositories import audit, protection
from app.repositories import task_numbers as store
from app.repositories.task_numbers import NewNumber
from app.services.agent.owners import Owner, reading
from app.services.agent.tasks import TASKS
from app.services.context import Context
from app.services.transactions import RacedError, in_transaction

RESET_BATCH: Final = 2000
CREATED, DUPLICATE, MALFORMED = "created", "duplicate", "malformed"
_UNDIALABLE: Final = (
    "不可外呼:无效号码、短号、紧急或付费号码 (never dialled: invalid, short, emergency or premium-rate numbers)"
)
_THERE: Final = "任务中已有此号码 (the task has this number already)"
_PROTECTED: Final = "该号码在免打扰名单上,不会被呼叫 (on the do-not-contact list: it will not be dialled)"
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Given:
    """A number as somebody wrote it, and what the script may say."""

    phone: str
    name: str | None = None
    words: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Added:
    """What became of a given number; ``phone`` is E.164, or as given where it is malformed."""

    phone: str
    result: str
    id: int | None = None
    is_repeat: bool = False
    message: str | None = None
    warning: str | None = None


@dataclass(frozen=True, slots=True)
class NumberView:
    """A number and the calls to it, the newest first."""

    number: TaskNumber
    attempts: Sequence[OutboundCall]


def dialable(text: str) -> str:
    """Return a number in E.164.

    Raises:
        ValueError: it is no phone number, or one that is never dialled; the message says which.
    """
    phone = normalise_phone(text)
    if not is_dialable(phone):
        raise ValueError(_UNDIALABLE)
    return phone


async def add(
    context: Context, owner: Owner, task_id: int, given: Sequence[Given], *, allow_duplicates: bool
) -> list[Added]:
    """Add numbers to a task, started or not; returns what became of each, in its place.

    Args:
        context: Where to.
        owner: Whose task.
        task_id: Which task; 404 where the account has no such task.
        given: A few; files are read by `imports`.
        allow_duplicates: Keep also what stands in the task already, or comes twice.
    """
    await known(context, owner, task_id)
    results = [_read(each) for each in given]
    new = [
        (result, NewNumber(result.phone, each.name, each.words))
        for each, result in zip(given, results, strict=True)
        if result.result != MALFORMED
    ]

    async def work(connection: asyncpg.Connection, now: datetime) -> None:
        await _write(connection, task_id, new, now, allow_duplicates=allow_duplicates)

    await within(context, task_id, work)
    await _warn(context, [result for result, _ in new])
    return results


async def page(
    context: Context, owner: Owner, task_id: int, status: int | None, *, offset: int, limit: int
) -> tuple[int, Sequence[TaskNumber]]:
    """Return how many numbers a task has, of one status or of all, and a page of them as they were added."""
    async with reading(context, owner) as (session, account):
        await TASKS.find(session, account, task_id)
        return await store.page(session, task_id, status, offset=offset, limit=limit)


async def read(context: Context, owner: Owner, task_id: int, text: str) -> list[NumberView]:
    """Return the rows of a phone in a task, however the phone is written; 404 where it has none."""
    try:
        phone = normalise_phone(text)
    except ValueError as error:
        raise InvalidInputError(str(error), field=("path", "number")) from error
    async with reading(context, owner) as (session, account):
        await TASKS.find(session, account, task_id)
        found = await store.of_phone(session, task_id, phone)
        if not found:
            raise NotFoundError(f"任务 {task_id} 没有此号码 (the task has no such number)")
        return [await _view(session, number) for number in found]


async def reset(context: Context, owner: Owner, task_id: int, statuses: Sequence[int], *, actor: str) -> int:
    """Have numbers dialled once more that are over with one of these statuses; returns how many.

    A batch at a time, each for good: a call that is cut off has reset a part, and can be repeated.
    """
    await known(context, owner, task_id)
    done, last, number = 0, 0, RESET_BATCH
    while number == RESET_BATCH:
        after = last

        async def work(connection: asyncpg.Connection, now: datetime, after: int = after) -> list[int]:
            ids = await store.reset(connection, task_id, statuses, now, after=after, limit=RESET_BATCH)
            detail = {"task_id": task_id, "number_status": list(statuses), "numbers": len(ids)}
            entries = [audit.Entry(detail=detail)] if ids else []
            await audit.write(connection, now, actor=actor, action="numbers_reset", entries=entries)
            return ids

        ids = await within(context, task_id, work)
        number, last = len(ids), ids[-1] if ids else last
        done += number
    return done


async def remove(context: Context, owner: Owner, task_id: int, number_id: int) -> None:
    """Take a number out of a task; 409 unless it waits to be called."""
    await known(context, owner, task_id)

    async def work(connection: asyncpg.Connection) -> None:
        state = await store.lock(connection, task_id, number_id)
        if state is None:
            raise NotFoundError(f"任务 {task_id} 没有 id 为 {number_id} 的号码 (the task has no such number)")
        if state != "waiting":
            raise ConflictError(
                f"号码 {number_id} 的状态为 {state},只能删除待呼叫的号码 (only a number that waits can be deleted)"
            )
        await store.remove(connection, number_id)

    await in_transaction(context, work)
    context.wake_calls.set()


async def known(context: Context, owner: Owner, task_id: int) -> CallTask:
    """Return a task; 404 where the account has no such task."""
    async with reading(context, owner) as (session, account):
        return await TASKS.find(session, account, task_id)


async def within(
    context: Context, task_id: int, work: Callable[[asyncpg.Connection, datetime], Awaitable[Result]]
) -> Result:
    """Run ``work``, which makes numbers due, in a transaction of its own, and have the task's dialer look at once.

    Nobody starts, stops, ends or deletes the task meanwhile; 404 where it is deleted.
    """

    async def run(connection: asyncpg.Connection) -> tuple[Result, bool]:
        now = context.clock.now()
        await store.reopen(connection, task_id, now)
        task = await store.share(connection, task_id, now)
        if task is None:
            raise NotFoundError(f"任务 {task_id} 已被删除 (the task was deleted)")
        if task["is_at_rest"]:
            raise RacedError
        return await work(connection, now), task["is_started"]

    result, is_started = await in_transaction(context, run)
    if is_started:
        context.wake_calls.set()
    return result


def _read(given: Given) -> Added:
    try:
        return Added(dialable(given.phone), CREATED)
    except ValueError as error:
        return Added(given.phone, MALFORMED, message=str(error))


async def _write(
    connection: asyncpg.Connection,
    task_id: int,
    new: Sequence[tuple[Added, NewNumber]],
    now: datetime,
    *,
    allow_duplicates: bool,
) -> None:
    """Write numbers, and what became of each into its result; each number once, the others as is wanted."""
    first: dict[str, tuple[Added, NewNumber]] = {}
    for result, number in new:
        first.setdefault(number.phone, (result, number))
    rows = await store.add(connection, task_id, [number for _, number in first.values()], now)
    made = {phone: number_id for number_id, phone in rows}
    left: list[tuple[Added, NewNumber]] = []
    for result, number in new:
        if first[number.phone][0] is result and number.phone in made:
            result.result, result.id = CREATED, made[number.phone]
        else:
            left.append((result, number))
    if allow_duplicates:
        repeats = await store.add(connection, task_id, [number for _, number in left], now, repeats=True)
        for (result, _), (number_id, _) in zip(left, repeats, strict=True):
            result.result, result.id, result.is_repeat = CREATED, number_id, True
        return
    there = await store.existing(connection, task_id, [number.phone for _, number in left])
    for result, number in left:
        result.result, result.id, result.message = DUPLICATE, there.get(number.phone), _THERE


async def _warn(context: Context, results: Sequence[Added]) -> None:
    """Say of which numbers the list says that nobody calls them; the gate refuses them when they are due."""
    asked = {result.phone: Identifier(IdentifierKind.PHONE, result.phone) for result in results}
    async with context.database.connection() as connection:
        covered = await protection.covered(connection, asked.values())
    for result in results:
        if asked[result.phone] in covered:
            result.warning = _PROTECTED


async def _view(session: AsyncSession, number: TaskNumber) -> NumberView:
    return NumberView(number, await store.attempts(session, number.id))
