"""What is done with a database before anything is served: logs are sent somewhere, it is opened and brought up to date.

Apart from serving, which takes a second to import that no command on the database should wait for.
"""

import asyncio
import sys
from typing import TextIO

import asyncpg
import structlog

from app import logs
from app.config import Settings
from app.errors import StartupError
from app.models.revision import HEAD
from app.repositories import migrations
from app.repositories.database import OLDEST_SERVER, Database, plain_dsn

log = structlog.get_logger(__name__)


def migrate(settings: Settings, url: str) -> None:
    """Bring the database to the newest revision and say so."""
    configure_logs(settings)
    asyncio.run(_migrate(url))


async def _migrate(url: str) -> None:
    database = opened(url)
    try:
        before = await _revision(database)
        await _upgrade(database)
    finally:
        await database.close()
    say(f"The database is at revision {HEAD}" + (", as it was." if before == HEAD else f"; it was at {before}."))


async def require_revision(database: Database, *, is_ours: bool) -> None:
    """Migrate the embedded database, which is ours alone; refuse to work on any other that is not current.

    Raises:
        StartupError: it cannot be reached, is not current and not ours, or could not be migrated.
    """
    revision = await _revision(database)
    if revision == HEAD:
        return
    if is_ours:
        await _upgrade(database)
        return
    state = "is empty" if revision is None else f"is at revision {revision}"
    raise StartupError(
        f"the database of DATABASE_URL {state}, and this version needs revision {HEAD}. Run `python -m app migrate` "
        "with the same DATABASE_URL first; it is not done on start, as several services may share the database. "
        "An embedded one is brought there when its own service starts."
    )


async def _upgrade(database: Database) -> None:
    try:
        await migrations.upgrade(database)
    except Exception as error:
        log.exception("a migration failed")
        raise StartupError(
            f"the database could not be brought to revision {HEAD}, and nothing was changed; the log says why"
        ) from error


async def _revision(database: Database) -> str | None:
    try:
        major, told = await migrations.server_version(database)
        if major < OLDEST_SERVER:
            raise StartupError(f"the server of DATABASE_URL is PostgreSQL {told}; {OLDEST_SERVER} or newer is needed")
        return await migrations.current_revision(database)
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        advice = ""
        if "unsupported startup parameter" in str(error):
            advice = ". Behind PgBouncer DATABASE_URL needs pooler=transaction"
        reason = logs.mask(str(error) or type(error).__name__)
        raise StartupError(f"the database of DATABASE_URL cannot be reached: {reason}{advice}") from error


def opened(url: str) -> Database:
    """Open a database for a command.

    Raises:
        StartupError: the URL is none of PostgreSQL's.
    """
    try:
        plain_dsn(url)
    except ValueError as error:
        raise StartupError(str(error)) from error
    return Database(url, pool_size=2)


def configure_logs(settings: Settings, stream: TextIO | None = None) -> None:
    """Send the logs of this process to a stream, stdout by default.

    Raises:
        StartupError: there is no such level.
    """
    try:
        logs.configure(settings.log_level, stream)
    except ValueError as error:
        raise StartupError(f"HUIYIN_LOG_LEVEL: {error}") from None


def say(text: str) -> None:
    """Tell the person at the terminal; stdout is for the log, or for what a command makes."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()
