"""Bring a database to the newest revision, from inside the running loop."""

from pathlib import Path
from typing import Any

from sqlalchemy import Connection, text

from app.models.revision import HEAD
from app.repositories.database import Database

_ROOT = Path(__file__).resolve().parents[2]


async def server_version(database: Database) -> tuple[int, str]:
    """Return the version of the server: its major number, and what it says of itself."""
    async with database.connection() as connection:
        return connection.get_server_version().major, connection.get_settings().server_version


async def current_revision(database: Database) -> str | None:
    """Return the revision of a database, or None where it is empty."""
    async with database.connection() as connection:
        if await connection.fetchval("SELECT to_regclass('alembic_version')") is None:
            return None
        revision: str | None = await connection.fetchval("SELECT version_num FROM alembic_version")
        return revision


async def upgrade(database: Database, revision: str = "head") -> None:
    """Run the migrations that are missing; does nothing, quickly, where none is."""
    if revision == "head" and await current_revision(database) == HEAD:
        return
    await _run(database, "upgrade", revision)


async def downgrade(database: Database, revision: str) -> None:
    """Take migrations back down to ``revision``."""
    await _run(database, "downgrade", revision)


async def check(database: Database) -> None:
    """Raise unless models and database agree (``alembic check``)."""
    await _run(database, "check")


async def _run(database: Database, command_name: str, *arguments: str) -> None:
    from alembic import command  # noqa: PLC0415 - slow to import, and most starts do not need it
    from alembic.config import Config  # noqa: PLC0415 - the same

    config = Config(_ROOT / "alembic.ini")

    def run(connection: Connection) -> None:
        config.attributes["connection"] = connection
        function: Any = getattr(command, command_name)
        function(config, *arguments)

    async with database.engine.connect() as connection:
        # Of the transaction in which Alembic works: behind a pooler a session belongs to others, too.
        await connection.execute(text("SET LOCAL statement_timeout = '30min'"))
        await connection.run_sync(run)
        await connection.commit()
    await database.engine.dispose()
