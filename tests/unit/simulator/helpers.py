"""Calls that are asked about, and the world at any moment."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from app.clock import ManualClock
from app.domain.calls import JobStatus
from app.gateways.dialer import (
    CallRef,
    Dial,
    Transcript,
)
from app.gateways.dialer.simulator import Simulator
from app.gateways.dialer.simulator.stories import MAX_SECONDS

START = datetime(2026, 3, 5, 10, 30, tzinfo=UTC)
LONG = timedelta(seconds=MAX_SECONDS)
SCRIPTS = ("willingness", "verification", "proposal", "agreement", "follow_up", "another")


def call(number: int = 1, phone: str = "+8613800009001", **fields: Any) -> CallRef:
    given: dict[str, Any] = {
        "job_id": f"{int(START.timestamp() * 1000) + number}-4d90-ab26-a10656d79a73",
        "phone": phone,
        "instance_id": "simulator",
        "provider_job_id": None,
        "job_group_id": None,
        "provider_task_id": None,
        "created_at": START,
        "placed_at": START,
        "script_id": "follow_up",
        "name": "周明远",
        "honorific": "先生",
        "variables": {"agreement": "5月31日前一次性支付 3200 元。", "otherName": "何小舟", "otherHonorific": "女士"},
    }
    return CallRef(**given | fields)


def dial(ref: CallRef) -> Dial:
    return Dial(ref.job_id, ref.phone, ref.instance_id, ref.script_id, ref.name, ref.honorific, variables=ref.variables)


def at(moment: datetime, **fields: Any) -> Simulator:
    return Simulator(ManualClock(moment), **fields)


async def told(ref: CallRef, **fields: Any) -> Transcript:
    return await at(START + LONG, **fields).transcript(ref)


async def courses(
    ref: CallRef, simulator: Simulator, clock: ManualClock, step: timedelta
) -> Sequence[tuple[JobStatus, bool]]:
    seen: list[tuple[JobStatus, bool]] = []
    while True:
        report = (await simulator.reports([ref]))[ref.job_id]
        if not seen or seen[-1] != (report.status, report.is_talking):
            seen.append((report.status, report.is_talking))
        if report.status.is_final:
            return seen
        clock.advance(step)
