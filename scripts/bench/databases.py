"""A migrated database of a benchmark's own, dropped after it."""

import os
import tempfile
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from app.repositories import migrations
from app.repositories.database import Database, plain_dsn


@asynccontextmanager
async def fresh_database() -> AsyncIterator[str]:
    """Lend the URL of a new, migrated database."""
    with _server() as server:
        name = f"huiyin_bench_{uuid.uuid4().hex[:12]}"
        admin = await asyncpg.connect(server)
        await admin.execute(f"CREATE DATABASE {name}")
        url = urlunsplit(urlsplit(server)._replace(path=f"/{name}"))
        try:
            database = Database(url, pool_size=2)
            await migrations.upgrade(database)
            await database.close()
            yield url
        finally:
            await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
            await admin.close()


@contextmanager
def _server() -> Iterator[str]:
    given = os.environ.get("DATABASE_URL")
    if given:
        yield plain_dsn(given)
        return
    from app.gateways.embedded_postgres import EmbeddedPostgres  # noqa: PLC0415 - not needed with DATABASE_URL

    with tempfile.TemporaryDirectory(prefix="huiyin-bench-") as folder:
        Path(folder).chmod(0o755)
        server = EmbeddedPostgres(Path(folder) / "data", settings={"max_connections": "200"})
        try:
            yield plain_dsn(server.start())
        finally:
            server.stop()


async def results(url: str, statement: str) -> dict[str, tuple[object, ...]]:
    """Return what stands in the tables by their names, to compare the two sides; ``statement``: a row for each."""
    connection = await asyncpg.connect(url)
    try:
        return {row[0]: tuple(row)[1:] for row in await connection.fetch(statement)}
    finally:
        await connection.close()
