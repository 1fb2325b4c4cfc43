"""The way into PostgreSQL: SQLAlchemy sessions for plain reads and edits, raw asyncpg for the hot statements.

Both talk to the same server through connections made in one place. The raw way exists because SQLAlchemy adds 180 µs
to each statement (``docs/decisions/hot-statements.md``); models, migrations and edits stay with SQLAlchemy.
"""

import json
import re
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import asyncpg
from sqlalchemy import event, exc
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from app.repositories.pool import HandOffPool

CONNECT_TIMEOUT_SECONDS = 10.0
OLDEST_SERVER = 14
"""Versions of PostgreSQL before this one get no more corrections; 15 to 18 are tried by the tests."""

_POOLER = re.compile(r"(?<=[?&])pooler=(?P<mode>[^&]*)&?")
_HOST = re.compile(r"(?:\[[0-9A-Fa-f:.]+\]|[^:\[\]@]*)(?::[0-9]{0,5})?")
"""One of the hosts of a URL, with or without a port; there may be several with commas."""


def plain_dsn(url: str) -> str:
    """Return a URL that asyncpg reads, from any spelling of a PostgreSQL URL (``postgres://``, ``+asyncpg``, …).

    Raises:
        ValueError: it cannot be read; the message says why and shows nothing of it, which may be a password.
    """
    scheme, separator, rest = url.partition("://")
    if not separator or scheme.split("+")[0] not in {"postgres", "postgresql"}:
        raise ValueError("DATABASE_URL must begin with postgresql://")
    _require_readable(rest)
    found = _POOLER.search(rest)
    if found and found["mode"] not in {"transaction", "session"}:
        raise ValueError("pooler in DATABASE_URL must be transaction or session")
    return f"postgresql://{_POOLER.sub('', rest).rstrip('?&')}"


def _require_readable(rest: str) -> None:
    """Refuse what asyncpg would fail on with a piece of the password in its error."""
    user, _, hosts = re.split(r"[/?#]", rest, maxsplit=1)[0].rpartition("@")
    query = rest.partition("?")[2]
    if re.search(r"[@\[\]]", user) or not all(_HOST.fullmatch(host) for host in hosts.split(",")):
        raise ValueError(
            "DATABASE_URL cannot be read: write / ? # [ ] @ % of user and password as %2F %3F %23 %5B %5D %40 %25, "
            "or leave the password away and set DATABASE_PASSWORD"
        )
    if not all("=" in part for part in query.split("&") if part):
        raise ValueError("DATABASE_URL must have name=value behind the question mark, with & between several")


def is_pooled(url: str) -> bool:
    """Tell whether a URL says that each transaction may meet another server connection (``pooler=transaction``)."""
    found = _POOLER.search(url)
    return found is not None and found["mode"] == "transaction"


class Database:
    """One PostgreSQL server, seen through two small pools."""

    def __init__(
        self,
        url: str,
        *,
        pool_size: int,
        wait_seconds: float = 10.0,
        idle_seconds: float = 60.0,
        application_name: str = "huiyin",
    ) -> None:
        """Open nothing yet.

        Args:
            url: Of the database.
            pool_size: Connections of each of the two pools.
            wait_seconds: How long a connection is waited for.
            idle_seconds: After which the server ends a transaction in which nothing happens: a process that stands
                still (a paused machine) must not hold rows for which all others wait.
            application_name: Under which the server lists the connections.
        """
        self._dsn = plain_dsn(url)
        self._idle_milliseconds = max(1, round(idle_seconds * 1000))
        self._is_pooled = is_pooled(url)
        self._application_name = application_name
        self.engine: AsyncEngine = create_async_engine(
            "postgresql+asyncpg://",
            async_creator=self._connect,
            pool_size=pool_size,
            max_overflow=0,
            pool_timeout=wait_seconds,
            # Errors are logged, and the values of a statement are people's texts and numbers.
            hide_parameters=True,
        )
        event.listen(self.engine.sync_engine, "checkout", _refuse_closed)
        self._sessions = async_sessionmaker(self.engine, expire_on_commit=False)
        self._pool = HandOffPool(self._connect_raw, pool_size, wait_seconds)

    def session(self) -> AsyncSession:
        """Return a new SQLAlchemy session; the caller opens and ends its transaction."""
        return self._sessions()

    @asynccontextmanager
    async def transaction_session(self) -> AsyncIterator[AsyncSession]:
        """Lend a session inside a transaction: committed at the end, rolled back on any error."""
        async with self._sessions() as session, session.begin():
            yield session

    def connection(self) -> AbstractAsyncContextManager[asyncpg.Connection]:
        """Lend a raw connection in autocommit; ``PoolBusyError`` where none comes free in time."""
        return self._pool.connection()

    def transaction(self, *, is_patient: bool = False) -> AbstractAsyncContextManager[asyncpg.Connection]:
        """Lend a raw connection inside a transaction; ``PoolBusyError`` where none comes free in time.

        Args:
            is_patient: Wait without a bound, to write down what has happened outside already.
        """
        return self._pool.transaction(is_patient=is_patient)

    @property
    def raw_in_use(self) -> int:
        """How many raw connections are lent at the moment."""
        return self._pool.in_use

    @property
    def raw_waiting(self) -> int:
        """How many wait for a raw connection at the moment."""
        return self._pool.waiting

    async def listen(self) -> asyncpg.Connection:
        """Open a connection of its own, outside the pools, for LISTEN; the caller closes it."""
        return await self._connect_raw()

    async def close(self) -> None:
        """Close both pools."""
        await self._pool.close()
        await self.engine.dispose()

    async def _connect(self) -> asyncpg.Connection:
        settings = {"application_name": self._application_name, "timezone": "UTC"}
        if self._is_pooled:
            # A prepared statement lives no longer than its transaction there: without a cache asyncpg, and with it
            # SQLAlchemy, uses unnamed ones. PgBouncer refuses settings that it does not track, such as jit: that is set
            # on the role or the server then.
            return await asyncpg.connect(
                self._dsn, timeout=CONNECT_TIMEOUT_SECONDS, statement_cache_size=0, server_settings=settings
            )
        return await asyncpg.connect(
            self._dsn,
            timeout=CONNECT_TIMEOUT_SECONDS,
            server_settings=settings
            | {"jit": "off", "idle_in_transaction_session_timeout": str(self._idle_milliseconds)},
        )

    async def _connect_raw(self) -> asyncpg.Connection:
        connection = await self._connect()
        await connection.set_type_codec(
            "jsonb", schema="pg_catalog", encoder=_dump_json, decoder=json.loads, format="text"
        )
        return connection


def _dump_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _refuse_closed(dbapi_connection: Any, _record: ConnectionPoolEntry, _proxy: Any) -> None:
    """Replace a connection that the server closed while it was idle; costs no round trip, unlike a ping."""
    if dbapi_connection.driver_connection.is_closed():
        raise exc.DisconnectionError
