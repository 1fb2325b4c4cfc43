"""API keys: what one looks like, what is stored of it, and what it permits.

A key is ``hy_<id>_<secret>``: the id (8 hexadecimal digits) names its row and is no secret, the secret is 256 random
bits. Stored is the SHA-256 of the whole key. A slow hash protects passwords that people think of; nobody can try out
2^256 random ones, and a slow hash would cost every request milliseconds (``docs/decisions/api-keys.md``).
"""

import hashlib
import hmac
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

_PREFIX = "hy"
_ID_BYTES = 4
_SECRET_BYTES = 32
_PARTS = 3


class Scope(StrEnum):
    """What a key permits; ``admin`` includes the others, which include nothing but themselves."""

    READ = "read"
    WRITE = "write"
    OPERATE = "operate"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class StoredKey:
    """What is kept of a key."""

    id: str
    name: str
    digest: bytes
    scopes: frozenset[Scope]
    expires_at: datetime | None

    def is_expired(self, now: datetime) -> bool:
        """Tell whether its time is over."""
        return self.expires_at is not None and self.expires_at <= now


def new_key() -> tuple[str, str]:
    """Make a key; returns its id and the whole key, which nobody can show again."""
    key_id = secrets.token_hex(_ID_BYTES)
    return key_id, f"{_PREFIX}_{key_id}_{secrets.token_urlsafe(_SECRET_BYTES)}"


def digest(key: bytes) -> bytes:
    """Return what is stored of a key, and what an offered one is compared by."""
    return hashlib.sha256(key).digest()


def id_in(key: bytes) -> str | None:
    """Return the id that a key names, or None if it does not look like one of ours."""
    parts = key.split(b"_", _PARTS - 1)
    if len(parts) != _PARTS or parts[0] != _PREFIX.encode() or not parts[1].isalnum():
        return None
    return parts[1].decode()


def is_equal(offered: bytes, known: bytes) -> bool:
    """Compare two digests in a time that does not depend on where they differ."""
    return hmac.compare_digest(offered, known)


def with_implied(scopes: Iterable[Scope]) -> frozenset[Scope]:
    """Return what the scopes of a key come to."""
    found = frozenset(scopes)
    return frozenset(Scope) if Scope.ADMIN in found else found
