"""The import itself: bytes in, batches out, a report at the end."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass, field

import asyncpg
import structlog

from app.errors import InvalidInputError
from app.repositories import bots, contact_import, contacts
from app.repositories import protection as listing
from app.repositories.contacts import Card
from app.services.contacts import GENERATED_PREFIX, follow_up_on_changes
from app.services.context import Context
from app.services.csv_import.columns import Header, HeaderError, ImportRow, read_header, to_row
from app.services.csv_import.planning import Person, Plan, plan
from app.services.csv_import.reading import UTF8, Record, RecordReader, UnreadableFileError, blocks
from app.services.transactions import RacedError, in_transaction

log = structlog.get_logger(__name__)

BATCH = 1000
MAX_ERRORS = 1000
_PROGRESS_EVERY = 20_000


@dataclass(slots=True)
class Report:
    """What an import did, in numbers, and what is wrong with which line."""

    dry_run: bool
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    do_not_contact: int = 0
    error_count: int = 0
    errors: list[tuple[int, str]] = field(default_factory=list)
    ignored_columns: tuple[str, ...] = ()
    encoding: str = UTF8

    def problem(self, line: int, error: str) -> None:
        """Note a line that was not imported; the first ones are kept, all are counted."""
        self.error_count += 1
        if len(self.errors) < MAX_ERRORS:
            self.errors.append((line, error))


class _Import:
    """One import under way."""

    def __init__(self, context: Context, actor: str, dry_run: bool) -> None:
        self._context = context
        self._actor = actor
        self._reader = RecordReader()
        self._header: Header | None = None
        self._rows: list[ImportRow] = []
        self._done = 0
        self.report = Report(dry_run)

    async def take(self, data: bytes, *, is_last: bool) -> None:
        """Take a part of the file and write whatever batches are full."""
        # Reading a block takes some milliseconds of pure computing: elsewhere, so that others are answered.
        parsed = await asyncio.to_thread(self._parse, data, is_last)
        for item in parsed:
            if isinstance(item, ImportRow):
                self._rows.append(item)
                if len(self._rows) == BATCH:
                    await self._write_batch()
            else:
                self.report.problem(*item)
        if is_last:
            await self._write_batch()

    def _parse(self, data: bytes, is_last: bool) -> list[ImportRow | tuple[int, str]]:
        self._reader.buffer(data, is_last=is_last)
        if self._header is None:
            first = self._reader.take_line()
            if first is None:
                return []
            self._header = read_header(first[1])
            self._reader.delimiter = self._header.delimiter
            self._reader.width = len(self._header.fields)
            self.report.ignored_columns = self._header.ignored
        header = self._header
        records = self._reader.records(is_last=is_last)
        self.report.encoding = self._reader.encoding or UTF8
        return [_row(header, record) for record in records]

    @property
    def has_header(self) -> bool:
        """Whether the file said anything yet."""
        return self._header is not None

    async def _write_batch(self) -> None:
        rows, self._rows = self._rows, []
        if not rows:
            return
        result, protected = await in_transaction(
            self._context, lambda connection: self._write(connection, rows), dry_run=self.report.dry_run
        )
        self.report.created += result.created
        self.report.updated += result.updated
        self.report.unchanged += result.unchanged
        self.report.do_not_contact += protected
        for line, error in result.errors:
            self.report.problem(line, error)
        self._context.wake.set()
        before, self._done = self._done, self._done + len(rows)
        if before // _PROGRESS_EVERY != self._done // _PROGRESS_EVERY:
            log.info("an import goes on", lines=self._done, errors=self.report.error_count)

    async def _write(self, connection: asyncpg.Connection, rows: Sequence[ImportRow]) -> tuple[Plan, int]:
        now, ids = self._context.clock.now(), self._context.ids
        await listing.announce_people(connection)
        named = await bots.resolve_many(connection, {row.bot for row in rows if row.bot is not None})
        default_bot = await bots.resolve(connection, None)
        if default_bot is None:
            raise InvalidInputError("没有默认渠道 (there is no default bot)", field=("body", "bot"))
        known = await _known(connection, rows, named, default_bot)
        result = plan(
            rows,
            known,
            bots=named,
            default_bot=default_bot,
            make_user_id=lambda: f"{GENERATED_PREFIX}{ids.token()}",
        )
        new = [contact_import.NewPerson(person.bot_id, _card(person), ids.token()) for person in result.new]
        new_ids = await contact_import.insert(connection, new, now)
        if len(new_ids) < len(new):
            raise RacedError
        changed = [(person.id, _card(person)) for person in result.changed if person.id is not None]
        try:
            await contact_import.update(connection, changed, now)
        except asyncpg.UniqueViolationError as error:
            raise RacedError from error
        hit = await follow_up_on_changes(
            connection,
            renamed=_ids(person for person in result.changed if person.is_renamed),
            readdressed=[*new_ids, *_ids(person for person in result.changed if person.is_readdressed)],
            actor=self._actor,
            now=now,
        )
        return result, len(hit)


async def run(context: Context, body: AsyncIterator[bytes], *, actor: str, dry_run: bool = False) -> Report:
    """Import a CSV file as it arrives.

    Args:
        context: Where to.
        body: The bytes of the file, in parts of any size.
        actor: Who imports.
        dry_run: Decide and count, but undo each batch; lines that repeat people of an earlier batch count as new then.

    Raises:
        InvalidInputError: the file is empty, in an unknown encoding, or its header says too little.
    """
    running = _Import(context, actor, dry_run)
    try:
        async for block in blocks(body):
            await running.take(block, is_last=False)
        await running.take(b"", is_last=True)
    except (HeaderError, UnreadableFileError) as error:
        raise InvalidInputError(str(error), field=("body", "header")) from error
    if not running.has_header:
        raise InvalidInputError("文件为空 (the file is empty)", field=("body",))
    return running.report


async def _known(
    connection: asyncpg.Connection, rows: Sequence[ImportRow], named: dict[str, int], default_bot: int
) -> list[Person]:
    users = {
        (default_bot if row.bot is None else named[row.bot], row.user_id)
        for row in rows
        if row.user_id is not None and (row.bot is None or row.bot in named)
    }
    phones = {row.phone for row in rows if row.phone is not None}
    ids = await contact_import.find(connection, sorted(users), sorted(phones))
    return [
        Person(
            row["id"],
            row["bot_id"],
            row["user_id"],
            row["name"],
            row["position"],
            row["phone"],
            row["note"],
            has_made_up_user=row["user_id"].startswith(GENERATED_PREFIX),
        )
        for row in await contacts.lock(connection, ids)
    ]


def _row(header: Header, record: Record) -> ImportRow | tuple[int, str]:
    if record.error is not None:
        return record.line, record.error
    row = to_row(header, record.line, record.cells)
    return (record.line, row) if isinstance(row, str) else row


def _card(person: Person) -> Card:
    return Card(person.user_id, person.name, person.position, person.phone, person.note)


def _ids(people: Iterable[Person]) -> list[int]:
    return [person.id for person in people if person.id is not None]
