"""Where the recording of a call is kept."""

import re
from datetime import UTC, datetime
from typing import Final

_JOB_ID: Final = re.compile(r"[A-Za-z0-9-]{1,64}")


def recording_key(job_id: str, created_at: datetime) -> str:
    """Return ``2026/03/05/<job id>.wav``, by the day (UTC) on which the call was made.

    Raises:
        ValueError: the job id has other characters than those of ours and might lead elsewhere.
    """
    if not _JOB_ID.fullmatch(job_id):
        raise ValueError("no job id of this service")
    return f"{created_at.astimezone(UTC):%Y/%m/%d}/{job_id}.wav"
