"""Recordings of calls: copied from the provider before its links die, linked to, handed out, removed.

A recording that cannot be fetched is tried again with growing pauses until its links are dead, 24 hours after the call;
then it is lost. An erasure only marks a recording as removed, in its own transaction, by ``remove`` of the repository:
links to it lead nowhere from then on, and whoever comes by here deletes it from the store.
"""

import asyncio
from contextlib import aclosing
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from urllib.parse import quote

import asyncpg
import structlog

from app.domain.recordings import LinkState, judge_link, recording_key, sign_link
from app.errors import ForbiddenError, GoneError, NotFoundError
from app.gateways.dialer import CallRef, Dialer, DialerError, ThrottledError
from app.gateways.recordings import RecordingStore, RecordingTooLargeError, StoreError, StoreFullError
from app.repositories import recordings
from app.services.context import Context

log = structlog.get_logger(__name__)

PATH: Final = "/api/v1/outbound-bot/recordings"
BATCH: Final = 16
_AT_ONCE: Final = 8
_LEASE: Final = timedelta(minutes=10)
"""Longer than two recordings can take one after the other."""
_LINKS_LIVE: Final = timedelta(hours=24)
_FIRST_PAUSE: Final = timedelta(seconds=30)
_LONGEST_PAUSE: Final = timedelta(minutes=30)

_FORGED: Final = (
    "录音链接无效,请重新查询通话记录获取新链接 (this link is not valid: ask conversation-log for a fresh one)"
)
_EXPIRED: Final = "录音链接已过期,请重新查询获取新链接 (this link has expired: ask conversation-log for a fresh one)"
_GONE: Final = "录音已不存在 (this recording is not kept any more)"
_NONE: Final = "没有录音 (there is no recording of this call)"
_COMING: Final = "录音尚未保存完成,请稍后再试 (this recording is not stored yet, try again later)"


@dataclass(frozen=True, slots=True)
class Links:
    """Makes links to recordings, all with the same end."""

    base: str
    key: str
    expires: int

    def link_for(self, job_id: str) -> str:
        """Return an absolute link that carries its own proof."""
        signature = sign_link(self.key, job_id, self.expires)
        return f"{self.base}{PATH}/{quote(job_id, safe='')}?expires={self.expires}&signature={signature}"


async def links(context: Context, connection: asyncpg.Connection, base: str) -> Links:
    """Return what makes links from now on.

    Args:
        context: Says how long they are good (``recording_link_seconds``) and the service's own address, if it is set.
        connection: To read the key with; the first link of all makes it.
        base: Scheme and host of the request, without a slash at the end; for a service that was told no address.
    """
    key = await recordings.ensure_link_key(connection, context.ids.token())
    ends = context.clock.now() + timedelta(seconds=context.settings.recording_link_seconds)
    return Links((context.settings.public_url or base).rstrip("/"), key, int(ends.timestamp()))


async def key_behind(context: Context, job_id: str, expires: str, signature: str) -> str:
    """Return under which key the store has what a link leads to.

    Raises:
        ForbiddenError: the link is not one of ours.
        GoneError: the link's time is over, or the recording was removed or lost.
        NotFoundError: there is no recording, or none yet.
    """
    async with context.database.connection() as connection:
        key = await recordings.link_key(connection)
        row = await recordings.find(connection, job_id)
    state = LinkState.FORGED if key is None else judge_link(key, job_id, expires, signature, context.clock.now())
    if state is LinkState.FORGED:
        raise ForbiddenError(_FORGED)
    if state is LinkState.EXPIRED:
        raise GoneError(_EXPIRED)
    if row is None or row["recording_state"] == "none":
        raise NotFoundError(_NONE)
    if row["recording_state"] == "pending":
        raise NotFoundError(_COMING)
    if row["recording_state"] != "stored":
        raise GoneError(_GONE)
    return recording_key(row["job_id"], row["created_at"])


async def copy_due(context: Context, dialer: Dialer, store: RecordingStore) -> int:
    """Fetch recordings that are due, and delete those that were removed; returns how many were looked at.

    Safe in any number of processes at once. To be called again at once while it returns ``BATCH``.
    """
    now = context.clock.now()
    async with context.database.transaction() as connection:
        rows = await recordings.claim(connection, now, BATCH, now + _LEASE)
    copier = _Copier(context, dialer, store)
    results = await asyncio.gather(*(copier.settle(row) for row in rows), return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):  # the database; the rest is settled, and this one when its lease ends
            raise result
    return len(rows)


class _Copier:
    """Settles claimed recordings, a few at a time."""

    def __init__(self, context: Context, dialer: Dialer, store: RecordingStore) -> None:
        self._context = context
        self._dialer = dialer
        self._store = store
        self._slots = asyncio.Semaphore(_AT_ONCE)

    async def settle(self, row: asyncpg.Record) -> None:
        """Fetch or delete one recording and write what became of it; one that fails holds up no other."""
        async with self._slots:
            try:
                await (self._delete(row) if row["recording_state"] == "removed" else self._copy(row))
            except (DialerError, StoreError) as error:
                await self._try_again(row, error)

    async def _copy(self, row: asyncpg.Record) -> None:
        if row["provider"] != self._dialer.name:
            raise DialerError(f"it lies with {row['provider']}, and calls are placed by {self._dialer.name} now")
        recording = await self._dialer.recording(_ref(row))
        if recording is None:
            await self._give_up(row, "the provider has none")
            return
        key = recording_key(row["job_id"], row["created_at"])
        try:
            async with aclosing(recording.pieces) as pieces:
                size = await self._store.save(key, pieces)
        except RecordingTooLargeError as error:
            await self._give_up(row, str(error))
            return
        async with self._context.database.connection() as connection:
            is_wanted = await recordings.mark_stored(connection, row["id"], size)
        if not is_wanted:
            await self._store.delete(key)

    async def _delete(self, row: asyncpg.Record) -> None:
        await self._store.delete(recording_key(row["job_id"], row["created_at"]))
        async with self._context.database.connection() as connection:
            await recordings.mark_deleted(connection, row["id"])

    async def _try_again(self, row: asyncpg.Record, error: Exception) -> None:
        now = self._context.clock.now()
        is_removed = row["recording_state"] == "removed"
        if not is_removed and now >= (row["ended_at"] or row["created_at"]) + _LINKS_LIVE:
            await self._give_up(row, str(error))
            return
        level = log.error if isinstance(error, StoreFullError) else log.warning
        level("a recording could not be settled and is tried again", call_id=row["id"], error=str(error))
        async with self._context.database.connection() as connection:
            await recordings.postpone(connection, row["id"], now + _pause(row["recording_attempts"], error))

    async def _give_up(self, row: asyncpg.Record, why: str) -> None:
        log.warning("a recording is lost", call_id=row["id"], reason=why)
        async with self._context.database.connection() as connection:
            await recordings.mark_lost(connection, row["id"])


def _pause(attempts: int, error: Exception) -> timedelta:
    if isinstance(error, ThrottledError):
        return timedelta(seconds=error.retry_after)
    return min(_FIRST_PAUSE * (1 << min(attempts - 1, 10)), _LONGEST_PAUSE)


def _ref(row: asyncpg.Record) -> CallRef:
    return CallRef(
        job_id=row["job_id"],
        phone=row["phone"],
        instance_id=row["instance_id"],
        provider_job_id=row["provider_job_id"],
        job_group_id=row["job_group_id"],
        provider_task_id=row["provider_task_id"],
        created_at=row["created_at"],
        placed_at=row["placed_at"],
        cancel_requested_at=row["cancel_requested_at"],
        script_id=row["script_id"],
    )
