"""Call tasks for tests, written straight into the tables as the API leaves them; accounts and lines through the API."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx2

from app.repositories.database import Database
from tests.agent import AGENT, add_account, add_group, add_line, post
from tests.people import rows


def every_day(*times: tuple[str, str]) -> list[dict[str, Any]]:
    """Return hours that are the same on every day of the week."""
    ranges = [{"begin_time": begin, "end_time": end} for begin, end in times]
    return [{"week": day, "times": ranges} for day in range(7)]


ALL_DAY = every_day(("0:00", "24:00"))


@dataclass(frozen=True, slots=True)
class World:
    """An account with a line and a group of scripts."""

    account: str
    line: str
    group: int


async def add_world(client: httpx2.AsyncClient, account: str = "u-1", **line: Any) -> World:
    """Make an account with one line and one group of scripts over it."""
    await add_account(client, account)
    line_id = await add_line(client, account, **line)
    group = await add_group(client, account, caller_lines=[line_id])
    return World(account, line_id, group["id"])


async def add_task(
    database: Database, world: World, *, lines: Sequence[str] | None = None, scripts: Any = (), **fields: Any
) -> int:
    """Write a stopped task; ``lines``: None for the world's, empty for its scripts'; ``scripts``: id → weight."""
    columns = {"account_id": world.account, "name": "回访", "destination_extension": world.group, "maximumcall": 100}
    columns |= fields
    names = ", ".join(columns)
    places = ", ".join(f"${place}" for place in range(1, len(columns) + 1))
    async with database.transaction() as connection:
        task_id: int = await connection.fetchval(
            f"INSERT INTO call_task ({names}) VALUES ({places}) RETURNING id",
            *columns.values(),
        )
        for position, line in enumerate([world.line] if lines is None else lines):
            await connection.execute("INSERT INTO call_task_line VALUES ($1, $2, $3)", task_id, line, position)
        for position, (group, weight) in enumerate(dict(scripts).items()):
            await connection.execute(
                "INSERT INTO call_task_script VALUES ($1, $2, $3, $4)", task_id, group, weight, position
            )
    return task_id


async def add_numbers(database: Database, task_id: int, phones: Sequence[str], **fields: Any) -> list[int]:
    """Write numbers (E.164) of a task; returns their ids."""
    async with database.transaction() as connection:
        await connection.execute("UPDATE call_task SET ended_at = NULL WHERE id = $1", task_id)
        found = await connection.fetch(
            "INSERT INTO task_number (task_id, phone, name, is_repeat)"
            " SELECT $1, phone, $3, $4 FROM unnest($2::text[]) WITH ORDINALITY AS i(phone, place) ORDER BY place"
            " RETURNING id",
            task_id,
            list(phones),
            fields.get("name", "林小满"),
            fields.get("is_repeat", False),
        )
    return [row["id"] for row in found]


def phones(number: int, begin: int = 0) -> list[str]:
    """Return so many numbers that can be dialled."""
    return [f"+86139{place:08}" for place in range(begin, begin + number)]


async def start(database: Database, task_id: int, now: datetime) -> None:
    """Start a task as the API does."""
    async with database.transaction() as connection:
        await connection.execute("SELECT FROM call_task WHERE id = $1 FOR UPDATE", task_id)
        await connection.execute("DELETE FROM line_hold WHERE task_id = $1", task_id)
        await connection.execute(
            "UPDATE call_task SET status = 2, due_at = $2, started_at = $2, ended_at = NULL, stopped_by = NULL"
            " WHERE id = $1",
            task_id,
            now,
        )


async def stop(database: Database, task_id: int) -> None:
    """Stop a task as the API does."""
    async with database.transaction() as connection:
        await connection.execute("SELECT FROM call_task WHERE id = $1 FOR UPDATE", task_id)
        await connection.execute(
            "UPDATE call_task SET status = 1, due_at = NULL, stopped_by = 'api' WHERE id = $1", task_id
        )


async def the_task(database: Database, task_id: int) -> dict[str, Any]:
    """Return the row of a task."""
    return (await rows(database, "SELECT * FROM call_task WHERE id = $1", task_id))[0]


async def numbers(database: Database, task_id: int) -> list[dict[str, Any]]:
    """Return the rows of a task's numbers, by id."""
    return await rows(database, "SELECT * FROM task_number WHERE task_id = $1 ORDER BY id", task_id)


async def add_hours(client: httpx2.AsyncClient, world: World, *times: tuple[str, str], **fields: Any) -> int:
    """Make a group of hours that are the same on every day; returns its id."""
    made = await post(client, f"/{world.account}/dial-time-group", content=every_day(*times), **fields)
    return int(made["id"])


async def add_rule(client: httpx2.AsyncClient, world: World, details: dict[int, int], **fields: Any) -> int:
    """Make a rule for redials: number status → how often; returns its id."""
    listed = [{"number_status": status, "time": time} for status, time in details.items()]
    made = await post(client, f"/{world.account}/auto-recycle-rule", name="规则", details=listed, **fields)
    return int(made["id"])


async def residue(client: httpx2.AsyncClient, world: World) -> int:
    """Return what is shown as free of the world's line."""
    answer = await client.get(f"{AGENT}/{world.account}/task/create")
    assert answer.status_code == 200, answer.text
    lines = {line["value"]: line["residue"] for line in answer.json()["data"]["caller_line_list"]}
    return int(lines[world.line])
