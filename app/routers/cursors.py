"""Opaque cursors: where a page ended, in a form that callers hand back and do not read."""

import base64
import binascii
import json
from collections.abc import Sequence
from datetime import datetime

import asyncpg

from app.errors import InvalidInputError
from app.repositories.timeline import Position
from app.schemas.common import MAX_ID


def after(rows: Sequence[asyncpg.Record], limit: int) -> str | None:
    """Return the cursor behind the first ``limit`` rows; None where no more follow."""
    if len(rows) <= limit:
        return None
    last = rows[limit - 1]
    parts = json.dumps([last["at"].isoformat(), last["type"], last["id"]])
    return base64.urlsafe_b64encode(parts.encode()).decode().rstrip("=")


def decode(cursor: str | None) -> Position | None:
    """Read a cursor; what did not come from here is answered 422."""
    if cursor is None:
        return None
    try:
        moment, kind, row_id = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        at = datetime.fromisoformat(moment)
    except (binascii.Error, ValueError, TypeError, RecursionError):
        raise _unknown() from None
    is_known = at.tzinfo is not None and isinstance(kind, str) and "\x00" not in kind and type(row_id) is int
    if not is_known or not kind.isascii() or not 0 <= row_id <= MAX_ID:
        raise _unknown()
    return Position(at, kind, row_id)


def _unknown() -> InvalidInputError:
    return InvalidInputError("游标无效,请使用返回的 next_cursor (not a cursor of this list)", field=("query", "cursor"))
