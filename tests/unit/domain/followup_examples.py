"""Sequences, facts and limits as the tests of the follow-up rules write them."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from app.domain.followup import Facts, Progress, Script, Sequence, build_sequence

NOON = datetime(2026, 3, 5, 12, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)
DAY = timedelta(hours=24)
MOMENT = timedelta(microseconds=1)
OPENING = "您好,方便留个微信吗?"


def script(number: int, day: int, order: int = 0, *, hours: int = 24, content: str = "") -> Script:
    """Return a script; its text names it, unless one is given."""
    return Script(number, day, order, hours, content or f"话术{number}")


def sequence(*scripts: Script, is_active: bool = True, is_deleted: bool = False, opening: str = OPENING) -> Sequence:
    """Return a sequence of these scripts."""
    return build_sequence(1, is_active=is_active, is_deleted=is_deleted, opening=opening, scripts=scripts)


def enrolled(**changes: Any) -> Facts:
    """Return the facts of somebody who was enrolled at noon with an opening that has not left yet."""
    facts = Facts(
        progress=Progress(),
        opening_pending=True,
        opening_at=None,
        enrolled_at=NOON,
        last_sent_at=None,
        last_automatic_at=None,
        recent_sends=(),
        unknown_until=None,
        review_hold_until=None,
        takeover_until=None,
        muted=False,
        do_not_contact=False,
        name="林小满",
        position="Python开发",
    )
    return replace(facts, **changes)


def opened(**changes: Any) -> Facts:
    """Return the facts of somebody whose opening left at noon, and nothing since."""
    facts = enrolled(
        opening_pending=False, opening_at=NOON, last_sent_at=NOON, last_automatic_at=NOON, recent_sends=(NOON,)
    )
    return replace(facts, **changes)


def known(**changes: Any) -> Facts:
    """Return the facts of somebody enrolled at noon without an opening, who was never written to."""
    return replace(enrolled(opening_pending=False), **changes)


def written_to(at: datetime = NOON, **changes: Any) -> Facts:
    """Return the facts of somebody in the middle of a sequence whose last message left at ``at``."""
    facts = known(
        enrolled_at=NOON - 30 * DAY, last_sent_at=at, last_automatic_at=at, recent_sends=(at,), progress=Progress(2)
    )
    return replace(facts, **changes)
