"""The times that tests of a gateway reckon with."""

from datetime import UTC, datetime, timedelta

HOUR = timedelta(hours=1)
SECOND = timedelta(seconds=1)
MOMENT = timedelta(microseconds=1)
TIMEOUT_SECONDS = 2.0
START = datetime.now(UTC).replace(microsecond=0)
