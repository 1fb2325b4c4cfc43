"""The real service on a real database with a clock that is moved by hand, driven step by step from plain code."""

import asyncio
import logging
from collections.abc import Coroutine, Iterator
from contextlib import AsyncExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import httpx2
import structlog
from fastapi import FastAPI
from pydantic import SecretStr

from app.clock import ManualClock
from app.config import Settings
from app.gateways.messenger import Channel, Delivery, Messenger, Outcome
from app.jobs.passes import Passes
from app.main import create_app
from app.services.context import Context
from app.services.dispatch.dispatcher import Dispatcher
from tests.faults.gateway import SECRET, Gateway, running_gateway
from tests.running import client_of

Result = TypeVar("Result")
_EVERYTHING = (
    "follow_up_enrollment", "follow_up_record", "follow_up_record_tally", "chat_message", "contact_record",
    "do_not_contact", "audit_entry", "idempotency_key", "outbox_event", "contact", "follow_up_script",
    "follow_up_config",
)  # fmt: skip


class DiedError(Exception):
    """The process is gone: nothing that comes after this happens."""


class MortalMessenger:
    """Delivers, and dies with its process where it is told to: before a message leaves, or right after."""

    def __init__(self, real: Messenger) -> None:
        self._real = real
        self.dies: str | None = None

    async def deliver(self, channel: Channel, delivery: Delivery, now: datetime) -> Outcome:
        """Hand one message to the gateway, unless the process dies first."""
        if self.dies == "before":
            raise DiedError
        outcome = await self._real.deliver(channel, delivery, now)
        if self.dies == "after":
            raise DiedError
        return outcome

    async def poll_inbox(
        self, channel: Channel, user_id: str, after: str | None, now: datetime
    ) -> list[dict[str, Any]]:
        """Ask the inbox."""
        return await self._real.poll_inbox(channel, user_id, after, now)


class World:
    """A service, its gateway and its clock; every call runs to its end before it returns."""

    def __init__(
        self, runner: asyncio.Runner, app: FastAPI, client: httpx2.AsyncClient, gateway: Gateway, clock: ManualClock
    ) -> None:
        self._runner = runner
        self._client = client
        self.context: Context = app.state.context
        self.gateway = gateway
        self.clock = clock
        self.messenger = MortalMessenger(self.context.messenger)
        self.webhook_bot = 0
        self.dispatcher = Dispatcher(self.context, self.messenger)

    def do(self, work: Coroutine[Any, Any, Result]) -> Result:
        """Run a coroutine to its end."""
        return self._runner.run(work)

    def call(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """Call the API; returns status and document."""
        answer = self.do(self._client.request(method, f"/api{path}", json=body))
        assert answer.status_code < 500, answer.text
        return answer.status_code, answer.json() if answer.content else None

    def new_process(self) -> None:
        """Go on as a process that has just started: it knows nothing but what stands in the database."""
        self.dispatcher = Dispatcher(self.context, self.messenger)

    def look(self) -> None:
        """Run every pass once: configs that changed, lost sends, and whoever is due."""
        self.do(self._look())

    async def _look(self) -> None:
        passes = Passes(self.context, self.dispatcher)
        await passes.rearm()
        await passes.lost_sends()
        await self.dispatcher.drain()
        if self.messenger.dies is None:
            # What is due again in the very moment of a batch may lie below its end: the next sweep finds it.
            await self.dispatcher.drain()

    def rows(self, statement: str, *arguments: Any) -> list[dict[str, Any]]:
        """Read rows."""

        async def read() -> list[dict[str, Any]]:
            async with self.context.database.connection() as connection:
                return [dict(row) for row in await connection.fetch(statement, *arguments)]

        return self.do(read())

    def empty(self, start: datetime) -> None:
        """Begin anew: no people, no configs, a fresh process, the clock at ``start``."""
        self.clock.set(start)
        self.messenger.dies = None
        self.gateway.script.clear()
        self.gateway.arrivals.clear()
        self.new_process()
        self.do(self._empty())

    async def _empty(self) -> None:
        async with self.context.database.transaction() as connection:
            for table in _EVERYTHING:
                await connection.execute(f"DELETE FROM {table}")
            await connection.execute("DELETE FROM follow_up_record_tally")

    async def open_bot(self) -> None:
        """Make the bot that delivers to the gateway."""
        made = (await self._client.post("/api/bots", json={"name": "网关"})).json()
        self.webhook_bot = made["id"]
        answer = await self._client.put(
            f"/api/bots/{self.webhook_bot}/delivery",
            json={"kind": "webhook", "url": self.gateway.url, "secret": SECRET},
        )
        assert answer.status_code == 200, answer.text


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the service's log out of the way: what is to be read of a failure is its steps."""
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    try:
        yield
    finally:
        structlog.configure(**before)


@contextmanager
def running_world(database_url: str, folder: Path, start: datetime, **fields: Any) -> Iterator[World]:
    """Lend a world on a fresh database; ``fields``: further settings."""
    clock = ManualClock(start)
    settings = Settings(
        database_url=SecretStr(database_url), jobs=False, demo=False, pool_size=4, data_dir=folder, **fields
    )
    with _quiet(), asyncio.Runner() as runner:
        stack = AsyncExitStack()

        async def begin() -> World:
            app = create_app(settings, clock=clock)
            await stack.enter_async_context(app.router.lifespan_context(app))
            gateway = await stack.enter_async_context(running_gateway(clock=clock))
            client = await stack.enter_async_context(client_of(app, raises=True))
            world = World(runner, app, client, gateway, clock)
            await world.open_bot()
            async with world.context.database.connection() as connection:
                name = await connection.fetchval("SELECT current_database()")
                await connection.execute(f"ALTER DATABASE {name} SET synchronous_commit = off")
            return world

        world = runner.run(begin())
        try:
            yield world
        finally:
            runner.run(stack.aclose())
