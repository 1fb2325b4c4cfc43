"""Tells the receivers of tasks what became of their calls: signed, a few at a time for each host, tried again.

Each notice is one POST as Standard Webhooks describe, signed with the account's secret, under a ``webhook-id`` that
stays the same. The text is put together when it leaves: who was erased meanwhile is not in it any more. A host that
does not answer gets nothing for a growing pause, and holds up no other host; its notices wait without losing tries.
"""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import asyncpg
import structlog
from pydantic_core import to_json

from app.domain.calls import NUMBER_STATUS_TEXTS, NumberStatus
from app.domain.intention import Level
from app.domain.urls import host_of
from app.gateways.circuit import Circuit
from app.gateways.http import TransportError
from app.gateways.receivers import Receivers
from app.gateways.signing import new_secret, sign
from app.repositories import agent_secrets
from app.repositories import call_notices as store
from app.services.calls.recordings import Links, links
from app.services.context import Context
from app.services.outbox import PAUSES

log = structlog.get_logger(__name__)

EVENT = "call.finished"
_FORMAT = "%Y-%m-%d %H:%M:%S"
_LINKED = frozenset({"pending", "stored"})
Settled = tuple[int, str, datetime, str | None]


class Notifier:
    """Delivers what is due; what stands in PostgreSQL is all that must not be lost."""

    def __init__(self, context: Context, receivers: Receivers) -> None:
        self._context = context
        self._receivers = receivers
        self._running: Counter[str] = Counter()
        """Notices under way by host."""
        self._circuits: defaultdict[str, Circuit] = defaultdict(Circuit)
        self._tasks: set[asyncio.Task[None]] = set()
        # Longer than a request and the writing of its outcome.
        self._lease = timedelta(seconds=2 * context.settings.gateway_timeout_seconds + 60)

    async def tick(self) -> None:
        """Send whatever is due and has room; does not wait for the answers."""
        while not self._context.stopping.is_set() and await self._start_some():
            pass

    async def idle(self) -> None:
        """Wait until nothing is under way."""
        while self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def drain(self) -> None:
        """Deliver all that is due now, answers included; for tests and benchmarks."""
        while True:
            await self.tick()
            if not self._tasks:
                return
            await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)

    async def _start_some(self) -> bool:
        now = self._context.clock.now()
        async with self._context.database.connection() as connection:
            waiting = await store.waiting(connection, now)
        await self._give_up_addressless(waiting, now)
        tasks = {row["task_id"]: row for row in waiting if row["url"] is not None}
        wanted = self._room_for(list(tasks.values()), now)
        if not wanted:
            return False
        secrets = await self._secrets({tasks[task_id] for task_id, _ in wanted})
        async with self._context.database.transaction() as connection:
            claimed = await store.claim(connection, now, now + self._lease, wanted)
            contents = {row["id"]: row for row in await store.contents(connection, [row["call_id"] for row in claimed])}
            link = await links(self._context, connection, "")
        by_host = defaultdict(list)
        for notice in claimed:
            task = tasks[notice["task_id"]]
            body = to_json(_event(contents[notice["call_id"]], link, self._context))
            by_host[host_of(task["url"])].append((notice, task["url"], secrets[task["account_id"]], body))
        for host, notices in by_host.items():
            self._running[host] += len(notices)
            task = asyncio.create_task(self._deliver_all(host, notices), name="notices")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return bool(claimed)

    def _room_for(self, tasks: Sequence[asyncpg.Record], now: datetime) -> list[tuple[int, int]]:
        """Return how many notices of each task may leave now."""
        settings = self._context.settings
        free = settings.gateway_concurrency - self._running.total()
        taken: Counter[str] = Counter()
        wanted = []
        for task in tasks:
            host = host_of(task["url"])
            most = self._circuits[host].batch_limit(now, settings.notify_concurrency)
            room = min(most - self._running[host] - taken[host], free)
            if room > 0:
                wanted.append((task["task_id"], room))
                taken[host] += room
                free -= room
        return wanted

    async def _give_up_addressless(self, waiting: Sequence[asyncpg.Record], now: datetime) -> None:
        ids = [row["task_id"] for row in waiting if row["url"] is None]
        if ids:
            async with self._context.database.transaction() as connection:
                await store.give_up(connection, now, ids, "the task has no call_notify_url any more")

    async def _secrets(self, tasks: set[asyncpg.Record]) -> dict[str, str]:
        """Return the secrets of accounts; the first notice of all makes an account's."""
        found: dict[str, str] = {}
        for task in tasks:
            account_id = task["account_id"]
            if account_id not in found:
                found[account_id] = task["secret"] or await self._made_secret(account_id)
        return found

    async def _made_secret(self, account_id: str) -> str:
        async with self._context.database.transaction() as connection:
            return await agent_secrets.ensure(connection, account_id, new_secret(), self._context.clock.now())

    async def _deliver_all(self, host: str, notices: Sequence[tuple[asyncpg.Record, str, str, bytes]]) -> None:
        try:
            outcomes = await asyncio.gather(*(self._deliver(*notice) for notice in notices))
            unanswered = sum(not is_answered for _, is_answered in outcomes)
            now = self._context.clock.now()
            self._circuits[host].record(successes=len(outcomes) - unanswered, failures=unanswered, now=now)
            async with self._context.database.transaction(is_patient=True) as connection:
                await store.settle(connection, now, [settled for settled, _ in outcomes])
        except Exception:
            # The lease ends, and they are sent again.
            log.exception("what became of notices could not be written", notices=len(notices))
        finally:
            self._running[host] -= len(notices)

    async def _deliver(self, notice: asyncpg.Record, url: str, secret: str, body: bytes) -> tuple[Settled, bool]:
        now = self._context.clock.now()
        headers = {"content-type": "application/json", **sign(secret, str(notice["key"]), now, body)}
        try:
            answer = await self._receivers.post(url, headers, body)
        except TransportError as error:
            return _failed(notice, now, str(error)), False
        if answer.is_success:
            return (notice["id"], "delivered", now, None), True
        return _failed(notice, now, f"HTTP {answer.status}"), True


