"""The limits of automatic messages, from the settings and the calendar."""

from datetime import timedelta

import asyncpg

from app.config import Settings
from app.domain.calendar import Holidays
from app.domain.followup import Limits
from app.domain.windows import Window, minutes_of
from app.services import calendar
from app.services.context import Context


def window_of(settings: Settings, holidays: Holidays) -> Window:
    """Return the hours in which automatic messages may leave."""
    days: dict[int, tuple[tuple[int, int], ...]] = {}
    for entry in settings.send_window:
        ranges = tuple((minutes_of(times.begin_time), minutes_of(times.end_time)) for times in entry.times)
        days[entry.week] = days.get(entry.week, ()) + ranges
    return Window(settings.zone, days, holidays.is_holiday if settings.send_skip_holiday else None)


def limits_of(settings: Settings, holidays: Holidays) -> Limits:
    """Return the limits that the follow-up rules are given."""
    return Limits(
        first_wait=timedelta(seconds=settings.first_wait_seconds),
        min_gap=timedelta(seconds=settings.min_gap_seconds),
        daily_cap=settings.daily_message_cap,
        opens_at=window_of(settings, holidays).opens_at,
    )


async def limits_on(connection: asyncpg.Connection, settings: Settings) -> Limits:
    """Return the limits as the calendar stands now; where holidays do not matter nothing is read."""
    return limits_of(settings, await calendar.load(connection) if settings.send_skip_holiday else Holidays())


async def current_limits(context: Context) -> Limits:
    """Return the same for callers without a connection; asked for each batch."""
    if not context.settings.send_skip_holiday:
        return limits_of(context.settings, Holidays())
    async with context.database.connection() as connection:
        return await limits_on(connection, context.settings)
