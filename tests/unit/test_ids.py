"""Identifiers that must not be guessed or repeated."""

import uuid

from app.ids import RandomIds


def test_many_uuids_are_random_ones_of_version_4() -> None:
    drawn = RandomIds().uuids(5000)
    assert len(set(drawn)) == 5000
    found = [uuid.UUID(digits) for digits in drawn]
    assert [one.hex for one in found] == drawn, "32 digits in lower case"
    assert {(one.version, one.variant) for one in found} == {(4, uuid.RFC_4122)}
    # Each of the other 122 bits is sometimes set and sometimes not.
    ever, always = 0, (1 << 128) - 1
    for one in found:
        ever, always = ever | one.int, always & one.int
    fixed = uuid.UUID("00000000-0000-4000-8000-000000000000").int
    free = uuid.UUID("ffffffff-ffff-0fff-3fff-ffffffffffff").int
    assert (always, ever) == (fixed, free | fixed)


def test_none_are_none() -> None:
    assert RandomIds().uuids(0) == []
