"""Calls in tests: a provider that does as it is told, steps through simulated time, what stands in the tables."""

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import httpx2

from app.clock import ManualClock
from app.domain.calls import Action, JobStatus, Speaker, TaskStatus
from app.gateways.dialer import (
    CallRef,
    Dial,
    DialerError,
    Placed,
    Placement,
    Recording,
    Report,
    TalkLine,
    Transcript,
)
from app.services.calls.caller import Caller

CALL = "/api/v1/outbound-bot/call-v2"


class ScriptedDialer:
    """A provider outside: everything it does is said by the test; what it took it knows, and counts."""

    def __init__(self) -> None:
        self.reaches_people = False
        self.time_scale = 1.0
        self.name = "simulator"
        self.dials: list[Dial] = []
        self.known: dict[str, Dial] = {}
        self.placements: deque[Placement | Exception] = deque()
        """What comes next, one per call; a plain ``Placed`` after that."""
        self.on_place: Callable[[Dial], None] = lambda _dial: None
        self.before_place: Callable[[], Any] | None = None
        self.fates: dict[str, Transcript] = {}
        """By phone; a call without one goes on ringing."""
        self.talking: set[str] = set()
        self.report_errors: deque[DialerError] = deque()
        self.find_errors: deque[DialerError] = deque()
        self.cancelled: list[str] = []
        self.asked: Counter[str] = Counter()
        self.questions: list[int] = []
        self.transcripts: Counter[str] = Counter()
        self.wait_for: asyncio.Event | None = None

    async def place(self, dials: Sequence[Dial]) -> Sequence[Placement]:
        if self.before_place is not None:
            await self.before_place()
        return [self._place(dial) for dial in dials]

    def _place(self, dial: Dial) -> Placement:
        self.on_place(dial)
        self.dials.append(dial)
        answer = self.placements.popleft() if self.placements else Placed(f"job-{dial.job_id}", "group-1")
        if isinstance(answer, Exception):
            self.known[dial.job_id] = dial
            raise answer
        if isinstance(answer, Placed):
            self.known[dial.job_id] = dial
        return answer

    async def find(self, call: CallRef) -> Placed | None:
        if self.find_errors:
            raise self.find_errors.popleft()
        return Placed(f"job-{call.job_id}", "group-1") if call.job_id in self.known else None

    async def reports(self, calls: Sequence[CallRef]) -> Mapping[str, Report]:
        if self.wait_for is not None:
            await self.wait_for.wait()
        self.questions.append(len(calls))
        if self.report_errors:
            raise self.report_errors.popleft()
        self.asked.update(call.job_id for call in calls)
        return {call.job_id: self._report(call) for call in calls if call.job_id in self.known}

    def _report(self, call: CallRef) -> Report:
        fate = self.fates.get(call.phone)
        if fate is not None:
            return Report(fate.status, fate.task_status)
        return Report(JobStatus.EXECUTING, is_talking=call.phone in self.talking)

    async def transcript(self, call: CallRef) -> Transcript:
        self.transcripts[call.job_id] += 1
        return self.fates[call.phone]

    async def recording(self, call: CallRef) -> Recording | None:  # noqa: ARG002 - it has none
        return None

    async def cancel(self, call: CallRef) -> bool:
        self.cancelled.append(call.job_id)
        return True

    async def close(self) -> None:
        return None


def ended(
    task_status: TaskStatus | None,
    *,
    spoke: bool = False,
    ended_at: datetime | None = None,
    status: JobStatus | None = None,
    rang: bool = True,
) -> Transcript:
    """Return how a call ended; ``spoke``: the contact said something."""
    is_connected = task_status is not None and task_status >= TaskStatus.SUCCEEDED_FINISH
    lines = [TalkLine(1, Speaker.CONTACT, "", Action.BEGIN_DIALOGUE)] if is_connected else []
    if spoke:
        lines.append(TalkLine(2, Speaker.CONTACT, "是的", Action.DIALOGUE))
    return Transcript(
        status=status or (JobStatus.SUCCEEDED if is_connected else JobStatus.FAILED),
        task_status=task_status,
        lines=lines,
        has_rung=rang,
        answered_at=None,
        ended_at=ended_at,
        provider_task_id="task-1",
        has_recording=is_connected,
    )


REACHED = ended(TaskStatus.SUCCEEDED_FINISH, spoke=True)
NO_ANSWER = ended(TaskStatus.NO_ANSWER)
LINE_FAULT = ended(TaskStatus.HIGH_RISK_SIP_CODE)


async def call(
    client: httpx2.AsyncClient,
    case: dict[str, Any],
    *,
    auto: int = 0,
    person: str = "",
    key: str | None = None,
) -> list[dict[str, Any]]:
    """Post call-v2 and return its items."""
    answer = await client.post(CALL, json=body(case, auto=auto, person=person), headers=headers(key))
    assert answer.status_code == 201, answer.text
    document = answer.json()
    assert (document["code"], document["message"]) == (201, "外呼请求处理完成")
    items: list[dict[str, Any]] = document["data"]
    return items


def body(case: dict[str, Any], *, auto: int = 0, person: str = "") -> dict[str, Any]:
    """Return the body of call-v2."""
    return {
        "caseId": case["caseId"],
        "mediationId": str(case["mediationId"]),
        "callAuto": auto,
        "callPersonId": person,
    }


def headers(key: str | None) -> dict[str, str]:
    """Return the headers that carry an idempotency key."""
    return {} if key is None else {"Idempotency-Key": key}


async def pass_time(caller: Caller, clock: ManualClock, seconds: float, step: float = 5.0) -> None:
    """Let time pass in steps and do what is due at each."""
    passed = 0.0
    while passed < seconds:
        passed += step
        clock.advance(timedelta(seconds=min(step, seconds - passed + step)))
        await caller.drain()
