"""Pages and walks on the wire."""

import base64
import binascii
import json
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from app.errors import InvalidInputError
from app.schemas.common import MAX_ID
from app.services.chatbot.users import Listing, Walk

BEGINNING = "*"


def paged(listing: Listing, data: Iterable[Any]) -> dict[str, Any]:
    """Return the answer that carries a page."""
    return {
        "rc": 0,
        "total": listing.total,
        "current_page": listing.current_page,
        "total_page": listing.total_page,
        "data": list(data),
    }


def walked(walk: Walk, data: Iterable[Any], place: list[Any]) -> dict[str, Any]:
    """Return the answer that carries a stretch of a walk; ``place`` is where it ends."""
    answer = {"rc": 0, "total": walk.total, "data": list(data)}
    return answer | {"next_cursor": _encode(place)} if walk.has_more else answer


def read_ordinal(cursor: str) -> int | None:
    """Read a place in a history; None for its beginning."""
    match _decode(cursor):
        case None:
            return None
        case [int(ordinal)] if 0 <= ordinal <= MAX_ID:
            return ordinal
    raise _unknown()


def read_user_place(cursor: str) -> tuple[datetime, int] | None:
    """Read a place in a list of users; None for its beginning."""
    match _decode(cursor):
        case None:
            return None
        case [str(moment), int(contact_id)] if 0 <= contact_id <= MAX_ID:
            try:
                at = datetime.fromisoformat(moment)
            except ValueError:
                raise _unknown() from None
            if at.tzinfo is not None:
                return at, contact_id
    raise _unknown()


def _encode(place: list[Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(place).encode()).decode().rstrip("=")


def _decode(cursor: str) -> Any:
    if cursor == BEGINNING:
        return None
    try:
        place = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (binascii.Error, ValueError, RecursionError):
        raise _unknown() from None
    if not isinstance(place, list) or any(isinstance(part, bool) for part in place):
        raise _unknown()
    return place


def _unknown() -> InvalidInputError:
    return InvalidInputError(
        "游标无效,请使用 * 或返回的 next_cursor (not a cursor of this list)", field=("query", "cursor")
    )
