"""Tasks, their numbers and their calls, written straight into the tables; talks; receivers of notices."""

from datetime import datetime, timedelta
from typing import Any

import asyncpg

from app.domain.calls import NumberStatus
from app.repositories.database import Database
from app.services.agent.aftermath import EndedCall, after_calls
from tests.cases import add_call, talk

ACCOUNT = "u-1"
PHONE = "+86139000{:05d}"


async def insert(connection: asyncpg.Connection, table: str, row: dict[str, Any], *, returning: str = "id") -> Any:
    """Write a row and return its id."""
    names = ", ".join(row)
    places = ", ".join(f"${number}" for number in range(1, len(row) + 1))
    return await connection.fetchval(
        f"INSERT INTO {table} ({names}) VALUES ({places}) RETURNING {returning}", *row.values()
    )


async def add_task(database: Database, **fields: Any) -> int:
    """Write a paused task of the account ``u-1``; returns its id."""
    row = {"account_id": ACCOUNT, "name": "回访任务", "destination_extension": 1, "maximumcall": 5, **fields}
    async with database.transaction() as connection:
        return int(await insert(connection, "call_task", row))


async def add_number(database: Database, task_id: int, number: int = 1, **fields: Any) -> int:
    """Write a number that was dialled; returns its id."""
    row = {"task_id": task_id, "phone": PHONE.format(number), "state": "done", "due_at": None, "calls": 1, **fields}
    async with database.transaction() as connection:
        return int(await insert(connection, "task_number", row))


async def add_config(database: Database, **fields: Any) -> int:
    """Write an intention config, of rules unless told otherwise; returns its id."""
    row = {"account_id": ACCOUNT, "name": "意向", "llm_type": 1, **fields}
    async with database.transaction() as connection:
        return int(await insert(connection, "llm_intention_config", row))


def said(at: datetime, *texts: str) -> list[dict[str, Any]]:
    """Return a talk in which the robot and the contact take turns, the robot first."""
    return talk(
        at, *(("Robot", text, "Broadcast") if not place % 2 else ("Contact", text, "Dialogue")
              for place, text in enumerate(texts))
    )  # fmt: skip


async def add_record(
    database: Database, task_id: int, at: datetime, status: int = NumberStatus.ANSWERED, **fields: Any
) -> dict[str, Any]:
    """Write a finished call of a task, to a number of its own unless one is given; returns its row."""
    number_id = fields.pop("number_id", None)
    if number_id is None:
        async with database.connection() as connection:
            count = await connection.fetchval("SELECT count(*) FROM task_number")
        number_id = await add_number(database, task_id, count + 1)
    async with database.connection() as connection:
        phone = await connection.fetchval("SELECT phone FROM task_number WHERE id = $1", number_id)
    is_answered = status == NumberStatus.ANSWERED
    given = {
        "phone": phone,
        "call_type": "task",
        "task_id": task_id,
        "number_id": number_id,
        "group_id": 1,
        "number_status": int(status),
        "is_reached": is_answered,
        "answered_at": at + timedelta(seconds=12) if is_answered else None,
        **fields,
    }
    return await add_call(database, at, **given)


async def end(database: Database, now: datetime, *calls: dict[str, Any], **fields: Any) -> None:
    """Let follow what follows from ended calls, as the dialer does."""
    async with database.transaction() as connection:
        tasks = {
            row["id"]: row
            for row in await connection.fetch("SELECT id, llm_intention_id, call_notify_url FROM call_task")
        }
        ended = [
            EndedCall(
                call_id=call["id"],
                task_id=call["task_id"],
                number_id=call["number_id"],
                number_status=call["number_status"],
                is_attempt=fields.get("is_attempt", True),
                has_talk=call["conversations"] is not None,
                config_id=tasks[call["task_id"]]["llm_intention_id"],
                wants_notice=tasks[call["task_id"]]["call_notify_url"] is not None,
            )
            for call in calls
        ]
        await after_calls(connection, now, ended)
