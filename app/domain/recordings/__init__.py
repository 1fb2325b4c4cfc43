"""Recordings of calls: where one is kept, links that prove themselves, ranges of bytes."""

from app.domain.recordings.keys import recording_key
from app.domain.recordings.links import LinkState, judge_link, sign_link
from app.domain.recordings.ranges import Span, Unsatisfiable, read_range

__all__ = ["LinkState", "Span", "Unsatisfiable", "judge_link", "read_range", "recording_key", "sign_link"]
