"""Giving a call up because a person says so.

The wish is written down first, so that a call that has not left yet never does; then the provider is asked, no
transaction open. A call that is on its way at that moment is given up by whoever learns that it was placed
(``placing.give_up``). Where it is too late the wish is taken back: the call goes on, and what follows from it too.
"""

import asyncio

import asyncpg

from app.domain.calls import JobStatus
from app.errors import ConflictError, NotFoundError, UnavailableError
from app.gateways.dialer import DialerError
from app.repositories import audit
from app.repositories import call_cancels as store
from app.repositories.calls import Row
from app.services.calls.desk import Desk
from app.services.calls.refs import ref_of
from app.services.transactions import in_transaction

_LOOKS = 20
_LOOK_SECONDS = 0.25
_OVER = "通话已结束,不能取消 (the call is over)"
_TOO_LATE = "通话已接通或已结束,不能取消 (too late: it was answered or is over)"
_UNCERTAIN = (
    "无法确认该通话是否已呼出,未能取消;不会自动重拨 (not known whether it left; it is not placed again by itself)"
)
_FOREIGN = "该通话由其他服务商发起,不能取消 (another provider placed this call)"


async def cancel(desk: Desk, job_id: str, *, actor: str) -> None:
    """Give a call up; for one that is over already nothing more happens, asked again the provider is told again.

    Raises:
        NotFoundError: there is no such call.
        ConflictError: it is over, or the provider says that it is too late.
        UnavailableError: the provider cannot be asked at the moment; the call is as it was.
    """
    call = await _ask(desk, job_id, actor)
    if call is not None:
        await _tell(desk, call, actor, is_repeat=call["cancel_requested_at"] is not None)


async def _ask(desk: Desk, job_id: str, actor: str) -> Row | None:
    """Write the wish down; returns the call as it was before, where the provider is to be told."""
    now = desk.context.clock.now()

    async def work(connection: asyncpg.Connection) -> Row | None:
        row = await _lock(connection, job_id)
        if row["ended_at"] is not None:
            if row["status"] != JobStatus.CANCELLED and row["placement"] != "not_placed":
                raise ConflictError(_OVER)
            return None
        if row["provider"] != desk.dialer.name:
            raise ConflictError(_FOREIGN)
        if row["cancel_requested_at"] is not None:
            return row
        await store.ask(connection, row["id"], now)
        entry = audit.Entry(row["contact_id"], reason="cancelled", detail={"call_id": row["id"]})
        await audit.write(connection, now, actor=actor, action="call_cancel", entries=[entry])
        return row

    return await in_transaction(desk.context, work)


async def _tell(desk: Desk, call: Row, actor: str, *, is_repeat: bool) -> None:
    """Tell the provider, unless the call never reached it.

    The wish of an earlier request stays whatever the provider says to this one: it may have been granted already.
    """
    row = await _once_placed(desk, call["job_id"])
    if row is None:
        return
    try:
        async with desk.request():
            is_in_time = await desk.dialer.cancel(ref_of(row))
    except DialerError as error:
        if not is_repeat:
            await _take_back(desk, row, actor)
        raise UnavailableError(
            "服务商暂时无法取消通话,请稍后重试 (the provider cannot be asked at the moment, try again)", retry_after=2
        ) from error
    if is_in_time or (is_repeat and row["placement"] == "placed"):
        return
    if row["placement"] == "unknown":
        # Perhaps it rings, perhaps it never will: the wish stays, so that it is not placed again by itself.
        raise ConflictError(_UNCERTAIN)
    if await _take_back(desk, row, actor):
        raise ConflictError(_TOO_LATE)


async def _once_placed(desk: Desk, job_id: str) -> Row | None:
    """Return a call once it is known whether the provider has it; None for one that is over or never will be placed.

    A reservation that nobody completes belongs to a process that died: with the wish written down it is never placed,
    or given up as soon as a look-up finds it.
    """
    for _ in range(_LOOKS):
        async with desk.context.database.transaction() as connection:
            row = await _lock(connection, job_id)
        if row["ended_at"] is not None:
            return None
        if row["placement"] != "reserved":
            return row
        await asyncio.sleep(_LOOK_SECONDS)
    return None


async def _take_back(desk: Desk, call: Row, actor: str) -> bool:
    """Write that a call goes on; False where it was given up meanwhile."""

    async def work(connection: asyncpg.Connection) -> bool:
        row = await _lock(connection, call["job_id"])
        if row["ended_at"] is not None:
            return bool(row["status"] != JobStatus.CANCELLED)
        await store.take_back(connection, row["id"])
        entry = audit.Entry(row["contact_id"], reason="too_late", detail={"call_id": row["id"]})
        await audit.write(connection, desk.context.clock.now(), actor=actor, action="call_cancel", entries=[entry])
        return True

    return await in_transaction(desk.context, work)


async def _lock(connection: asyncpg.Connection, job_id: str) -> Row:
    row = await store.lock(connection, job_id)
    if row is None:
        raise NotFoundError(f"没有通话 {job_id} (no such call)")
    return row
