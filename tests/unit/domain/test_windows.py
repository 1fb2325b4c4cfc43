"""Permitted hours: days of the week, midnight, holidays, clocks that jump."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.windows import Bounded, Range, Window, minutes_of

SHANGHAI = ZoneInfo("Asia/Shanghai")
NEW_YORK = ZoneInfo("America/New_York")
EVERY_DAY = range(7)


def window(times: dict[int, list[str]], zone: ZoneInfo = SHANGHAI, holidays: set[date] | None = None) -> Window:
    """Return the window of ``{day of the week (0 is Sunday): ["9:00-18:00"]}``."""
    days: dict[int, tuple[Range, ...]] = {}
    for day, ranges in times.items():
        pairs = (entry.split("-") for entry in ranges)
        days[day] = tuple((minutes_of(begin), minutes_of(end)) for begin, end in pairs)
    return Window(zone, days, None if holidays is None else holidays.__contains__)


def daily(*times: str, zone: ZoneInfo = SHANGHAI, holidays: set[date] | None = None) -> Window:
    """Return a window with the same hours every day."""
    return window({day: list(times) for day in EVERY_DAY}, zone, holidays)


def local(text: str, zone: ZoneInfo = SHANGHAI, fold: int = 0) -> datetime:
    """Return a local time, given without a zone, in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=zone, fold=fold).astimezone(UTC)


@pytest.mark.parametrize(
    ("clock_time", "expected"),
    [("0:00", 0), ("00:00", 0), ("9:05", 545), ("09:05", 545), ("23:59", 1439), ("24:00", 1440)],
)
def test_clock_times_padded_or_not(clock_time: str, expected: int) -> None:
    assert minutes_of(clock_time) == expected


def test_without_any_hours_it_is_always_open() -> None:
    now = local("2026-03-05 03:00")
    assert Window(SHANGHAI, {}).opens_at(now) is now


# 2026-03-05 is a Thursday.
@pytest.mark.parametrize(
    ("now", "expected"),
    [
        pytest.param("2026-03-05 08:59:59.999999", "2026-03-05 09:00", id="just before"),
        pytest.param("2026-03-05 09:00", "2026-03-05 09:00", id="the beginning belongs to it"),
        pytest.param("2026-03-05 11:59:59.999999", "2026-03-05 11:59:59.999999", id="inside"),
        pytest.param("2026-03-05 12:00", "2026-03-05 14:00", id="the end does not"),
        pytest.param("2026-03-05 13:00", "2026-03-05 14:00", id="between two ranges, given in any order"),
        pytest.param("2026-03-05 18:00", "2026-03-06 09:00", id="after the last one"),
    ],
)
def test_several_ranges_a_day(now: str, expected: str) -> None:
    assert daily("14:00-18:00", "9:00-12:00").opens_at(local(now)) == local(expected)


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        pytest.param("2026-03-08 12:00", "2026-03-08 12:00", id="Sunday is 0"),
        pytest.param("2026-03-08 21:00", "2026-03-09 09:00", id="Monday is 1"),
        pytest.param("2026-03-09 18:00", "2026-03-15 10:00", id="the next Sunday"),
        pytest.param("2026-03-05 12:00", "2026-03-08 10:00", id="days that are not named are closed"),
    ],
)
def test_days_of_the_week(now: str, expected: str) -> None:
    assert window({0: ["10:00-20:00"], 1: ["9:00-18:00"]}).opens_at(local(now)) == local(expected)


def test_the_day_is_the_local_one() -> None:
    monday_morning = datetime(2026, 3, 8, 23, 30, tzinfo=UTC)  # Sunday in UTC, Monday in Shanghai
    assert window({1: ["7:00-8:00"]}).opens_at(monday_morning) == monday_morning
    assert window({0: ["23:00-24:00"]}).opens_at(monday_morning) == local("2026-03-15 23:00")


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        ("2026-03-05 23:59:59.999999", "2026-03-05 23:59:59.999999"),
        ("2026-03-06 00:00", "2026-03-06 00:00"),
        ("2026-03-06 02:00", "2026-03-06 22:00"),
    ],
)
def test_a_night_is_two_ranges_that_meet_at_midnight(now: str, expected: str) -> None:
    assert daily("22:00-24:00", "0:00-2:00").opens_at(local(now)) == local(expected)


