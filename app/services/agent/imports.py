"""Importing numbers into a task from a file of any size: read as it arrives, written a part at a time."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta
from typing import Final

import asyncpg
import structlog

from app.errors import AppError, InvalidInputError, NotFoundError
from app.models import TaskImport
from app.repositories import task_imports as store
from app.repositories import task_numbers
from app.repositories.task_numbers import NewNumber
from app.services.agent.number_files import Complaint, NumberFile, Row
from app.services.agent.numbers import known, within
from app.services.agent.owners import Owner, reading
from app.services.agent.tasks import TASKS
from app.services.context import Context
from app.services.csv_import.columns import HeaderError
from app.services.csv_import.reading import UnreadableFileError, blocks
from app.services.transactions import in_transaction

log = structlog.get_logger(__name__)

BATCH: Final = 1000
SILENCE: Final = timedelta(minutes=10)
"""After so long without progress an import was broken off by the end of its process."""
_LOST: Final = "服务中断,此后的行未导入 (the service was interrupted; later lines were not imported)"
_FAILED: Final = "导入中断,此后的行未导入 (the import broke off; later lines were not imported)"


class _Import:
    """One import under way: lines are gathered and written with what is known of the file, `BATCH` at a time."""

    def __init__(self, context: Context, task_id: int) -> None:
        self._context = context
        self._task_id = task_id
        self._file = NumberFile()
        self._lines: list[Row | Complaint] = []
        self.id: int | None = None
        """None until the file said where its phones are."""

    async def take(self, data: bytes, *, is_last: bool) -> None:
        """Take a part of the file and write whatever batches are full."""
        # Reading a block takes some milliseconds of pure computing: elsewhere, so that others are answered.
        self._lines += await asyncio.to_thread(self._file.take, data, is_last=is_last)
        if self.id is None and self._file.has_begun:
            self.id = await in_transaction(self._context, self._begin)
        while len(self._lines) >= BATCH or (is_last and self._lines):
            await self._write(self._lines[:BATCH])
            del self._lines[:BATCH]

    async def end(self, problem: str | None) -> None:
        """Write down that the file is read, or why it is read no further."""
        if self.id is not None:
            async with self._context.database.transaction(is_patient=problem is not None) as connection:
                await store.end(connection, self.id, self._context.clock.now(), problem=problem)

    async def _begin(self, connection: asyncpg.Connection) -> int:
        return await store.begin(connection, self._task_id, self._context.clock.now())

    async def _write(self, lines: Sequence[Row | Complaint]) -> None:
        rows = [line.number for line in lines if isinstance(line, Row)]
        problems = [(line.line, line.message) for line in lines if isinstance(line, Complaint)]
        first: dict[str, NewNumber] = {}
        for number in rows:
            first.setdefault(number.phone, number)
        import_id = self.id
        assert import_id is not None  # noqa: S101 - there are lines only behind the first one

        async def work(connection: asyncpg.Connection, now: datetime) -> None:
            made = len(await task_numbers.add(connection, self._task_id, list(first.values()), now))
            duplicates = len(rows) - made
            await store.progress(connection, import_id, now, imported=made, duplicates=duplicates, problems=problems)

        await within(self._context, self._task_id, work)


async def run(context: Context, owner: Owner, task_id: int, body: AsyncIterator[bytes]) -> TaskImport:
    """Import numbers as their file arrives; returns what became of it.

    Whatever breaks it off, what was written stays, and the import says why it ended.

    Raises:
        InvalidInputError: the file is empty, in an unknown encoding, or nothing says where its phones are.
        NotFoundError: the account has no such task, or it was deleted meanwhile.
    """
    await known(context, owner, task_id)
    running = _Import(context, task_id)
    try:
        async for block in blocks(body):
            await running.take(block, is_last=False)
        await running.take(b"", is_last=True)
    except (HeaderError, UnreadableFileError) as error:
        await _end_failed(running, str(error))
        raise InvalidInputError(str(error), field=("body", "header")) from error
    except BaseException as error:
        await _end_failed(running, error.message if isinstance(error, AppError) else _FAILED)
        raise
    if running.id is None:
        raise InvalidInputError("文件为空 (the file is empty)", field=("body",))
    await running.end(None)
    return await read(context, owner, task_id, running.id)


async def page(
    context: Context, owner: Owner, task_id: int, *, offset: int, limit: int
) -> tuple[int, Sequence[TaskImport]]:
    """Return how many files were read for a task, and a page of them, the newest first."""
    async with reading(context, owner) as (session, account):
        await TASKS.find(session, account, task_id)
        return await store.page(session, task_id, offset=offset, limit=limit)


async def read(context: Context, owner: Owner, task_id: int, import_id: int) -> TaskImport:
    """Return how far a file is read; 404 where there is no such import."""
    async with reading(context, owner) as (session, account):
        await TASKS.find(session, account, task_id)
        found = await store.find(session, task_id, import_id)
    if found is None:
        raise NotFoundError(f"任务 {task_id} 没有 id 为 {import_id} 的导入 (the task has no such import)")
    return found


def state_of(row: TaskImport, now: datetime) -> tuple[str, str | None]:
    """Return how an import goes, and why it broke off: one that is silent for long lost its process."""
    if row.state == "running" and row.updated_at < now - SILENCE:
        return "failed", _LOST
    return row.state, row.problem


async def _end_failed(running: _Import, problem: str) -> None:
    """Write down why an import broke off; that must not hide what broke it off."""
    try:
        await running.end(problem)
    except Exception as error:  # noqa: BLE001 - what broke the import off is raised behind this; readers see its silence
        log.warning("an import that broke off could not be marked", import_id=running.id, error=repr(error))
