"""From a stored row to the facts of the rules."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.domain.followup import Facts, Progress
from app.repositories.dispatch import Recent
from app.services.dispatch.looks import facts_of, progress_of

NOW = datetime(2026, 3, 5, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
ROW: dict[str, Any] = {
    "day": 3,
    "after_order": 7,
    "after_script_id": 42,
    "rotation_order": 8,
    "rotation_script_id": 43,
    "opening_pending": True,
    "opening_at": NOW - 9 * HOUR,
    "enrolled_at": NOW - 8 * HOUR,
    "last_sent_at": NOW - 7 * HOUR,
    "review_hold_until": NOW + 2 * HOUR,
    "takeover_until": NOW + 3 * HOUR,
    "muted": False,
    "do_not_contact": False,
    "name": "林小满",
    "position": "Python开发",
}


@pytest.mark.parametrize(
    "change", [{}, {"muted": True}, {"do_not_contact": True}, {"opening_pending": False}, {"opening_at": None}]
)
def test_every_fact_is_in_its_place(change: dict[str, Any]) -> None:
    row = ROW | change
    recent = Recent((NOW - 6 * HOUR, NOW - 5 * HOUR), NOW - 6 * HOUR)
    assert facts_of(row, recent, NOW + HOUR) == Facts(
        progress=Progress(day=3, after=(7, 42), rotation=(8, 43)),
        opening_pending=row["opening_pending"],
        opening_at=row["opening_at"],
        enrolled_at=row["enrolled_at"],
        last_sent_at=row["last_sent_at"],
        last_automatic_at=recent.last_automatic_at,
        recent_sends=recent.moments,
        unknown_until=NOW + HOUR,
        review_hold_until=row["review_hold_until"],
        takeover_until=row["takeover_until"],
        muted=row["muted"],
        do_not_contact=row["do_not_contact"],
        name=row["name"],
        position=row["position"],
    )


def test_places_that_are_none() -> None:
    start = ROW | {"after_order": None, "after_script_id": None, "rotation_order": None, "rotation_script_id": None}
    assert progress_of(start) == Progress(3, None, None)
