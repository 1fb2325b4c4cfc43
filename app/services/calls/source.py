"""What asks for calls, and how it speaks with what places them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

import asyncpg

from app.domain.calls import Outcome
from app.domain.dialing import Reason, Refusal, Rules, Script
from app.gateways.dialer import Dial, NotPlaced
from app.repositories.calls import Row
from app.repositories.rounds import History

if TYPE_CHECKING:
    from app.services.calls.desk import Desk


@dataclass(frozen=True, slots=True)
class Subject:
    """Whom a call is to and what about, as it is written into its row; ids of other sources stay null."""

    call_type: str
    contact_id: int | None = None
    case_id: str | None = None
    mediation_id: int | None = None
    node_id: int | None = None
    party_id: int | None = None
    person_id: str | None = None
    record_id: int | None = None
    task_id: int | None = None
    number_id: int | None = None
    group_id: int | None = None


@dataclass(frozen=True, slots=True)
class TaskLines:
    """Over which lines a task's call may go, and how many calls the task may have at a time."""

    task_id: int
    most: int
    """``maximumcall``, over all replicas."""
    mine: tuple[str, ...]
    """Of this call, the preferred ones first."""
    all: frozenset[str]
    """Of the task; who reserves for it holds all of them, so that nobody else counts its calls meanwhile."""


@dataclass(frozen=True, slots=True)
class Said:
    """What a call was, or is to be, placed with beside its script: who is called, and the words for the script."""

    name: str
    honorific: str | None = None
    role: str | None = None
    words: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Wanted:
    """A call that is due, or asked for."""

    subject: Subject
    phone: str | None
    said: Said
    script: Script | None
    rules: Rules
    history: History
    is_automatic: bool
    withdrawn: Reason | None
    why: str
    """The rule that makes it due, for the audit trail, such as ``round 2 of 3``."""
    lines: TaskLines | None = None
    """None: the house's lines, and no limit but theirs."""


@dataclass(frozen=True, slots=True)
class Reserved:
    """A call whose row is written and that is about to be placed."""

    wanted: Wanted
    call_id: int
    dial: Dial
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Refused:
    """A call that the gate did not let through."""

    wanted: Wanted
    refusal: Refusal
    active: Row | None = None
    """The call to the same party about the same thing that is not over yet, where there is one."""


Verdict = Reserved | Refused


@dataclass(frozen=True, slots=True)
class Release:
    """A call that was certainly not taken by the provider."""

    call_id: int
    remark: str
    answer: NotPlaced | None
    """What the provider said; None where it was not even asked: due again at once, unless there is a reason."""
    reason: Reason | None = None
    """Why it was not placed, where that is not the provider's answer."""
    until: datetime | None = None
    """When that reason is looked at again; None with a reason: nobody wants it placed any more."""


@dataclass(frozen=True, slots=True)
class Ended:
    """A call that is over."""

    call_id: int
    outcome: Outcome
    ended_at: datetime
    is_certain: bool
    is_blocked: bool
    is_cancelled: bool
    provider_back_at: datetime | None
    remark: str | None
    has_spoken: bool
    """Somebody said something, whatever is known of the end."""
    wants_person: bool
    """The talk was to be passed on to a seat."""


class Source(Protocol):
    """Something that asks for calls. Everything runs in the caller's transaction, for a whole batch."""

    def key_of(self, call: Row) -> int | None:
        """Return which row of this source a call belongs to; None: it is another source's."""
        ...

    async def prepare(self, desk: "Desk") -> None:
        """Bring up to date what claims go by; in transactions of its own, before the first of several claims."""
        ...

    async def claim(
        self, connection: asyncpg.Connection, desk: "Desk", now: datetime, room: int, lease_end: datetime
    ) -> list[int]:
        """Claim what is due until ``lease_end``; returns its keys.

        Args:
            connection: Not in a transaction.
            desk: Whose provider and settings.
            now: What is due by then.
            room: How many calls the provider may be trusted with; that their lines are free the source sees itself.
            lease_end: Until when they are this process's.
        """
        ...

    async def reserve(
        self, connection: asyncpg.Connection, desk: "Desk", keys: Sequence[int], lease_end: datetime, now: datetime
    ) -> list[Reserved]:
        """Reserve those claimed calls that the gate lets through, and settle the others."""
        ...

    async def release(
        self, connection: asyncpg.Connection, now: datetime, released: Mapping[int, Release]
    ) -> Mapping[int, datetime]:
        """Give back, by key, what was certainly not taken; returns when each may be tried again."""
        ...

    async def finish(
        self, connection: asyncpg.Connection, desk: "Desk", now: datetime, ended: Mapping[int, Ended]
    ) -> None:
        """Write, by key, what follows from calls that are over."""
        ...

    async def said(self, connection: asyncpg.Connection, calls: Sequence[Row]) -> Mapping[int, Said]:
        """Return what this source's calls were placed with, by call id."""
        ...
