"""Which dates are holidays: the library's, and what was written down instead."""

from datetime import date, timedelta

import pytest

from app.domain.calendar import Holidays, Year, is_built_in

WRITTEN = Holidays(
    {
        2026: Year(frozenset({date(2026, 3, 9)}), frozenset({date(2026, 10, 1)})),
        2027: Year(frozenset({date(2027, 1, 1)}), frozenset()),
    }
)


@pytest.mark.parametrize(
    ("day", "closed"),
    [
        (date(2026, 10, 1), True),  # the national day
        (date(2026, 10, 4), True),  # a Sunday within the holiday
        (date(2026, 3, 7), False),  # a plain Saturday
        (date(2026, 2, 14), False),  # a Saturday that is worked
        (date(2026, 3, 9), False),
        (date(2027, 3, 9), True),  # nobody knows anything about the year
        (date(1999, 3, 9), True),
    ],
)
def test_the_library_alone(day: date, closed: bool) -> None:
    assert Holidays().is_holiday(day) is closed


@pytest.mark.parametrize(
    ("day", "closed"),
    [
        (date(2026, 3, 9), True),  # added
        (date(2026, 10, 1), False),  # overridden
        (date(2026, 10, 2), True),  # the library's still
        (date(2027, 1, 1), True),
        (date(2027, 1, 2), False),
        (date(2028, 1, 2), True),
    ],
)
def test_what_was_written_goes_before_the_library(day: date, closed: bool) -> None:
    assert WRITTEN.is_holiday(day) is closed


def test_what_is_known() -> None:
    assert is_built_in(2026)
    assert not is_built_in(2027)
    assert WRITTEN.is_known(2027)
    assert not Holidays().is_known(2027)
    assert WRITTEN.closed_dates(2027) == [date(2027, 1, 1)]
    assert Holidays().closed_dates(2027) == []
    every = [date(2026, 1, 1) + timedelta(days=number) for number in range(365)]
    assert Holidays().closed_dates(2026) == [day for day in every if Holidays().is_holiday(day)]
    assert len(Holidays().closed_dates(2026)) > 20


def test_a_leap_day_can_be_a_holiday() -> None:
    leap_day = date(2028, 2, 29)
    written = Holidays({2028: Year(holidays=frozenset({leap_day}))})
    assert written.closed_dates(2028) == [leap_day]
    assert len(Holidays({2028: Year(workdays=frozenset({leap_day}))}).closed_dates(2028)) == 0


@pytest.mark.parametrize(
    ("today", "missing"),
    [
        (date(2026, 10, 31), None),
        (date(2026, 11, 1), 2027),
        (date(2026, 12, 31), 2027),
        (date(2027, 1, 1), 2027),
    ],
)
def test_a_missing_year_is_named_from_november_on(today: date, missing: int | None) -> None:
    assert Holidays().missing_year(today) == missing


def test_a_year_that_was_written_is_not_missing() -> None:
    assert WRITTEN.missing_year(date(2026, 12, 1)) is None
    assert WRITTEN.missing_year(date(2027, 11, 1)) == 2028
