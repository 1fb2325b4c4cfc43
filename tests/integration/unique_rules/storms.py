"""Many writers at once on one rule, and how the rules that they exercise are kept together."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any, TypeVar

import httpx2
from fastapi import FastAPI

from app.clock import ManualClock
from app.repositories.database import Database
from tests.calls import ScriptedDialer
from tests.people import value

WRITERS = 12
Result = TypeVar("Result")


@dataclass
class World:
    """A running service and what it stands on."""

    client: httpx2.AsyncClient
    app: FastAPI
    database: Database
    clock: ManualClock
    dialer: ScriptedDialer

    async def count(self, rows: str, *arguments: Any) -> int:
        """Count rows: a table, with a condition behind it."""
        found: int = await value(self.database, f"SELECT count(*) FROM {rows}", *arguments)
        return found


Storm = Callable[[World], Coroutine[Any, Any, None]]
STORMS: dict[str, Storm] = {}
"""By the name of the unique index that a storm is about."""


def exercises(*indexes: str) -> Callable[[Storm], Storm]:
    """Note which unique rules a storm is about."""

    def note(storm: Storm) -> Storm:
        for index in indexes:
            assert index not in STORMS, f"{index} has two storms"
            STORMS[index] = storm
        return storm

    return note


async def at_once(work: Callable[[int], Awaitable[Result]]) -> list[Result]:
    """Let all writers do something at the same time; each is told its number."""
    return await asyncio.gather(*(work(number) for number in range(WRITERS)))


async def call(world: World, method: str, path: str, body: Callable[[int], Any] | Any = None) -> list[httpx2.Response]:
    """Let all writers call the same thing; ``body`` may depend on the number of the writer."""

    def send(number: int) -> Awaitable[httpx2.Response]:
        return world.client.request(method, path, json=body(number) if callable(body) else body)

    answers = await at_once(send)
    for answer in answers:
        assert answer.status_code < 500, answer.text
    return answers


def outcomes(answers: list[httpx2.Response]) -> dict[int, int]:
    """Count the answers by status, or by rc where they have one."""
    return dict(Counter(answer.json().get("rc", answer.status_code) for answer in answers))


ONE_AND_CONFLICTS = {201: 1, 409: WRITERS - 1}
