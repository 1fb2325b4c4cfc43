"""What every provider of calls can do, and the values that travel to and from it."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from app.domain.calls import Action, JobStatus, Speaker, TaskStatus


@dataclass(frozen=True, slots=True)
class Dial:
    """One call to place; ``job_id`` travels as the provider's reference and finds it again."""

    job_id: str
    phone: str
    """E.164."""
    instance_id: str
    script_id: str
    name: str
    honorific: str | None = None
    role: str | None = None
    calling_number: str | None = None
    variables: Mapping[str, str] = field(default_factory=dict)
    """What the script may say: names, forms of address, the agreement's text."""
    latest: datetime | None = None
    """When the hours end in which this person may be called: the phone must not ring from then on; None: never."""


@dataclass(frozen=True, slots=True)
class CallRef:
    """A call that was placed, or may have been."""

    job_id: str
    phone: str
    instance_id: str
    provider_job_id: str | None
    job_group_id: str | None
    provider_task_id: str | None
    created_at: datetime
    placed_at: datetime | None
    cancel_requested_at: datetime | None = None
    """When somebody asked that it be given up, if anybody did."""
    script_id: str = ""
    name: str = ""
    honorific: str | None = None
    variables: Mapping[str, str] = field(default_factory=dict)
    """What the call was placed with; only a simulator needs name, honorific and variables, to tell what it said."""


@dataclass(frozen=True, slots=True)
class Placed:
    """The provider took the call."""

    provider_job_id: str
    job_group_id: str


@dataclass(frozen=True, slots=True)
class NotPlaced:
    """The provider certainly did not take it.

    ``is_final``: trying again will not help (the number or the script is refused); else ``retry_after`` seconds.
    """

    error: str
    retry_after: int | None = None
    is_final: bool = False


@dataclass(frozen=True, slots=True)
class PlacementUnknown:
    """Nobody can know whether the phone will ring."""

    error: str


Placement = Placed | NotPlaced | PlacementUnknown


@dataclass(frozen=True, slots=True)
class Report:
    """What a provider says of a call that is asked about."""

    status: JobStatus
    task_status: TaskStatus | None = None
    is_talking: bool = False
    """The phone was picked up; asked about less often than while it rings."""
    provider_task_id: str | None = None


@dataclass(frozen=True, slots=True)
class TalkLine:
    """One line of a talk; ``timestamp`` in milliseconds since 1970."""

    timestamp: int
    speaker: Speaker
    script: str | None
    action: Action


@dataclass(frozen=True, slots=True)
class Transcript:
    """Everything about an ended call, fetched once."""

    status: JobStatus
    task_status: TaskStatus | None
    lines: Sequence[TalkLine]
    has_rung: bool
    answered_at: datetime | None
    ended_at: datetime | None
    provider_task_id: str | None
    has_recording: bool
    failure: str | None = None


@dataclass(frozen=True, slots=True)
class Recording:
    """The sound of a call (WAV), read piece by piece."""

    pieces: AsyncGenerator[bytes, None]
    content_type: str = "audio/wav"


class DialerError(Exception):
    """The provider gave no usable answer; what was asked for is as it was, and is asked for again later."""


class ThrottledError(DialerError):
    """The provider wants to be asked less often; ``retry_after`` seconds."""

    def __init__(self, message: str, retry_after: int) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Dialer(Protocol):
    """Places calls and tells what became of them; safe for many at a time, never raises anything but DialerError."""

    @property
    def name(self) -> str:
        """Return the provider's name as it is stored with each call."""
        ...

    @property
    def reaches_people(self) -> bool:
        """Tell whether phones really ring; then statutory hours hold by default."""
        ...

    @property
    def time_scale(self) -> float:
        """Return how long a second of the provider's world takes in seconds; 1 but for a simulator."""
        ...

    async def place(self, dials: Sequence[Dial]) -> Sequence[Placement]:
        """Place calls at once; one placement per call, in their order; never raises for what a provider does."""
        ...

    async def find(self, call: CallRef) -> Placed | None:
        """Look a call up by its reference; None: the provider certainly does not have it."""
        ...

    async def reports(self, calls: Sequence[CallRef]) -> Mapping[str, Report]:
        """Tell how calls stand, by job id; a call that the provider does not know is left out."""
        ...

    async def transcript(self, call: CallRef) -> Transcript:
        """Fetch everything about an ended call."""
        ...

    async def recording(self, call: CallRef) -> Recording | None:
        """Open the recording of an ended call; None: there is none and will be none."""
        ...

    async def cancel(self, call: CallRef) -> bool:
        """Ask that a call be given up; False: it is too late."""
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...
