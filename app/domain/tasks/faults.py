"""What is wrong with something that was given, and where."""

from typing import Final, NamedTuple, TypeAlias

Place: TypeAlias = tuple[str | int, ...]
"""The way to a value: ``("content", 0, "times", 1)``."""
DAYS_OF_WEEK: Final = range(7)
"""0 is Sunday."""


class Fault(NamedTuple):
    """Where the first mistake stands, and what to do about it."""

    place: Place
    message: str


def padded(clock_time: str) -> str:
    """Return ``H:MM`` as ``HH:MM``, so that times compare as texts."""
    return clock_time.zfill(5)


def week_fault(place: Place, week: int, earlier: set[int]) -> Fault | None:
    """Check a day of the week, 0 (Sunday) to 6, and that it did not come before; adds it to ``earlier``."""
    if week not in DAYS_OF_WEEK:
        return Fault(place, "week 须为 0(周日)至 6 (week must be 0, Sunday, to 6)")
    if week in earlier:
        return Fault(place, f"week {week} 重复,请合并到同一项 (week {week} is there twice, put its times together)")
    earlier.add(week)
    return None
