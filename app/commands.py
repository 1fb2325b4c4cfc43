"""What the command line does in the database beside serving and migrating: API keys.

Apart from the command line because all of this is slow to import, and from serving, which is slower still. Results go
to stdout, remarks to stderr, so that ``key=$(python -m app keys create …)`` holds a key and nothing else.
"""

import asyncio
import sys
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import asyncpg

from app import upkeep
from app.clock import SystemClock
from app.config import Settings
from app.domain.keys import Scope
from app.errors import StartupError
from app.repositories import home
from app.repositories import keys as store
from app.repositories.database import Database
from app.services import keys as service
from app.upkeep import say

_MOST_DAYS = 36_500
_LONGEST_NAME = 64
_RELEASE = """\
This database was restored or moved. It knows nothing of what happened after:
  last message written   {}
  last call placed       {}
  last message of a chat {}
Whoever was written to, called, answered or said no since then would be written to again: {} follow-ups are due now.
First deliver once more what came in since then (POST /api/messages/inbound is safe to repeat), put who said no on the
do-not-contact list, and stop or pause the sequences of those whom the gateway's own log names."""
_HEADINGS = ("id", "name", "scopes", "created", "last used", "expires", "state")


def keys(settings: Settings, url: str, given: Mapping[str, Any], *, is_ours: bool) -> int:
    """Carry out ``keys create``, ``list``, ``revoke`` or ``forget``.

    Args:
        settings: As given.
        url: Where the database is.
        given: The options of the command line, ``action`` among them.
        is_ours: Whether nobody else uses the database, so that it may be migrated.

    Returns:
        The exit code: 1 where there is no such key.

    Raises:
        StartupError: an option cannot be used, or the database cannot.
    """
    if given["action"] == "create":
        _checked(given)
    upkeep.configure_logs(settings, sys.stderr)
    return asyncio.run(_keys(settings, url, given, is_ours=is_ours))


def release(settings: Settings, url: str, given: Mapping[str, Any], *, is_ours: bool) -> int:
    """Tell what a restored database knows last, and with ``--yes`` let it send and call by itself again.

    Args:
        settings: As given.
        url: Where the database is.
        given: The options of the command line; ``yes`` is the confirmation.
        is_ours: Whether nobody else uses the database, so that it may be migrated.

    Returns:
        The exit code: 1 where it is held and was not released.

    Raises:
        StartupError: the database cannot be used.
    """
    upkeep.configure_logs(settings, sys.stderr)
    return asyncio.run(_release(url, is_yes=bool(given.get("yes")), is_ours=is_ours))


async def _release(url: str, *, is_yes: bool, is_ours: bool) -> int:
    database = upkeep.opened(url)
    try:
        await upkeep.require_revision(database, is_ours=is_ours)
        async with database.transaction() as connection:
            known, here = await home.known_place(connection), await home.place(connection)
            if known in {None, here}:
                say("Nothing is held: this database was not moved.")
                return 0
            state = await home.state(connection, SystemClock().now())
            last = [_moment(moment) for moment in (state.sent_at, state.called_at, state.heard_at)]
            say(_RELEASE.format(*last, state.due))
            if not is_yes:
                say("Nothing was changed. When that is done: python -m app release --yes")
                return 1
            await home.settle(connection)
        say("Released: running services go on within ten seconds.")
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise StartupError(f"the database did not do it ({type(error).__name__}); nothing was changed") from error
    finally:
        await database.close()
    return 0


async def _keys(settings: Settings, url: str, given: Mapping[str, Any], *, is_ours: bool) -> int:
    actions = {"create": _create, "list": _list, "revoke": _revoke, "forget": _forget}
    database = upkeep.opened(url)
    try:
        await upkeep.require_revision(database, is_ours=is_ours)
        return await actions[given["action"]](database, settings, given)
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise StartupError(f"the database did not do it ({type(error).__name__}); nothing was changed") from error
    finally:
        await database.close()


