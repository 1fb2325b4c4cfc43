"""Calls put together into requests: jobs as OutboundBot wants them, and how many of them go into one request."""

import json
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import quote

import phonenumbers

from app.gateways.dialer.protocol import CallRef, Dial

MAX_JOBS: Final = 25
"""What Alibaba Cloud recommends for one AssignJobs."""
MAX_LISTED: Final = 99
_MAX_ENCODED: Final = 7000
"""Bytes of jobs in one request. They travel in the URL, and servers commonly take 8 KB of it."""
_HOME: Final = 86


def job_json(dial: Dial) -> str:
    """Write a call as an entry of ``JobsJson``."""
    contact = {
        "phoneNumber": local_number(dial.phone),
        "name": dial.name,
        "honorific": dial.honorific,
        "role": dial.role,
        "referenceId": dial.job_id,
    }
    job = {
        "contacts": [{key: value for key, value in contact.items() if value is not None}],
        "extras": [{"key": key, "value": value} for key, value in dial.variables.items()],
    }
    return json.dumps(job, ensure_ascii=False, separators=(",", ":"))


def too_long(dial: Dial) -> str | None:
    """Return what is wrong with a call whose job fits into no request, or None; lengths only, no text of anybody's."""
    length = _encoded(job_json(dial))
    if length <= _MAX_ENCODED:
        return None
    name, text = max(dial.variables.items(), key=lambda variable: len(variable[1]), default=("name", dial.name))
    return (
        f"{name} 太长,无法发给服务商 (the call's longest text, {name}, has {len(text)} characters; the call takes "
        f"{length} bytes of the request, and {_MAX_ENCODED} fit)"
    )


def _encoded(job: str) -> int:
    return len(quote(job, safe=""))


def local_number(phone: str) -> str:
    """Return a number as it is dialled inside China; another country's stays E.164."""
    try:
        number = phonenumbers.parse(phone)
    except phonenumbers.NumberParseException:
        return phone
    if number.country_code != _HOME:
        return phone
    written = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.NATIONAL)
    return "".join(filter(str.isdigit, written))


def batches(dials: Sequence[Dial]) -> Iterator[list[tuple[Dial, str]]]:
    """Cut calls into requests, each call with its job; ``too_long`` says which must not be among them."""
    batch: list[tuple[Dial, str]] = []
    size = 0
    for dial in dials:
        job = job_json(dial)
        length = _encoded(job)
        if batch and (len(batch) == MAX_JOBS or size + length > _MAX_ENCODED):
            yield batch
            batch, size = [], 0
        batch.append((dial, job))
        size += length
    if batch:
        yield batch


def listed(calls: Sequence[CallRef]) -> Iterator[tuple[str, Sequence[CallRef]]]:
    """Cut calls into questions of at most 99, each about one instance."""
    by_instance: dict[str, list[CallRef]] = {}
    for call in calls:
        if call.provider_job_id is not None:
            by_instance.setdefault(call.instance_id, []).append(call)
    for instance_id, own in by_instance.items():
        for start in range(0, len(own), MAX_LISTED):
            yield instance_id, own[start : start + MAX_LISTED]


def strategy_json(now: datetime, life: timedelta, latest: datetime | None = None) -> str:
    """Write the strategy of a group: at once, one attempt, none when we have given the calls up or from latest on."""
    end = now + life if latest is None else min(now + life, latest)
    return json.dumps(
        {
            "repeatBy": "Once",
            "maxAttemptsPerDay": 1,
            "minAttemptInterval": int(life.total_seconds() // 60),
            "startTime": int(now.timestamp() * 1000),
            "endTime": int(end.timestamp() * 1000),
        }
    )
