"""The service that calls, one person to call, and what stands about the call."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx2
from fastapi import FastAPI

from app.clock import ManualClock
from app.config import Settings
from app.domain.calls import JobStatus, TaskStatus
from app.main import create_app
from app.repositories.database import Database
from app.services.calls.caller import Caller
from tests import calls, tasks
from tests.calls import ScriptedDialer
from tests.cases import make_case, party
from tests.people import rows, value
from tests.running import running
from tests.tasks import World

PHONE, OTHER = "13912340001", "13912340002"
E164, OTHER_E164 = f"+86{PHONE}", f"+86{OTHER}"
LEASE = timedelta(seconds=90)
CUT_SHORT = [
    (TaskStatus.TERMINATED, JobStatus.CANCELLED),
    (TaskStatus.CANCELLED, JobStatus.CANCELLED),
    (TaskStatus.FAILED, JobStatus.FAILED),
    (TaskStatus.SUCCEEDED_ERROR, JobStatus.SUCCEEDED),
    (None, JobStatus.SUCCEEDED),
]
"""How calls end in which somebody was reached, but that came to no regular end."""


async def one_party(client: httpx2.AsyncClient, case_id: str = "K-1", phone: str = PHONE) -> dict[str, Any]:
    return await make_case(client, case_id, parties=[party(f"{case_id}-a", phone=phone)])


@dataclass(frozen=True, slots=True)
class Engine:
    """A process of the service, what places and follows its calls, and the clock that is moved by hand."""

    app: FastAPI
    client: httpx2.AsyncClient
    dialer: ScriptedDialer
    caller: Caller
    clock: ManualClock
    database: Database

    async def pass_time(self, seconds: float, step: float = 5.0) -> None:
        """Let time pass in steps and do what is due at each."""
        await calls.pass_time(self.caller, self.clock, seconds, step)

    async def call(self, case: dict[str, Any], *, auto: int = 0, person: str = "") -> list[dict[str, Any]]:
        """Ask for the calls of a case and return the items of the answer."""
        return await calls.call(self.client, case, auto=auto, person=person)

    async def the_call(self) -> dict[str, Any]:
        """Return the newest call."""
        return (await rows(self.database, "SELECT * FROM outbound_call ORDER BY id DESC LIMIT 1"))[0]

    async def the_round(self) -> dict[str, Any]:
        """Return the newest round."""
        return (await rows(self.database, "SELECT * FROM mediation_record ORDER BY id DESC LIMIT 1"))[0]

    async def count(self) -> int:
        """Count all calls."""
        found: int = await value(self.database, "SELECT count(*) FROM outbound_call")
        return found

    async def set_hours(self, begin: str, end: str) -> None:
        """Set the hours in which the parties of node 5 may be called, the same on every day."""
        hours = {"dialWindow": tasks.every_day((begin, end))}
        answer = await self.client.put("/api/v1/outbound-bot/nodes/5", json=hours)
        assert answer.status_code == 200, answer.text

    async def start(self, task: int) -> None:
        """Start a task now."""
        await tasks.start(self.database, task, self.clock.now())

    async def start_task(self, world: World, phones: Sequence[str], **fields: Any) -> int:
        """Start a new task with these numbers; returns its id."""
        task = await tasks.add_task(self.database, world, **fields)
        await tasks.add_numbers(self.database, task, phones)
        await self.start(task)
        return task

    @asynccontextmanager
    async def waiting_for_its_turn(
        self, case: dict[str, Any], *, auto: int = 0, person: str = ""
    ) -> AsyncIterator[asyncio.Task[list[dict[str, Any]]]]:
        """Ask for a call that is reserved, and waits behind other requests to the provider for the block."""
        async with AsyncExitStack() as held:
            for _ in range(self.app.state.context.settings.call_concurrency):
                await held.enter_async_context(self.app.state.desk.request())
            task = asyncio.create_task(self.call(case, auto=auto, person=person))
            async with asyncio.timeout(60):
                while not await self.count():  # noqa: ASYNC110 - a row
                    await asyncio.sleep(0.01)
            yield task

    @asynccontextmanager
    async def waiting_behind_requests(self, number: int) -> AsyncIterator[None]:
        """Let so many calls be reserved by the scheduler, and wait behind requests to the provider for the block."""
        desk = self.app.state.desk
        async with AsyncExitStack() as held:
            for _ in range(self.app.state.context.settings.call_concurrency - 1):
                await held.enter_async_context(desk.request())
            await self.caller.polls()
            await self.caller.idle()
            await held.enter_async_context(desk.request())
            await self.caller.rounds()
            statement = "SELECT count(*) FROM outbound_call WHERE placement = 'reserved'"
            assert await value(self.database, statement) == number
            yield


@asynccontextmanager
async def running_process(
    settings: Settings, clock: ManualClock, dialer: ScriptedDialer, database: Database
) -> AsyncIterator[Engine]:
    """Run a process of the service; what goes wrong in it is raised where it was asked."""
    app = create_app(settings, clock=clock, dialer=dialer)
    async with running(app, raises=True) as client:
        yield Engine(app, client, dialer, Caller(app.state.desk), clock, database)