def _failed(notice: asyncpg.Record, now: datetime, error: str) -> Settled:
    attempts: int = notice["attempts"]
    if attempts > len(PAUSES):
        log.error("a notice was given up", notice_id=notice["id"], error=error)
        return notice["id"], "dead", now, error
    return notice["id"], "pending", now + PAUSES[attempts - 1], error


def _event(call: asyncpg.Record, link: Links, context: Context) -> dict[str, Any]:
    """Return what a receiver is told; of an erased person no number and no recording."""
    zone = context.settings.zone

    def local(moment: datetime | None) -> str | None:
        return None if moment is None else moment.astimezone(zone).strftime(_FORMAT)

    is_erased = call["phone"].startswith("erased-")
    is_linked = call["recording_state"] in _LINKED and not is_erased
    begun, ended, level = call["answered_at"], call["ended_at"], call["intention"]
    data = {
        "user_id": call["account_id"],
        "task_id": call["task_id"],
        "number_id": call["number_id"],
        "record_id": call["id"],
        "phone": "" if is_erased else call["phone"],
        "number_status": call["number_status"],
        "number_status_str": NUMBER_STATUS_TEXTS[NumberStatus(call["number_status"])],
        "begin_time": local(call["created_at"]),
        "answer_time": local(begun),
        "end_time": local(ended),
        "duration": 0 if begun is None else max(0, int((ended - begun).total_seconds())),
        "intention": level,
        "intention_str": None if level is None else Level(level).name,
        "tags": call["tags"] or [],
        "recording": link.link_for(call["job_id"]) if is_linked else "",
        "customer_service": None if call["seat_id"] is None else {"id": call["seat_id"], "name": call["seat_name"]},
        "group_id": call["group_id"],
        "attempt": call["attempt"],
    }
    return {"type": EVENT, "timestamp": ended.strftime("%Y-%m-%dT%H:%M:%SZ"), "data": data}
