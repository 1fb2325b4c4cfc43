"""API keys in a running service, and what the command line does with them.

A process knows all valid keys by heart for a short while. How long that is is the promise that a revoked key stops
working everywhere: after `RENEW_SECONDS` a request has them read again behind its back, after `BOUND_SECONDS` it waits
for that, and what cannot be read permits nothing. An idle process reads nothing.
"""

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping
from contextvars import Context as Variables
from datetime import datetime, timedelta

import asyncpg
import structlog

from app.clock import Clock
from app.domain.keys import Scope, StoredKey, digest, id_in, is_equal, new_key
from app.errors import UnavailableError
from app.repositories import audit
from app.repositories import keys as store
from app.repositories.database import Database

log = structlog.get_logger(__name__)

RENEW_SECONDS = 2.0
BOUND_SECONDS = 5.0
RETRY_SECONDS = 0.5
_NEVER = float("-inf")
_USE_EVERY = timedelta(minutes=1)
_NOBODY = bytes(32)
_UNKNOWN = "暂时无法核对密钥,请稍后重试 (API keys cannot be checked at the moment, try again)"


class KeyRing:
    """What this process knows of the keys in the database."""

    def __init__(self, database: Database, clock: Clock, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._clock = clock
        self._monotonic = monotonic
        self._keys: Mapping[str, StoredKey] = {}
        self._has_any = True
        self._read_at = self._tried_at = _NEVER
        self._reading: asyncio.Task[None] | None = None
        self._noted: dict[str, datetime] = {}
        self._unwritten: dict[str, datetime] = {}
        self._writing: asyncio.Task[None] | None = None

    @property
    def has_any(self) -> bool:
        """Whether a key was ever made, revoked ones too; true until the database has said that there is none."""
        return self._has_any

    async def ready(self) -> None:
        """Make sure that what is known is fresh enough to decide by.

        Raises:
            UnavailableError: it is not, and the database does not answer.
        """
        age = self._age()
        if age < RENEW_SECONDS:
            return
        if self._reading is None and self._monotonic() - self._tried_at >= RETRY_SECONDS:
            # In a context of its own: it reads for many, and must not log under one request's name.
            self._reading = asyncio.create_task(self._read(), name="read-keys", context=Variables())
        if age < BOUND_SECONDS:
            return
        if self._reading is not None:
            await asyncio.wait([self._reading])
        if self._age() >= BOUND_SECONDS:
            raise UnavailableError(_UNKNOWN, retry_after=2)

    def find(self, offered: Iterable[bytes]) -> StoredKey | None:
        """Return the first of the offered keys that is valid now, and note that it was used."""
        now = self._clock.now()
        for key in offered:
            found = self._keys.get(id_in(key) or "")
            # Compared in any case: the time shall not tell whether there is a key of that id.
            if is_equal(digest(key), found.digest if found else _NOBODY) and found and not found.is_expired(now):
                self._note(found.id, now)
                return found
        return None

    def is_valid(self, key_id: str) -> bool:
        """Tell whether a key that was found before is still valid."""
        key = self._keys.get(key_id)
        return key is not None and not key.is_expired(self._clock.now())

    async def aclose(self) -> None:
        """Write down what was used."""
        for task in (self._reading, self._writing):
            if task is not None:
                await asyncio.wait([task])

    def _age(self) -> float:
        return self._monotonic() - self._read_at

    async def _read(self) -> None:
        # What was committed before this moment is seen; the age counts from here and not from the answer.
        began = self._tried_at = self._monotonic()
        try:
            async with asyncio.timeout(BOUND_SECONDS), self._database.connection() as connection:
                keys = await store.valid_keys(connection)
                has_any = bool(keys) or await store.has_any(connection)
        except Exception as error:  # noqa: BLE001 - whatever it is: what cannot be read permits nothing
            log.warning("API keys could not be read", error=repr(error))
        else:
            self._keys = {key.id: key for key in keys}
            self._has_any, self._read_at = has_any, began
        finally:
            self._reading = None

    def _note(self, key_id: str, now: datetime) -> None:
        last = self._noted.get(key_id)
        if last is not None and now - last < _USE_EVERY:
            return
        self._noted[key_id] = self._unwritten[key_id] = now
        if self._writing is None:
            self._writing = asyncio.create_task(self._write(), name="note-keys", context=Variables())

    async def _write(self) -> None:
        try:
            while self._unwritten:
                uses, self._unwritten = self._unwritten, {}
                async with asyncio.timeout(BOUND_SECONDS), self._database.connection() as connection:
                    await store.note_use(connection, uses)
        except Exception as error:  # noqa: BLE001 - the database may be away for a while; the next use is noted again
            self._noted.clear()
            log.warning("the use of API keys could not be noted", error=repr(error))
        finally:
            self._writing = None


async def create(
    database: Database, *, name: str, scopes: Iterable[Scope], expires_at: datetime | None, now: datetime
) -> tuple[StoredKey, str]:
    """Make a key; returns what is stored of it, and the key, which is not stored."""
    key_id, text = new_key()
    key = StoredKey(key_id, name, digest(text.encode()), frozenset(scopes), expires_at)
    async with database.transaction() as connection:
        await store.insert(connection, key, now)
        await _audit(connection, now, "key_created", key_id, scopes=sorted(key.scopes))
    return key, text


async def revoke(database: Database, key_id: str, *, now: datetime) -> bool:
    """Revoke a key; returns whether there is one of that id."""
    async with database.transaction() as connection:
        found = await store.revoke(connection, key_id, now)
        if found:
            await _audit(connection, now, "key_revoked", key_id)
    return found


async def forget(database: Database, key_id: str, *, now: datetime) -> bool:
    """Take a key that is revoked or expired from the list; returns whether there was one."""
    async with database.transaction() as connection:
        found = await store.forget(connection, key_id, now)
        if found:
            await _audit(connection, now, "key_forgotten", key_id)
    return found


async def _audit(connection: asyncpg.Connection, now: datetime, action: str, key_id: str, **facts: object) -> None:
    entry = audit.Entry(detail={"key": key_id, **facts})
    await audit.write(connection, now, actor="command line", action=action, entries=[entry])
