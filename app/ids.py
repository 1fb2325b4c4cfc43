"""Identifiers that must not be guessed or repeated; a dependency, so that tests can fix them."""

import os
import secrets
import uuid
from typing import Protocol

# RFC 9562: four and two bits of a random UUID say what it is.
_VERSION_4 = bytes(octet & 0x0F | 0x40 for octet in range(256))
_VARIANT_1 = bytes(octet & 0x3F | 0x80 for octet in range(256))


class IdSource(Protocol):
    """Makes identifiers."""

    def uuid(self) -> uuid.UUID:
        """Return a fresh UUID."""
        ...

    def uuids(self, count: int) -> list[str]:
        """Return fresh UUIDs, each as 32 hexadecimal digits."""
        ...

    def token(self) -> str:
        """Return an unguessable, URL-safe text of 32 characters."""
        ...


class RandomIds:
    """Identifiers from the operating system's random source."""

    def uuid(self) -> uuid.UUID:
        """Return a fresh random UUID."""
        return uuid.uuid4()

    def uuids(self, count: int) -> list[str]:
        """Return fresh random UUIDs, each as 32 hexadecimal digits; all from one draw, a tenth of the price."""
        drawn = bytearray(os.urandom(16 * count))
        drawn[6::16] = drawn[6::16].translate(_VERSION_4)
        drawn[8::16] = drawn[8::16].translate(_VARIANT_1)
        digits = drawn.hex()
        return [digits[start : start + 32] for start in range(0, 32 * count, 32)]

    def token(self) -> str:
        """Return an unguessable, URL-safe text of 32 characters."""
        return secrets.token_urlsafe(24)
