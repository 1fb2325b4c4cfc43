"""Keys, signed links and ranges of recordings."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.recordings import LinkState, Span, Unsatisfiable, judge_link, read_range, recording_key, sign_link

NOW = datetime(2026, 3, 5, 10, 30, tzinfo=UTC)
JOB = "1772706600471-447e-96ea-97523c61189b"
ENDS = int(NOW.timestamp()) + 60


def test_key_is_by_day_in_utc() -> None:
    shanghai = timezone(timedelta(hours=8))
    assert recording_key(JOB, datetime(2026, 3, 6, 1, 0, tzinfo=shanghai)) == f"2026/03/05/{JOB}.wav"


@pytest.mark.parametrize("job_id", ["", "..", "../x", "a/b", "a\\b", "a.b", "a\0", "电话", "a b", "a\n", "x" * 65])
def test_what_is_no_job_id_gets_no_key(job_id: str) -> None:
    with pytest.raises(ValueError, match="no job id"):
        recording_key(job_id, NOW)


def test_link_is_good_until_its_end_and_then_expired() -> None:
    signature = sign_link("key", JOB, ENDS)
    assert len(signature) == 43
    for seconds, state in (
        (0, LinkState.GOOD),
        (59, LinkState.GOOD),
        (60, LinkState.EXPIRED),
        (9999, LinkState.EXPIRED),
    ):
        assert judge_link("key", JOB, str(ENDS), signature, NOW + timedelta(seconds=seconds)) is state


@pytest.mark.parametrize(
    ("key", "job_id", "expires"),
    [
        ("other", JOB, str(ENDS)),
        ("key", JOB[:-1], str(ENDS)),
        ("key", JOB, str(ENDS + 1)),
        ("key", JOB, f"0{ENDS}"),
        ("key", JOB, f" {ENDS}"),
        ("key", JOB, f"{ENDS}\n6"),
        ("key", JOB, "-1"),
        ("key", JOB, ""),
        ("key", JOB, "9" * 4000),
        ("key", JOB, "١٢"),
    ],
)
def test_link_that_was_changed_is_forged(key: str, job_id: str, expires: str) -> None:
    signature = sign_link("key", JOB, ENDS)
    assert judge_link(key, job_id, expires, signature, NOW) is LinkState.FORGED


@pytest.mark.parametrize(
    "signature", ["", "x", "签名", sign_link("key", JOB, ENDS) + "=", sign_link("key", JOB, ENDS)[1:]]
)
def test_wrong_signature_is_forged_also_after_the_end(signature: str) -> None:
    for seconds in (0, 100):
        assert judge_link("key", JOB, str(ENDS), signature, NOW + timedelta(seconds=seconds)) is LinkState.FORGED


@pytest.mark.parametrize(
    ("header", "span"),
    [
        (None, None),
        ("", None),
        ("bytes=0-0", Span(0, 1)),
        ("bytes=0-99", Span(0, 100)),
        ("bytes=0-100", Span(0, 100)),
        ("bytes=0-999999999", Span(0, 100)),
        ("bytes=40-", Span(40, 100)),
        ("bytes=99-", Span(99, 100)),
        ("bytes=-1", Span(99, 100)),
        ("bytes=-1000", Span(0, 100)),
        ("BYTES=1-2", Span(1, 3)),
        ("bytes= 1-2 ", Span(1, 3)),
        ("bytes=5-4", None),
        ("bytes=-", None),
        ("bytes=a-b", None),
        ("bytes=0-1,5-6", None),
        ("bytes=0--1", None),
        ("lines=0-1", None),
        ("bytes", None),
        ("bytes=٠-٩", None),
        ("bytes=0-9999999999999999999999", None),
    ],
)
def test_ranges_of_a_hundred_bytes(header: str | None, span: Span | None) -> None:
    assert read_range(header, 100) == span


@pytest.mark.parametrize(
    ("header", "size"),
    [("bytes=100-", 100), ("bytes=100-200", 100), ("bytes=-0", 100), ("bytes=0-", 0), ("bytes=-1", 0)],
)
def test_ranges_that_are_not_there(header: str, size: int) -> None:
    with pytest.raises(Unsatisfiable):
        read_range(header, size)


@given(st.text(max_size=30) | st.from_regex(r"bytes=\d{0,3}-\d{0,3}", fullmatch=True), st.integers(0, 300))
def test_a_range_never_leaves_the_file(header: str, size: int) -> None:
    try:
        span = read_range(header, size)
    except Unsatisfiable:
        return
    assert span is None or 0 <= span.start < span.end <= size
    if span is not None:
        assert span.content_range(size) == f"bytes {span.start}-{span.start + span.length - 1}/{size}"
