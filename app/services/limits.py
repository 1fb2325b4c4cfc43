"""The limits of automatic messages, from the settings and the calendar."""

from collections.abc import Callable
from datetime import date, timedelta

from app.config import Settings
from app.domain.followup import Limits
from app.domain.windows import Window, minutes_of


def is_statutory_holiday(day: date) -> bool:
    """Tell whether a date is a Chinese statutory holiday, days moved by 调休 included.

    A year that the calendar does not know counts as closed: nothing may leave on a day that nobody knows to be open.
    """
    import chinese_calendar  # noqa: PLC0415 - slow to import, and only needed where holidays matter

    try:
        is_free, name = chinese_calendar.get_holiday_detail(day)
    except NotImplementedError:
        return True
    return bool(is_free and name is not None)


def window_of(settings: Settings, is_holiday: Callable[[date], bool] = is_statutory_holiday) -> Window:
    """Return the hours in which automatic messages may leave."""
    days: dict[int, tuple[tuple[int, int], ...]] = {}
    for entry in settings.send_window:
        ranges = tuple((minutes_of(times.begin_time), minutes_of(times.end_time)) for times in entry.times)
        days[entry.week] = days.get(entry.week, ()) + ranges
    return Window(settings.zone, days, is_holiday if settings.send_skip_holiday else None)


def limits_of(settings: Settings) -> Limits:
    """Return the limits that the follow-up rules are given."""
    return Limits(
        first_wait=timedelta(seconds=settings.first_wait_seconds),
        min_gap=timedelta(seconds=settings.min_gap_seconds),
        daily_cap=settings.daily_message_cap,
        opens_at=window_of(settings).opens_at,
    )
