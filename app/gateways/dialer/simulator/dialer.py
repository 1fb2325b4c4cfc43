"""The simulator as a ``Dialer``: stories told at the time that the clock says, and the faults that were asked for."""

import asyncio
import math
from collections.abc import AsyncGenerator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from app.clock import Clock
from app.domain.calls import Action, JobStatus, Speaker, TaskStatus
from app.gateways.dialer.protocol import (
    CallRef,
    Dial,
    DialerError,
    NotPlaced,
    Placed,
    Placement,
    PlacementUnknown,
    Recording,
    Report,
    TalkLine,
    ThrottledError,
    Transcript,
)
from app.gateways.dialer.simulator.draws import Draws, identifier
from app.gateways.dialer.simulator.fates import WHIMS, Whim
from app.gateways.dialer.simulator.faults import Faults
from app.gateways.dialer.simulator.sound import sound
from app.gateways.dialer.simulator.stories import Story, made_at, story_of
from app.gateways.dialer.simulator.texts import said

_LATE_SECONDS: Final = 5
_THROTTLED_SECONDS: Final = 10
_BEGIN: Final = (Speaker.CONTACT, Action.BEGIN_DIALOGUE)
_END: Final = (Speaker.CONTACT, Action.END_DIALOGUE)


class Simulator:
    """Places nothing and tells of calls all the same; ``docs/simulator.md`` has the rules and the test numbers."""

    def __init__(self, clock: Clock, *, seed: int = 1, time_scale: float = 1.0, faults: Faults | None = None) -> None:
        self._clock = clock
        self._seed = seed
        self._time_scale = time_scale
        self._faults = faults or Faults()

    @property
    def name(self) -> str:
        """Return ``simulator``."""
        return "simulator"

    @property
    def reaches_people(self) -> bool:
        """Return False: no phone rings."""
        return False

    @property
    def time_scale(self) -> float:
        """Return how long a simulated second takes."""
        return self._time_scale

    async def place(self, dials: Sequence[Dial]) -> Sequence[Placement]:
        """Take the calls, but for those that a fault or a test number keeps from it."""
        if any(self._strikes("late", self._faults.late, dial.job_id) for dial in dials):
            await asyncio.sleep(_LATE_SECONDS * self._time_scale)
        return [self._place(dial) for dial in dials]

    async def find(self, call: CallRef) -> Placed | None:
        """Return every call that was taken, also one whose answer was lost and one that is forgotten since."""
        return self._placed(call.job_id) if self._refusal(call.job_id, call.phone) is None else None

    async def reports(self, calls: Sequence[CallRef]) -> Mapping[str, Report]:
        """Tell how calls stand at the clock's time."""
        now = self._clock.now()
        if calls:
            self._throttle(calls[0].job_id, now)
        reports = {}
        for call in calls:
            story = self._known(call)
            if story is not None:
                reports[call.job_id] = self._report(story, call, now)
        return reports

    async def transcript(self, call: CallRef) -> Transcript:
        """Tell what was said in a call that is over."""
        story = self._ended(call)
        cancelled_at = self._cancelled_at(story, call)
        if cancelled_at is not None:
            return Transcript(
                status=JobStatus.CANCELLED,
                task_status=TaskStatus.CANCELLED,
                lines=(),
                has_rung=cancelled_at > self._moment(story, story.dialled) and story.ending.has_rung,
                answered_at=None,
                ended_at=cancelled_at,
                provider_task_id=None,
                has_recording=False,
                failure="cancelled",
            )
        ending = story.ending
        return Transcript(
            status=self._status(story, self._moment(story, story.ended)),
            task_status=ending.task_status,
            lines=self._lines(story, call) if ending.is_answered else (),
            has_rung=ending.has_rung,
            answered_at=None if story.answered is None else self._moment(story, story.answered),
            ended_at=self._moment(story, story.ended),
            provider_task_id=identifier("task", self._seed, story.job_id),
            has_recording=ending.is_answered,
            failure=None if ending.is_answered else ending.task_status.name.lower(),
        )

    async def recording(self, call: CallRef) -> Recording | None:
        """Return the sound of an answered call that is over."""
        story = self._ended(call)
        if story.answered is None or self._cancelled_at(story, call) is not None:
            return None
        return Recording(_pieces(story, story.answered))

    async def cancel(self, call: CallRef) -> bool:
        """Say whether it is in time; the call is given up from ``call.cancel_requested_at`` on, once that is stored."""
        self._throttle(call.job_id, self._clock.now())
        story = self._known(call)
        return story is not None and self._clock.now() < self._too_late(story)

    async def close(self) -> None:
        """Do nothing: there is nothing to let go of."""

    def _place(self, dial: Dial) -> Placement:
        refusal = self._refusal(dial.job_id, dial.phone)
        if refusal is not None:
            return refusal
        if self._befalls(Whim.LOSE_ANSWER, self._faults.lose_answer, dial.job_id, dial.phone):
            return PlacementUnknown("the simulator lost its answer")
        return self._placed(dial.job_id)

    def _refusal(self, job_id: str, phone: str) -> NotPlaced | None:
        """Return why a call was never taken; the same whenever it is asked."""
        if made_at(job_id) is None:
            return NotPlaced("the reference does not begin with the milliseconds of its making", is_final=True)
        if self._befalls(Whim.REFUSE, self._faults.refuse, job_id, phone):
            return NotPlaced("the simulator refuses this call", is_final=True)
        if self._befalls(Whim.THROTTLE, self._faults.throttle, job_id, phone):
            return NotPlaced("the simulator takes no more calls at the moment", self._pause())
        return None

    def _placed(self, job_id: str) -> Placed:
        return Placed(identifier("job", self._seed, job_id), identifier("group", self._seed, job_id))

    def _known(self, call: CallRef) -> Story | None:
        """Return the story of a call that the provider took and has not forgotten."""
        if self._refusal(call.job_id, call.phone) is not None:
            return None
        if self._befalls(Whim.FORGET, self._faults.forget, call.job_id, call.phone):
            return None
        return story_of(self._seed, call.job_id, call.phone)

    def _ended(self, call: CallRef) -> Story:
        now = self._clock.now()
        self._throttle(call.job_id, now)
        story = self._known(call)
        if story is None:
            raise DialerError("the simulator does not know this call")
        if not self._report(story, call, now).status.is_final:
            raise DialerError("this call is not over")
        return story

    def _report(self, story: Story, call: CallRef, now: datetime) -> Report:
        cancelled_at = self._cancelled_at(story, call)
        if cancelled_at is not None and cancelled_at <= now:
            return Report(JobStatus.CANCELLED, TaskStatus.CANCELLED)
        status = self._status(story, now)
        is_answered = story.answered is not None and now >= self._moment(story, story.answered)
        return Report(
            status=status,
            task_status=story.ending.task_status if status.is_final else None,
            is_talking=is_answered and not status.is_final,
            provider_task_id=None if status is JobStatus.SCHEDULING else identifier("task", self._seed, story.job_id),
        )

    def _status(self, story: Story, now: datetime) -> JobStatus:
        if now < self._moment(story, story.dialled):
            return JobStatus.SCHEDULING
        if now < self._moment(story, story.ended):
            return JobStatus.EXECUTING
        return JobStatus.SUCCEEDED if story.ending.is_answered else JobStatus.FAILED

    def _lines(self, story: Story, call: CallRef) -> list[TalkLine]:
        words = call.variables
        known = {
            "who": _address(words.get("name") or call.name, words.get("honorific") or call.honorific or ""),
            "other": _address(words.get("otherName", ""), words.get("otherHonorific", "")),
            "agreement": words.get("agreement", "").strip(),
        }
        draws = Draws(self._seed, "words", call.job_id, call.phone)
        lines = [TalkLine(self._milliseconds(story, story.answered or 0), *_line(_BEGIN, ""))]
        for second, turn in story.turns:
            script = None if turn.line is None else said(turn.line, call.script_id, known, draws)
            lines.append(TalkLine(self._milliseconds(story, second), *_line((turn.speaker, turn.action), script)))
        lines.append(TalkLine(self._milliseconds(story, story.ended), *_line(_END, None)))
        return lines

    def _cancelled_at(self, story: Story, call: CallRef) -> datetime | None:
        asked_at = call.cancel_requested_at
        return asked_at if asked_at is not None and asked_at < self._too_late(story) else None

    def _too_late(self, story: Story) -> datetime:
        """Return until when a call can be given up: while nobody has picked up."""
        return self._moment(story, story.ended if story.answered is None else story.answered)

    def _milliseconds(self, story: Story, second: int) -> int:
        """Return a moment of a call in milliseconds since 1970; whole seconds in real time, as the provider gives."""
        exact = int(story.job_id[:13]) + second * 1000 * self._time_scale
        return math.ceil(exact / 1000) * 1000 if self._time_scale == 1 else round(exact)

    def _moment(self, story: Story, second: int) -> datetime:
        delay = self._milliseconds(story, second) - int(story.job_id[:13])
        return story.begins_at + timedelta(milliseconds=delay)

    def _throttle(self, job_id: str, now: datetime) -> None:
        if self._strikes("throttle", self._faults.throttle, job_id, now):
            raise ThrottledError("the simulator is asked too often", self._pause())

    def _pause(self) -> int:
        return max(1, round(_THROTTLED_SECONDS * self._time_scale))

    def _befalls(self, whim: Whim, share: float, job_id: str, phone: str) -> bool:
        return WHIMS.get(phone[-4:]) is whim or self._strikes(whim, share, job_id)

    def _strikes(self, fault: str, share: float, *parts: object) -> bool:
        return share > 0 and Draws(self._seed, "fault", fault, *parts).share() < share


def _line(who_does_what: tuple[Speaker, Action], script: str | None) -> tuple[Speaker, str | None, Action]:
    speaker, action = who_does_what
    return speaker, script, action


def _address(name: str, honorific: str) -> str:
    """Put name and form of address together; names often come with it."""
    name, honorific = name.strip(), honorific.strip()
    return name if name.endswith(honorific) or not name else name + honorific


async def _pieces(story: Story, answered: int) -> AsyncGenerator[bytes, None]:
    for piece in sound(story.turns, answered, story.ended):
        yield piece
