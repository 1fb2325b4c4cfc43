"""Links that carry their own proof: a call's id and an end, signed with a key that never leaves the service."""

import base64
import hashlib
import hmac
from datetime import datetime
from enum import StrEnum, auto


class LinkState(StrEnum):
    """What a link is worth."""

    GOOD = auto()
    EXPIRED = auto()
    """It was good, and is not any more."""
    FORGED = auto()


def sign_link(key: str, job_id: str, expires: int) -> str:
    """Return the signature over a job id and the second since 1970 from which on it is worth nothing: 43 characters."""
    mac = hmac.new(key.encode(), f"recording\n{job_id}\n{expires}".encode(), hashlib.sha256)
    return base64.urlsafe_b64encode(mac.digest()).rstrip(b"=").decode()


def judge_link(key: str, job_id: str, expires: str, signature: str, now: datetime) -> LinkState:
    """Judge a link; ``expires`` and ``signature`` as they came. Only a right signature is told that time is up."""
    if not (expires.isascii() and expires.isdigit()) or expires != str(int(expires[:12])):
        return LinkState.FORGED
    expected = sign_link(key, job_id, int(expires))
    if not hmac.compare_digest(expected.encode(), signature.encode()):
        return LinkState.FORGED
    return LinkState.GOOD if now.timestamp() < int(expires) else LinkState.EXPIRED
