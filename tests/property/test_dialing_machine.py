"""Ninety days of requests, answers, refusals, faults and crashes, against the promises in their plainest words.

Pure: the gate and the rounds decide, a few lines of bookkeeping stand for the tables. What is asserted at each call is
computed from the list of all calls so far and from the local clock, not from what the gate was told.
"""

import os
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from app.domain.calendar import Holidays
from app.domain.dialing import (
    LIMIT,
    Active,
    Attempt,
    Facts,
    Reason,
    Refusal,
    Room,
    Rules,
    after,
    after_refusal_of_provider,
    decide,
)
from app.domain.windows import Window

DEEP = os.environ.get("HUIYIN_TEST_DEEP") == "1"
EXAMPLES, STEPS = (3000, 100) if DEEP else (150, 70)
ZONE = ZoneInfo("Asia/Shanghai")
BEGIN = datetime(2026, 8, 25, 1, 0, tzinfo=UTC)
END = BEGIN + timedelta(days=90)
NATIONAL_DAYS = {date(2026, 10, day) for day in range(1, 8)}
INTERVAL = timedelta(minutes=30)
DAY = timedelta(hours=24)
MAX_ROUNDS, CAP = 3, 5
PHONES = ("+8613800000001", "+8613800000002", "+8613800000001", "110")
"""Of four parties; the first and the third share one."""

PARTIES = st.integers(0, len(PHONES) - 1)
NUMBERS = st.integers(0, 9)
ENDS = st.sampled_from(
    ["nobody", "nobody", "nobody", "reached", "refusal", "fault", "forgotten", "cancelled", "blocked", "not taken"]
)
READING = st.sampled_from([timedelta(0), timedelta(seconds=20), timedelta(minutes=10), timedelta(hours=2)])
"""How long it takes until a talk is read; who refused is protected by whoever reads it."""
STEP = st.sampled_from(
    [
        timedelta(seconds=20),
        timedelta(minutes=5),
        INTERVAL - timedelta(microseconds=1),
        INTERVAL,
        timedelta(hours=3),
        timedelta(hours=12),
        DAY,
        timedelta(days=3),
    ]
)


@dataclass(slots=True)
class Call:
    """An attempt."""

    party: int
    node: int
    at: datetime
    is_automatic: bool
    ended_at: datetime | None = None
    is_counted: bool = True
    is_reached: bool = False
    is_unknown: bool = False
    is_forgotten: bool = False
    """It ended, and nobody knows how."""
    is_refusal: bool = False
    is_unread: bool = False


@dataclass(slots=True)
class Round:
    """A planned round, as its row stands."""

    number: int
    state: str = "planned"
    is_series: bool = False
    due_at: datetime | None = None
    faults: int = 0
    failures: int = 0


@dataclass(slots=True)
class Case:
    """Where the mediation stands."""

    node: int = 4
    is_closed: bool = False
    rounds: dict[tuple[int, int], list[Round]] = field(default_factory=dict)


WINDOW = Window(ZONE, dict.fromkeys(range(7), ((9 * 60, 21 * 60),)), Holidays().is_holiday)
RULES = Rules(opens_at=WINDOW.opens_at, interval=INTERVAL, max_rounds=MAX_ROUNDS, daily_cap=CAP)