async def _create(database: Database, _settings: Settings, given: Mapping[str, Any]) -> int:
    name, scopes, days = _checked(given)
    now = SystemClock().now()
    async with database.connection() as connection:
        is_first = not await store.has_any(connection)
    key, text = await service.create(
        database, name=name, scopes=scopes, expires_at=now + timedelta(days=days) if days else None, now=now
    )
    say(f"Key {key.id} ({key.name}) may {', '.join(sorted(key.scopes))}; it is shown this once only:")
    sys.stdout.write(f"{text}\n")
    if is_first:
        say(f"From now on, within {service.BOUND_SECONDS:.0f} seconds, every call needs a key, from this machine too.")
    return 0


async def _list(database: Database, _settings: Settings, _given: Mapping[str, Any]) -> int:
    now = SystemClock().now()
    async with database.connection() as connection:
        rows = [_line(row, now) for row in await store.list_keys(connection)]
    if not rows:
        say("There are no keys.")
        return 0
    widths = [max(map(len, column)) for column in zip(_HEADINGS, *rows, strict=True)]
    for row in (_HEADINGS, *rows):
        line = "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True))
        sys.stdout.write(f"{line.rstrip()}\n")
    return 0


async def _revoke(database: Database, settings: Settings, given: Mapping[str, Any]) -> int:
    now = SystemClock().now()
    if not await service.revoke(database, given["id"], now=now):
        say(f"There is no key {given['id']}; `keys list` names them all.")
        return 1
    say(f"Key {given['id']} is revoked; within {service.BOUND_SECONDS:.0f} seconds no process takes it any more.")
    async with database.connection() as connection:
        left = [key for key in await store.valid_keys(connection) if not key.is_expired(now)]
    if not left and not settings.api_keys:
        say(
            "It was the last one that worked: nobody is answered until another one is made, on this machine neither. "
            "To be answered here without keys again, `keys forget` all of them."
        )
    return 0


async def _forget(database: Database, _settings: Settings, given: Mapping[str, Any]) -> int:
    if not await service.forget(database, given["id"], now=SystemClock().now()):
        say(f"There is no revoked or expired key {given['id']}; a key that works must be revoked first.")
        return 1
    say(f"Key {given['id']} is forgotten.")
    async with database.connection() as connection:
        if not await store.has_any(connection):
            say("No keys are left: where HUIYIN_API_KEYS is not set, this machine is answered without one again.")
    return 0


def _checked(given: Mapping[str, Any]) -> tuple[str, frozenset[Scope], int | None]:
    """Return name, scopes and days of a new key."""
    name = given["name"].strip()
    if not name or len(name) > _LONGEST_NAME or not name.isprintable():
        raise StartupError(f"--name must have 1 to {_LONGEST_NAME} printable characters")
    words = [word.strip() for word in given["scopes"].split(",") if word.strip()]
    unknown = [word for word in words if word not in set(Scope)]
    if unknown or not words:
        raise StartupError(f"--scopes: {', '.join(unknown) or 'none'}; use some of {', '.join(Scope)}")
    days = given.get("expires_days")
    if days is not None and not 1 <= days <= _MOST_DAYS:
        raise StartupError(f"--expires-days must be 1 to {_MOST_DAYS}")
    return name, frozenset(map(Scope, words)), days


def _line(row: asyncpg.Record, now: datetime) -> tuple[str, ...]:
    if row["revoked_at"] is not None:
        state = f"revoked {_moment(row['revoked_at'])}"
    else:
        state = "expired" if row["expires_at"] is not None and row["expires_at"] <= now else "works"
    moments = (_moment(row[name]) for name in ("created_at", "last_used_at", "expires_at"))
    return (row["id"], row["name"], ",".join(row["scopes"]), *moments, state)


def _moment(moment: datetime | None) -> str:
    return "-" if moment is None else f"{moment:%Y-%m-%dT%H:%MZ}"
