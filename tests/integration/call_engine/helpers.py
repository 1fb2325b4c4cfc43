"""One person to call, and what stands about the call."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from typing import Any

import httpx2
from fastapi import FastAPI

from app.repositories.database import Database
from app.services.calls.caller import Caller
from tests.cases import make_case, party
from tests.people import rows, value

PHONE, OTHER = "13912340001", "13912340002"
E164, OTHER_E164 = f"+86{PHONE}", f"+86{OTHER}"
LEASE = timedelta(seconds=90)


async def one_party(client: httpx2.AsyncClient, case_id: str = "K-1", phone: str = PHONE) -> dict[str, Any]:
    return await make_case(client, case_id, parties=[party(f"{case_id}-a", phone=phone)])


async def the_call(database: Database) -> dict[str, Any]:
    return (await rows(database, "SELECT * FROM outbound_call ORDER BY id DESC LIMIT 1"))[0]


async def the_round(database: Database) -> dict[str, Any]:
    return (await rows(database, "SELECT * FROM mediation_record ORDER BY id DESC LIMIT 1"))[0]


async def count(database: Database) -> int:
    found: int = await value(database, "SELECT count(*) FROM outbound_call")
    return found


@asynccontextmanager
async def waiting_behind_requests(app: FastAPI, database: Database, calls: int, caller: Caller) -> AsyncIterator[None]:
    """Let so many calls be reserved by the scheduler and wait behind other requests to the provider for the block."""
    desk = app.state.desk
    async with AsyncExitStack() as held:
        for _ in range(app.state.context.settings.call_concurrency - 1):
            await held.enter_async_context(desk.request())
        await caller.polls()
        await caller.idle()
        await held.enter_async_context(desk.request())
        await caller.rounds()
        statement = "SELECT count(*) FROM outbound_call WHERE placement = 'reserved'"
        assert await value(database, statement) == calls
        yield