def test_midnight_as_an_end_is_the_next_days_beginning() -> None:
    thursday = window({4: ["18:00-24:00"]})
    assert thursday.opens_at(local("2026-03-05 23:59")) == local("2026-03-05 23:59")
    assert thursday.opens_at(local("2026-03-06 00:00")) == local("2026-03-12 18:00")


@pytest.mark.parametrize(
    "times", [{}, {day: ["9:00-9:00"] for day in EVERY_DAY}, {day: ["18:00-9:00"] for day in EVERY_DAY}, {1: []}]
)
def test_hours_that_never_come(times: dict[int, list[str]]) -> None:
    closed = window(times or {0: []})
    assert closed.opens_at(local("2026-03-05 12:00")) is None


def test_holidays_are_closed() -> None:
    may = {date(2026, 5, day) for day in range(1, 6)}
    hours = daily("9:00-18:00", holidays=may)
    assert hours.opens_at(local("2026-04-30 12:00")) == local("2026-04-30 12:00")
    assert hours.opens_at(local("2026-04-30 18:00")) == local("2026-05-06 09:00")
    assert hours.opens_at(local("2026-05-03 12:00")) == local("2026-05-06 09:00")


def test_a_leap_day_is_a_day() -> None:
    hours = daily("9:00-18:00")
    assert hours.opens_at(local("2028-02-28 18:00")) == local("2028-02-29 09:00")
    assert hours.closes_at(local("2028-02-29 12:00")) == local("2028-02-29 18:00")
    assert hours.opens_at(local("2028-02-29 18:00")) == local("2028-03-01 09:00")
    closed = daily("9:00-18:00", holidays={date(2028, 2, 29)})
    assert closed.opens_at(local("2028-02-28 18:00")) == local("2028-03-01 09:00")
    tuesdays = window({2: ["9:00-18:00"]})
    assert tuesdays.opens_at(local("2028-02-23 09:00")) == local("2028-02-29 09:00")


def test_with_holidays_alone_every_other_day_is_open_around_the_clock() -> None:
    hours = window({}, holidays={date(2026, 5, 1)})
    assert hours.opens_at(local("2026-04-30 23:59")) == local("2026-04-30 23:59")
    assert hours.opens_at(local("2026-05-01 00:00")) == local("2026-05-02 00:00")


def test_holidays_without_an_end_are_never_open() -> None:
    assert Window(SHANGHAI, {}, lambda _day: True).opens_at(local("2026-03-05 12:00")) is None


# In New York the clock jumps from 2:00 to 3:00 on 2026-03-08, and from 2:00 back to 1:00 on 2026-11-01.
@pytest.mark.parametrize(
    ("times", "now", "expected"),
    [
        pytest.param("9:00-18:00", "2026-03-07 18:00", "2026-03-08 09:00", id="a night of 23 - 9 hours"),
        pytest.param("9:00-18:00", "2026-10-31 18:00", "2026-11-01 09:00", id="a night of 25 - 9 hours"),
        pytest.param("1:00-4:00", "2026-03-08 03:30", "2026-03-08 03:30", id="after the jump"),
        pytest.param("1:00-4:00", "2026-03-08 04:00", "2026-03-09 01:00", id="it ends by the new time"),
        pytest.param("2:00-3:00", "2026-03-08 01:30", "2026-03-09 02:00", id="an hour that does not exist"),
        pytest.param("2:15-2:45", "2026-03-08 03:20", "2026-03-09 02:15", id="part of an hour that does not exist"),
        pytest.param("1:00-2:30", "2026-03-08 03:15", "2026-03-09 01:00", id="an end that does not exist"),
    ],
)
def test_clocks_that_jump(times: str, now: str, expected: str) -> None:
    hours = daily(times, zone=NEW_YORK)
    assert hours.opens_at(local(now, NEW_YORK)) == local(expected, NEW_YORK)


def test_an_hour_that_comes_twice() -> None:
    hours = daily("1:00-2:00", zone=NEW_YORK)
    first, second = local("2026-11-01 01:30", NEW_YORK), local("2026-11-01 01:30", NEW_YORK, fold=1)
    assert hours.opens_at(first) == first
    assert hours.opens_at(second) == second
    assert second - first == timedelta(hours=1)
    assert hours.opens_at(local("2026-11-01 02:00", NEW_YORK)) == local("2026-11-02 01:00", NEW_YORK)


