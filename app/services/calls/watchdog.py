"""Calls that the provider never ended: given up, so that their line is free again.

A call of which the polls say that it is under way gets more time (``polling``), up to four times the setting.
"""

import asyncio

import structlog

from app.gateways.dialer import DialerError
from app.repositories import call_polls as store
from app.repositories.calls import Row
from app.services.calls.desk import Desk
from app.services.calls.ending import Over, end_calls
from app.services.calls.refs import ref_of

log = structlog.get_logger(__name__)

BATCH = 200
_FORGOTTEN = "服务商在限期内没有给出结果,已由系统结束 (the provider never told of its end)"
_UNCERTAIN = "服务商没有确认是否呼出,已由系统结束 (it is not known whether it was placed)"


async def give_up(desk: Desk) -> int:
    """End up to a batch of calls that are over their time; returns how many there were."""
    now = desk.context.clock.now()
    async with desk.context.database.connection() as connection:
        rows = await store.expired(connection, now, BATCH)
    if not rows:
        return 0
    # Asked to give them up too: what still waits at the provider must not ring when nobody expects it any more.
    await asyncio.gather(*(_cancel(desk, row) for row in rows if row["provider"] == desk.dialer.name))
    await end_calls(desk, [Over(row["id"], None, _remark(row)) for row in rows])
    log.warning("calls that the provider did not end were given up", calls=len(rows))
    return len(rows)


def _remark(row: Row) -> str:
    return _FORGOTTEN if row["placement"] == "placed" else _UNCERTAIN


async def _cancel(desk: Desk, row: Row) -> None:
    try:
        async with desk.request():
            await desk.dialer.cancel(ref_of(row))
    except DialerError as error:
        log.warning("the provider could not be told to give a call up", call_id=row["id"], error=str(error))
