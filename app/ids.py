"""Identifiers that must not be guessed or repeated; a dependency, so that tests can fix them."""

import secrets
import uuid
from typing import Protocol


class IdSource(Protocol):
    """Makes identifiers."""

    def uuid(self) -> uuid.UUID:
        """Return a fresh UUID."""
        ...

    def token(self) -> str:
        """Return an unguessable, URL-safe text of 32 characters."""
        ...


class RandomIds:
    """Identifiers from the operating system's random source."""

    def uuid(self) -> uuid.UUID:
        """Return a fresh random UUID."""
        return uuid.uuid4()

    def token(self) -> str:
        """Return an unguessable, URL-safe text of 32 characters."""
        return secrets.token_urlsafe(24)
