"""Two call tasks as their rows stand, and what is fixed about them: phones, lines, rules, hours, how calls may end."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from app.domain.calendar import Holidays
from app.domain.tasks import Detail, Plan, RedialDay, at_times, own_plan, rule_plan
from app.domain.windows import Bounded, Window

ZONE = ZoneInfo("Asia/Shanghai")
BEGIN = datetime(2026, 8, 25, 1, 0, tzinfo=UTC)
END = BEGIN + timedelta(days=90)
NATIONAL_DAYS = {date(2026, 10, day) for day in range(1, 8)}
OWN_HOLIDAY = date(2026, 8, 27)
PAUSE = timedelta(minutes=30)
DAY = timedelta(hours=24)
NEVER = datetime(1970, 1, 1, tzinfo=UTC)
CAP, MOST_REDIALS = 20, 50
"""A high cap, so that the fifty redials are reached."""
PHONES = ("+8613800000001", "+8613800000002", "+8613800000003", "+8613800000001", "110")
"""Of the numbers of each task; the first stands in it twice, and in both tasks."""
NO_ANSWER, BUSY, INTERCEPTED, TALK, SHIELDED = 4, 8, 2, 1, 12
TIMES = {5: ["9:30", "22:00"], 1: ["10:00"]}
"""Redials of the rule with times: on Fridays (once outside the hours) and Mondays."""
SLOTS = {"a": 3, "b": 1}
LINES = {0: ("a", "b"), 1: ("a",)}

ENDS = {
    "nobody": (NO_ANSWER, True),
    "busy": (BUSY, True),
    "talk": (TALK, True),
    "refusal": (TALK, True),
    "shielded": (SHIELDED, True),
    "forgotten": (0, True),
    "cancelled": (0, False),
    "intercepted": (INTERCEPTED, False),
    "fault": (0, False),
    "not taken": (0, False),
}
"""How a call ends → number status, and whether it counts."""
TALKS = {"talk", "refusal"}
"""What has to be read before anybody is called again; who refused is protected by whoever reads it."""


@dataclass(slots=True)
class Number:
    """A number of a task, as its row stands."""

    phone: str
    state: str = "waiting"
    due_at: datetime | None = NEVER
    redials: dict[str, int] = field(default_factory=dict)
    faults: int = 0
    failures: int = 0


@dataclass(slots=True)
class Task:
    """A task, as its row stands."""

    plan: Plan
    most: int
    window: Bounded
    numbers: list[Number]
    is_started: bool = True


@dataclass(slots=True)
class Call:
    """An attempt; of a mediation where it has no task."""

    phone: str
    line: str | None
    task: int | None
    number: int | None
    at: datetime
    ended_at: datetime | None = None
    how: str | None = None
    is_unread: bool = False

    @property
    def is_counted(self) -> bool:
        return self.how is None or ENDS[self.how][1]


def plans() -> list[Plan]:
    days = [RedialDay(week, times) for week, times in TIMES.items()]
    greedy = [Detail(NO_ANSWER, 50), Detail(BUSY, 50)]
    return [
        rule_plan(greedy, lambda ended_at: ended_at + PAUSE),
        rule_plan([Detail(NO_ANSWER, 3)], at_times(days, ZONE)),
        own_plan({NO_ANSWER, BUSY}, 4, PAUSE),
    ]


WINDOW = Window(
    ZONE,
    dict.fromkeys(range(7), ((9 * 60, 12 * 60), (13 * 60, 21 * 60))),
    lambda day: day == OWN_HOLIDAY or Holidays().is_holiday(day),
)
