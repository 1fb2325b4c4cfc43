"""Imports of numbers: how far a file is read, written with each part of it."""

from collections.abc import Sequence
from datetime import datetime

import asyncpg
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.models import TaskImport

MAX_ERRORS = 1000
"""So many lines that were not imported are named; all are counted."""

_BEGIN = "INSERT INTO task_import (task_id, created_at, updated_at) VALUES ($1, $2, $2) RETURNING id"
_PROGRESS = f"""
    UPDATE task_import
    SET imported = imported + $2, duplicates = duplicates + $3, rejected = rejected + $4,
        lines = lines + $2 + $3 + $4, updated_at = $6,
        errors = CASE
            WHEN $4 = 0 OR jsonb_array_length(errors) >= {MAX_ERRORS} THEN errors
            ELSE jsonb_path_query_array(errors || $5::jsonb, '$[0 to {MAX_ERRORS - 1}]')
        END
    WHERE id = $1
"""
_END = "UPDATE task_import SET state = $2, problem = $3, updated_at = $4 WHERE id = $1 AND state = 'running'"


async def begin(connection: asyncpg.Connection, task_id: int, now: datetime) -> int:
    """Write down that a file is read; returns its id."""
    import_id: int = await connection.fetchval(_BEGIN, task_id, now)
    return import_id


async def progress(
    connection: asyncpg.Connection,
    import_id: int,
    now: datetime,
    *,
    imported: int,
    duplicates: int,
    problems: Sequence[tuple[int, str]],
) -> None:
    """Write down what became of a part of a file; ``problems``: (line, message) each."""
    errors = [{"line": line, "message": message} for line, message in problems]
    await connection.execute(_PROGRESS, import_id, imported, duplicates, len(problems), errors, now)


async def end(connection: asyncpg.Connection, import_id: int, now: datetime, *, problem: str | None) -> None:
    """Write down that a file is read, or why it is read no further."""
    await connection.execute(_END, import_id, "done" if problem is None else "failed", problem, now)


async def page(session: AsyncSession, task_id: int, *, offset: int, limit: int) -> tuple[int, Sequence[TaskImport]]:
    """Return how many files were read for a task, and a page of them, the newest first."""
    mine = TaskImport.task_id == task_id
    total = (await session.execute(select(func.count()).select_from(TaskImport).where(mine))).scalar_one()
    query = select(TaskImport).where(mine).order_by(TaskImport.id.desc()).offset(offset).limit(limit)
    return total, (await session.scalars(query)).all()


async def find(session: AsyncSession, task_id: int, import_id: int) -> TaskImport | None:
    """Return one, or None."""
    query = select(TaskImport).where(TaskImport.task_id == task_id, TaskImport.id == import_id)
    return (await session.scalars(query)).one_or_none()