RANGES = st.lists(
    st.tuples(st.integers(0, 1439), st.integers(0, 1440)).map(lambda pair: (min(pair), max(pair))), max_size=3
).map(tuple)
DAYS = st.dictionaries(st.integers(0, 6), RANGES, max_size=7)
CLOSED_DATES = st.frozensets(st.dates(date(2026, 3, 1), date(2026, 3, 20)), max_size=5)
ZONES = st.sampled_from([SHANGHAI, ZoneInfo("UTC"), ZoneInfo("Asia/Kathmandu"), ZoneInfo("Pacific/Kiritimati")])


def is_open(hours: Window, moment: datetime) -> bool:
    """Read the rule straight: the local day and minute stand in a range, and the day is no holiday."""
    wall = moment.astimezone(hours.zone)
    if hours.is_holiday is not None and hours.is_holiday(wall.date()):
        return False
    if not hours.days:
        return True
    minute = wall.hour * 60 + wall.minute
    return any(begin <= minute < end for begin, end in hours.days.get((wall.weekday() + 1) % 7, ()))


@given(days=DAYS, zone=ZONES, holidays=CLOSED_DATES, minutes=st.integers(0, 14 * 24 * 60))
def test_the_first_open_moment_is_open_and_nothing_before_it_is(
    days: dict[int, tuple[Range, ...]], zone: ZoneInfo, holidays: frozenset[date], minutes: int
) -> None:
    hours = Window(zone, days, holidays.__contains__)
    now = datetime(2026, 3, 5, tzinfo=UTC) + timedelta(minutes=minutes)
    opening = hours.opens_at(now)
    assert (opening == now) == is_open(hours, now)
    if opening is None:
        assert not any(begin < end for ranges in days.values() for begin, end in ranges)
        return
    assert opening >= now
    assert is_open(hours, opening)
    assert hours.opens_at(opening) == opening
    closed = range(0, int((opening - now).total_seconds() // 60), 7)
    assert not any(is_open(hours, now + timedelta(minutes=minute)) for minute in closed)


@pytest.mark.parametrize(
    ("times", "now", "expected"),
    [
        pytest.param(["9:00-12:00", "14:00-18:00"], "2026-03-05 11:59", "2026-03-05 12:00", id="the range it lies in"),
        pytest.param(["9:00-12:00", "12:00-18:00"], "2026-03-05 11:59", "2026-03-05 18:00", id="touching ones are one"),
        pytest.param(["9:00-15:00", "12:00-18:00"], "2026-03-05 13:00", "2026-03-05 18:00", id="and overlapping ones"),
        pytest.param(["22:00-24:00", "0:00-2:00"], "2026-03-05 23:00", "2026-03-06 02:00", id="over midnight"),
        pytest.param(["9:00-12:00"], "2026-03-05 12:00", "2026-03-05 12:00", id="closed already"),
    ],
)
def test_when_the_hours_end(times: list[str], now: str, expected: str) -> None:
    assert daily(*times).closes_at(local(now)) == local(expected)


def test_what_never_closes_has_no_end() -> None:
    now = local("2026-03-05 03:00")
    assert Window(SHANGHAI, {}).closes_at(now) is None
    assert daily("0:00-24:00").closes_at(now) is None
    holiday = daily("0:00-24:00", holidays={date(2026, 3, 7)})
    assert holiday.closes_at(now) == local("2026-03-07 00:00"), "a holiday ends them"


def test_a_window_that_counts_for_a_time_only() -> None:
    days = dict.fromkeys(range(7), ((9 * 60, 12 * 60),))
    zone = ZoneInfo("Asia/Shanghai")
    window = Window(zone, days)

    def local(day: int, hour: int) -> datetime:
        return datetime(2026, 3, day, hour, tzinfo=zone)

    bounded = Bounded(window, local(5, 10), local(7, 11))
    assert bounded.opens_at(local(4, 10)) == local(5, 10)
    assert bounded.opens_at(local(5, 13)) == local(6, 9)
    assert bounded.opens_at(local(7, 10)) == local(7, 10)
    assert bounded.opens_at(local(7, 11)) is None
    assert bounded.closes_at(local(6, 10)) == local(6, 12)
    assert bounded.closes_at(local(7, 10)) == local(7, 11)
    assert Bounded(window).opens_at(local(5, 13)) == local(6, 9)
    always = Bounded(Window(zone, {}))
    assert always.opens_at(local(5, 13)) == local(5, 13)
    assert always.closes_at(local(5, 13)) is None
