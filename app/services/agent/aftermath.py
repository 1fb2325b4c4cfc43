"""What follows from the ended calls of tasks: a talk that is to be read, a notice that is to leave."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

import asyncpg

from app.domain.calls import NumberStatus
from app.domain.intention import Level
from app.repositories import call_intentions, call_notices


class EndedCall(NamedTuple):
    """An attempt of a task that is over, as it is written already."""

    call_id: int
    task_id: int
    number_id: int
    number_status: int
    """0 to 12."""
    is_attempt: bool
    """False: the number was certainly not called, so there is nothing to tell anybody."""
    has_talk: bool
    """The contact said something, and the talk is written already."""
    config_id: int | None
    """The task's intention config."""
    wants_notice: bool
    """The task has a ``call_notify_url``."""


async def after_calls(connection: asyncpg.Connection, now: datetime, ended: Sequence[EndedCall]) -> None:
    """Write what follows from ended calls, in their transaction: three statements at most for a whole batch.

    Every talk is read, also where nobody asked for a level, and also of a call that counts as never made: it may hold a
    refusal. Whoever has a talk gets the notice when that is read.
    """
    attempts = [call for call in ended if call.is_attempt]
    empty = [call.call_id for call in attempts if call.number_status == NumberStatus.EMPTY_NUMBER]
    if empty:
        await call_intentions.write_levels(connection, now, empty, int(Level.F))
    talks = [(call.call_id, call.config_id) for call in ended if call.has_talk]
    if talks:
        await call_intentions.add(connection, now, talks)
    told = [(call.call_id, call.task_id) for call in attempts if call.wants_notice and not call.has_talk]
    if told:
        await call_notices.add(connection, now, told)