class DialingMachine(RuleBasedStateMachine):
    """One case with four parties, and whatever may happen to them."""

    def __init__(self) -> None:
        super().__init__()
        self.now = BEGIN
        self.case = Case()
        self.calls: list[Call] = []
        self.protected: set[int] = set()
        self.gave_up: set[tuple[int, int]] = set()
        """Whose last call ended in a way that must not be followed by itself, until a person asks again."""
        self.lifted_at: dict[str, datetime] = {}
        self.back_at: datetime | None = None
        self.lines = 1
        self.reading = timedelta(0)

    @initialize(lines=st.sampled_from([1, 2]), reading=READING)
    def begin(self, lines: int, reading: timedelta) -> None:
        self.lines, self.reading = lines, reading

    # What people ask for

    @rule(party=PARTIES, is_automatic=st.booleans())
    def request(self, party: int, is_automatic: bool) -> None:
        if self.case.is_closed:
            return
        rounds = self.case.rounds.setdefault((party, self.case.node), [])
        if not rounds or rounds[-1].state == "done":
            rounds.append(Round(1 + sum(item.state == "done" for item in rounds)))
        current = rounds[-1]
        is_open = current.state in {"planned", "calling"}
        was_series = is_open and current.is_series and current.due_at is not None
        self.gave_up.discard((party, self.case.node))
        refusal = self.look(party, self.case.node, is_automatic=is_automatic)
        current.is_series = is_automatic or (is_open and current.is_series)
        if current.state == "calling":
            assert refusal is not None, "never two calls at a time"
            return
        if refusal is None:
            self.place(party, self.case.node, current, is_automatic=is_automatic)
            return
        self.settle(current, refusal)
        if refusal.code == LIMIT and current.state == "planned" and not was_series:
            current.state, current.due_at = "refused", None

    @rule()
    def request_everybody(self) -> None:
        for party in range(len(PHONES)):
            self.request(party, is_automatic=True)

    @rule(node=st.sampled_from([4, 5]))
    def move(self, node: int) -> None:
        self.case.node = node

    @rule(is_closed=st.booleans())
    def close_or_open(self, is_closed: bool) -> None:
        self.case.is_closed = is_closed

    @rule(party=PARTIES, is_lifted=st.booleans())
    def protect(self, party: int, is_lifted: bool) -> None:
        same = self.sharing(PHONES[party])
        self.protected = self.protected - same if is_lifted else self.protected | same
        if is_lifted:
            self.lifted_at[PHONES[party]] = self.now

    # What becomes of calls

    @precondition(lambda self: self.active())
    @rule(number=NUMBERS, how=ENDS)
    def end(self, number: int, how: str) -> None:
        call = self.active()[number % len(self.active())]
        current = self.case.rounds[call.party, call.node][-1]
        assert current.state == "calling"
        call.ended_at = self.now
        if how == "not taken":
            call.is_counted = False
            current.failures += 1
            following = after_refusal_of_provider(
                failures=current.failures,
                retry_after=None,
                is_final=False,
                is_series=current.is_series,
                now=self.now,
            )
            current.state, current.due_at = following.state, following.due_at
            return
        call.is_counted = how not in {"fault", "cancelled"}
        call.is_forgotten = how == "forgotten"
        call.is_reached = call.is_unread = how in {"reached", "refusal"}
        call.is_refusal = how == "refusal"
        current.faults += not call.is_counted
        attempt = Attempt(
            ended_at=self.now,
            is_counted=call.is_counted,
            is_reached=call.is_reached,
            is_certain=how != "forgotten",
            is_blocked=how == "blocked",
            is_cancelled=how == "cancelled",
            is_series=current.is_series,
            round=current.number,
            faults=current.faults,
        )
        following = after(attempt, interval=INTERVAL, max_rounds=MAX_ROUNDS, scale=1.0, now=self.now)
        if how in {"reached", "refusal", "forgotten", "cancelled", "blocked"}:
            self.gave_up.add((call.party, call.node))
        current.state = following.state
        current.due_at = following.due_at if following.state == "planned" else None
        is_current = not self.case.is_closed and self.case.node == call.node
        if following.state == "done" and following.due_at is not None and is_current:
            next_one = Round(current.number + 1, is_series=True, due_at=following.due_at)
            self.case.rounds[call.party, call.node].append(next_one)

    @rule(ends=st.lists(ENDS, min_size=2, max_size=8), party=st.none() | PARTIES, is_automatic=st.booleans())
    def go_on_from_due_time_to_due_time(self, ends: list[str], party: int | None, is_automatic: bool) -> None:
        """Calls end, time goes to the next due round, and now and then somebody asks for one."""
        for how in ends:
            if party is not None:
                self.request(party, is_automatic)
            if self.active():
                self.end(0, how)
            due = [item.due_at for rounds in self.case.rounds.values() for item in rounds if item.due_at is not None]
            self.advance(max(min(due, default=self.now) - self.now, timedelta(0)) if due else INTERVAL)

    @precondition(lambda self: self.active())
    @rule(number=NUMBERS)
    def lose_the_answer(self, number: int) -> None:
        self.active()[number % len(self.active())].is_unknown = True

    @rule(is_away=st.booleans())
    def provider(self, is_away: bool) -> None:
        self.back_at = self.now + timedelta(minutes=5) if is_away else None

    # Time

    @precondition(lambda self: self.now < END)
    @rule(step=STEP)
    def advance(self, step: timedelta) -> None:
        until = self.now + step
        while True:
            due = [
                (item.due_at, key, item)
                for key, rounds in self.case.rounds.items()
                for item in rounds
                if item.due_at is not None and item.due_at <= until
            ]
            if not due:
                break
            moment, (party, node), item = min(due, key=lambda found: (found[0], found[1]))
            self.now = max(self.now, moment)
            if self.back_at is not None and self.now >= self.back_at:
                self.back_at = None
            refusal = self.look(party, node, is_automatic=True)
            if refusal is None:
                self.place(party, node, item, is_automatic=True)
            else:
                assert refusal.until is None or refusal.until > self.now, f"{refusal} would be looked at for ever"
                self.settle(item, refusal)
        self.now = until

    # The bookkeeping

    def active(self) -> list[Call]:
        return [call for call in self.calls if call.ended_at is None]

    def sharing(self, phone: str) -> set[int]:
        return {party for party, other in enumerate(PHONES) if other == phone}

    def read_at(self, call: Call) -> datetime:
        assert call.ended_at is not None
        return call.ended_at + self.reading

    def read_talks(self) -> None:
        for call in self.calls:
            if call.is_unread and self.read_at(call) <= self.now:
                call.is_unread = False
                self.protected |= self.sharing(PHONES[call.party]) if call.is_refusal else set()

    def look(self, party: int, node: int, *, is_automatic: bool) -> Refusal | None:
        self.read_talks()
        phone = PHONES[party]
        own = [call for call in self.calls if (call.party, call.node) == (party, node)]
        running = [call for call in self.active() if PHONES[call.party] == phone]
        mine = [call for call in running if (call.party, call.node) == (party, node)]
        active = Active(is_own=bool(mine), is_unknown=bool(mine) and mine[0].is_unknown) if running else None
        withdrawn = Reason.CASE_CLOSED if self.case.is_closed else None
        if withdrawn is None and node != self.case.node:
            withdrawn = Reason.NODE_LEFT
        facts = Facts(
            phone=phone,
            is_protected=party in self.protected,
            withdrawn=withdrawn,
            is_blocked=False,
            has_script=True,
            recent_calls=tuple(c.at for c in self.calls if PHONES[c.party] == phone and c.is_counted),
            active=active,
            rounds_done=sum(item.state == "done" for item in self.case.rounds.get((party, node), ())),
            is_reached=any(call.is_reached for call in own),
            last_ended_at=max((call.ended_at for call in own if call.ended_at and call.is_counted), default=None),
            is_automatic=is_automatic,
            unknown_elsewhere_at=max(self.forgotten_elsewhere(party, node), default=None),
            is_unread=any(call.is_unread and PHONES[call.party] == phone for call in self.calls),
        )
        return decide(facts, RULES, Room(self.lines - len(self.active()), self.back_at), self.now)

    def forgotten_elsewhere(self, party: int, node: int) -> list[datetime]:
        """Return when uncertain calls to the same number ended, of other parties or at the other node."""
        others = [call for call in self.calls if (call.party, call.node) != (party, node) and call.is_forgotten]
        return [call.ended_at for call in others if PHONES[call.party] == PHONES[party] and call.ended_at]

    def settle(self, item: Round, refusal: Refusal) -> None:
        if refusal.until is None:
            item.state, item.due_at = "refused", None
        else:
            item.state, item.due_at = "planned", refusal.until if item.is_series else None

    def place(self, party: int, node: int, item: Round, *, is_automatic: bool) -> None:
        self.assert_allowed(party, node, is_automatic=is_automatic)
        item.state, item.due_at = "calling", None
        self.calls.append(Call(party, node, self.now, is_automatic))

    def assert_allowed(self, party: int, node: int, *, is_automatic: bool) -> None:
        """The promises, said without the gate."""
        phone, local = PHONES[party], self.now.astimezone(ZONE)
        assert phone != "110"
        assert party not in self.protected
        assert not self.case.is_closed
        assert node == self.case.node
        assert 9 <= local.hour < 21, local
        assert local.date() not in NATIONAL_DAYS, local
        to_number = [call for call in self.calls if PHONES[call.party] == phone]
        assert all(call.ended_at is not None for call in to_number), "two calls at a time"
        assert sum(call.is_counted and call.at > self.now - DAY for call in to_number) < CAP
        for call in to_number:
            if call.is_reached:
                assert self.now >= self.read_at(call), "before anybody looked whether they refused"
                lifted_at = self.lifted_at.get(phone, BEGIN - DAY)
                assert not call.is_refusal or lifted_at >= self.read_at(call), "against their word"
        own = [call for call in to_number if (call.party, call.node) == (party, node)]
        counted = [call for call in own if call.is_counted]
        assert len(counted) < MAX_ROUNDS
        assert all(self.now - (call.ended_at or self.now) >= INTERVAL for call in counted), "too early"
        hold = DAY if is_automatic else INTERVAL
        assert all(self.now >= at + hold for at in self.forgotten_elsewhere(party, node)), "may have answered"
        if is_automatic:
            assert not any(call.is_reached for call in own), "after an answer"
            assert (party, node) not in self.gave_up, "by itself, where only a person may ask again"
        assert len(self.active()) < self.lines

    @invariant()
    def it_holds_together(self) -> None:
        for key, rounds in self.case.rounds.items():
            open_ones = [item for item in rounds if item.state in {"planned", "calling"}]
            assert len(open_ones) <= 1
            assert all(item is rounds[-1] for item in open_ones)
            calling = [item for item in rounds if item.state == "calling"]
            active = [call for call in self.active() if (call.party, call.node) == key]
            assert len(calling) == len(active)
            assert all(item.state == "planned" and item.is_series for item in rounds if item.due_at is not None)


def test_ninety_days_of_calls() -> None:
    profile: dict[str, Any] = {"max_examples": EXAMPLES, "stateful_step_count": STEPS, "deadline": None}
    run_state_machine_as_test(
        DialingMachine, settings=settings(**profile, suppress_health_check=[HealthCheck.too_slow])
    )
