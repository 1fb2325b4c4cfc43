"""Why a started task calls nobody just now."""

from datetime import UTC, datetime, timedelta

import pytest

from app.domain.tasks import TaskState, Term, Waiting, WaitReason, why_waiting

NOW = datetime(2026, 3, 5, 10, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)
ALWAYS = Term(None, None)
OVER = Term(None, NOW)
SOON, LATER = Term(NOW + HOUR, None), Term(NOW + 2 * HOUR, NOW + 3 * HOUR)


@pytest.mark.parametrize(
    ("state", "start_time", "lines", "expected"),
    [
        (TaskState.PAUSED, NOW + HOUR, [], None),
        (TaskState.WAITING, NOW + HOUR, [ALWAYS], Waiting(WaitReason.START_TIME, NOW + HOUR)),
        (TaskState.WAITING, NOW, [ALWAYS], Waiting(WaitReason.OUTSIDE_WINDOW, NOW + 9 * HOUR)),
        (TaskState.WAITING, None, [], Waiting(WaitReason.OUTSIDE_WINDOW, NOW + 9 * HOUR)),
        (TaskState.RUNNING, None, [OVER, ALWAYS], None),
        (TaskState.RUNNING, None, [Term(NOW, NOW + timedelta(microseconds=1))], None),
        (TaskState.RUNNING, None, [], Waiting(WaitReason.NO_LINE, None)),
        (TaskState.RUNNING, None, [OVER], Waiting(WaitReason.NO_LINE, None)),
        (TaskState.RUNNING, None, [LATER, OVER, SOON], Waiting(WaitReason.NO_LINE, NOW + HOUR)),
    ],
)
def test_what_a_task_waits_for(
    state: TaskState, start_time: datetime | None, lines: list[Term], expected: Waiting | None
) -> None:
    assert why_waiting(state, start_time, NOW + 9 * HOUR, lines, NOW) == expected
