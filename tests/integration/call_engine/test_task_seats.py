"""Seats of a bridge group are edited while talks are passed on to them."""

import asyncio
from collections.abc import Awaitable
from typing import Any

import httpx2
import pytest

from app.repositories import task_dialing
from app.repositories.database import Database
from tests.agent import AGENT, add_account, add_seat, post
from tests.locks import until_it_waits
from tests.people import rows

GROUP = f"{AGENT}/u-1/bridge-group"


async def a_group(client: httpx2.AsyncClient, seats: int) -> tuple[str, list[int]]:
    """Make a group whose seats stand in the reverse order of their ids; returns its path and their ids."""
    await add_account(client)
    ids = [await add_seat(client) for _ in range(seats)]
    made = await post(client, "/u-1/bridge-group", name="转", strategy=1, customer_service=ids[::-1])
    return f"{GROUP}/{made['id']}", ids


async def talks(database: Database) -> list[tuple[int, int]]:
    """Return (seat, its talks) in the order of the group."""
    found = await rows(database, "SELECT seat_id, talks FROM bridge_group_seat ORDER BY position")
    return [(row["seat_id"], row["talks"]) for row in found]


async def test_an_edit_keeps_the_counts_of_who_stays(client: httpx2.AsyncClient, database: Database) -> None:
    path, (first, second, third) = await a_group(client, 3)
    async with database.connection() as connection:
        await connection.execute("UPDATE bridge_group_seat SET talks = seat_id + 100")
    for wanted, expected in (
        ([first, second, third], [(seat, seat + 100) for seat in (first, second, third)]),
        ([third, first], [(third, third + 100), (first, first + 100)]),
        # Who comes back is new: not behind the others, or it would be given every talk for days.
        ([second, third], [(second, third + 100), (third, third + 100)]),
        ([], []),
        ([first], [(first, 0)]),
    ):
        answer = await client.put(path, json={"customer_service": wanted})
        assert answer.status_code == 200, answer.text
        assert await talks(database) == expected
        assert [seat["id"] for seat in answer.json()["data"]["customer_service"]] == wanted


@pytest.mark.parametrize("action", ["edit", "delete"])
async def test_edits_and_ends_of_calls_wait_for_each_other_in_one_order(
    client: httpx2.AsyncClient, database: Database, action: str
) -> None:
    path, (first, second) = await a_group(client, 2)

    def change() -> Awaitable[Any]:
        return client.put(path, json={"customer_service": [first]}) if action == "edit" else client.delete(path)

    async with database.transaction() as connection:
        # The end of a call holds the seats by their ids, and has just got the first of them.
        await connection.execute("SELECT FROM bridge_group_seat WHERE seat_id = $1 FOR NO KEY UPDATE", first)
        changing = asyncio.ensure_future(change())
        await until_it_waits(changing, connection)
        assert len(await task_dialing.lock_seats(connection, [int(path.rpartition("/")[2])])) == 1
    answer = await changing
    assert answer.status_code == 200, answer.text
    assert await talks(database) == ([(first, 0)] if action == "edit" else [])
    assert second not in {seat for seat, _ in await talks(database)}
