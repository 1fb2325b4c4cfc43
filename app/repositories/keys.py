"""API keys."""

from collections.abc import Mapping
from datetime import datetime

import asyncpg

from app.domain.keys import Scope, StoredKey

_VALID = "SELECT id, name, digest, scopes, expires_at FROM api_key WHERE revoked_at IS NULL"
_ANY = "SELECT EXISTS (SELECT FROM api_key)"
_ALL = "SELECT id, name, scopes, created_at, expires_at, last_used_at, revoked_at FROM api_key ORDER BY created_at, id"
_INSERT = """
    INSERT INTO api_key (id, name, digest, scopes, created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6)
"""
_REVOKE = """
    UPDATE api_key SET revoked_at = COALESCE(revoked_at, $2) WHERE id = $1
"""
_FORGET = "DELETE FROM api_key WHERE id = $1 AND (revoked_at IS NOT NULL OR expires_at <= $2)"
# Several processes serve one key: each says so once a minute, and only the first of them writes.
_USED = """
    UPDATE api_key AS k SET last_used_at = u.at
    FROM unnest($1::text[], $2::timestamptz[]) AS u(id, at)
    WHERE k.id = u.id AND (k.last_used_at IS NULL OR k.last_used_at <= u.at - interval '1 minute')
"""


async def valid_keys(connection: asyncpg.Connection) -> list[StoredKey]:
    """Return all keys that are not revoked; expired ones are among them."""
    return [
        StoredKey(
            id=row["id"],
            name=row["name"],
            digest=row["digest"],
            scopes=frozenset(map(Scope, row["scopes"])),
            expires_at=row["expires_at"],
        )
        for row in await connection.fetch(_VALID)
    ]


async def has_any(connection: asyncpg.Connection) -> bool:
    """Tell whether a key was ever made, and not forgotten since."""
    found: bool = await connection.fetchval(_ANY)
    return found


async def list_keys(connection: asyncpg.Connection) -> list[asyncpg.Record]:
    """Return what may be shown of every key, the oldest first."""
    rows: list[asyncpg.Record] = await connection.fetch(_ALL)
    return rows


async def insert(connection: asyncpg.Connection, key: StoredKey, now: datetime) -> None:
    """Write a new key."""
    await connection.execute(_INSERT, key.id, key.name, key.digest, sorted(key.scopes), now, key.expires_at)


async def revoke(connection: asyncpg.Connection, key_id: str, now: datetime) -> bool:
    """Revoke a key, for good; one that is revoked keeps its moment. Returns whether there is such a key."""
    done: str = await connection.execute(_REVOKE, key_id, now)
    return done == "UPDATE 1"


async def forget(connection: asyncpg.Connection, key_id: str, now: datetime) -> bool:
    """Delete a key that is revoked or expired; returns whether one was."""
    done: str = await connection.execute(_FORGET, key_id, now)
    return done == "DELETE 1"


async def note_use(connection: asyncpg.Connection, uses: Mapping[str, datetime]) -> None:
    """Write when keys were used last, unless that was written less than a minute before."""
    await connection.execute(_USED, list(uses), list(uses.values()))
