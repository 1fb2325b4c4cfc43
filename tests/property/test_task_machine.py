"""Ninety days of call tasks: calls, ends, faults, stops and starts, against the promises in their plainest words.

Pure, as the machine of the rounds: the gate, the redials and the shares decide, a few lines of bookkeeping stand for
the tables. What is asserted at each dial is computed from the list of all calls so far and from the local clock.
"""

import os
from collections import Counter
from datetime import datetime, time, timedelta
from typing import Any

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

from app.domain.calls import NOT_REDIALLED
from app.domain.dialing import (
    MAX_FAULTS,
    Active,
    Facts,
    Reason,
    Refusal,
    Room,
    Rules,
    after_refusal_of_provider,
    decide,
    fault_pause,
)
from app.domain.tasks import (
    Attempt,
    Claimant,
    after_attempt,
    share_out,
)
from app.domain.windows import Bounded
from tests.property.task_model import (
    BEGIN,
    CAP,
    DAY,
    END,
    ENDS,
    LINES,
    MOST_REDIALS,
    NATIONAL_DAYS,
    NEVER,
    OWN_HOLIDAY,
    PAUSE,
    PHONES,
    SLOTS,
    TALKS,
    WINDOW,
    ZONE,
    Call,
    Number,
    Task,
    plans,
)

DEEP = os.environ.get("HUIYIN_TEST_DEEP") == "1"
EXAMPLES, STEPS = (2000, 100) if DEEP else (120, 60)
HOW = st.sampled_from([*["nobody"] * 6, *ENDS])
MOSTLY_NOBODY = st.sampled_from([*["nobody"] * 12, "busy", "fault", "intercepted"])
READING = st.sampled_from([timedelta(0), timedelta(seconds=20), timedelta(minutes=10), timedelta(hours=2)])
"""How long it takes until a talk is read."""
STEP = st.sampled_from(
    [timedelta(seconds=20), timedelta(minutes=5), PAUSE, timedelta(hours=3), timedelta(hours=12), DAY]
)
NUMBER = st.integers(0, 9)


class TaskMachine(RuleBasedStateMachine):
    """Two tasks that share a line and numbers, and whatever may happen to them."""

    def __init__(self) -> None:
        super().__init__()
        self.now = BEGIN
        self.tasks: list[Task] = []
        self.kinds: list[int] = []
        self.calls: list[Call] = []
        self.protected: set[str] = set()
        self.lifted_at: dict[str, datetime] = {}
        self.reading = timedelta(0)
        self.held = 0
        self.back_at: datetime | None = None
        self.stop_time: datetime | None = None
        self.turn = 0

    @initialize(
        first=st.sampled_from([0, 1, 2]), second=st.sampled_from([0, 1, 2]), ends=st.integers(1, 90), reading=READING
    )
    def begin(self, first: int, second: int, ends: int, reading: timedelta) -> None:
        self.kinds, self.reading = [first, second], reading
        self.stop_time = BEGIN + timedelta(days=ends, hours=2)
        windows = [Bounded(WINDOW, BEGIN + timedelta(hours=3)), Bounded(WINDOW, None, self.stop_time)]
        self.tasks = [
            Task(plans()[kind], most, window, [Number(phone) for phone in PHONES])
            for kind, most, window in zip(self.kinds, (3, 2), windows, strict=True)
        ]

    # What people do

    @rule(place=st.integers(0, 1), is_started=st.booleans())
    def start_or_stop(self, place: int, is_started: bool) -> None:
        self.tasks[place].is_started = is_started
        self.dial()

    @rule(phone=st.sampled_from(PHONES), is_lifted=st.booleans())
    def protect(self, phone: str, is_lifted: bool) -> None:
        self.protected = self.protected - {phone} if is_lifted else self.protected | {phone}
        if is_lifted:
            self.lifted_at[phone] = self.now

    @rule(held=st.integers(0, 3))
    def hold_slots(self, held: int) -> None:
        """Another task keeps slots of the first line, as many as are not in use at the most."""
        self.held = held

    @rule(phone=st.sampled_from(PHONES[:3]))
    def mediation(self, phone: str) -> None:
        """A call of a mediation to the same person, over a line of the house."""
        is_busy = any(call.phone == phone for call in self.active()) or self.is_unread(phone)
        if not is_busy and self.recent(phone) < CAP:
            self.calls.append(Call(phone, None, None, None, self.now))

    @rule(is_away=st.booleans())
    def provider(self, is_away: bool) -> None:
        self.back_at = self.now + timedelta(minutes=5) if is_away else None

    # What becomes of calls

    @precondition(lambda self: self.active())
    @rule(number=NUMBER, how=HOW)
    def end(self, number: int, how: str) -> None:
        active = self.active()
        self.finish(active[number % len(active)], how)
        self.dial()

    @rule(ends=st.lists(MOSTLY_NOBODY, min_size=5, max_size=40))
    def go_on_from_due_time_to_due_time(self, ends: list[str]) -> None:
        for how in ends:
            for call in self.active():
                self.finish(call, how)
            due = [number.due_at for task in self.tasks for number in task.numbers if number.due_at]
            later = [moment for moment in due if moment > self.now]
            self.advance(min(later) - self.now if later else PAUSE)

    # Time

    @precondition(lambda self: self.now < END)
    @rule(step=STEP)
    def advance(self, step: timedelta) -> None:
        until = self.now + step
        while True:
            self.dial()
            moments = [n.due_at for task in self.tasks for n in task.numbers if n.due_at and n.due_at > self.now]
            moments += [opens for task in self.tasks if (opens := task.window.opens_at(self.now)) and opens > self.now]
            moments += [self.back_at] if self.back_at is not None else []
            moments += [self.read_at(call) for call in self.calls if call.is_unread]
            upcoming = [moment for moment in moments if moment <= until]
            if not upcoming:
                break
            self.now = min(upcoming)
            if self.back_at is not None and self.now >= self.back_at:
                self.back_at = None
        self.now = until
        self.dial()

    # The bookkeeping

    def active(self) -> list[Call]:
        return [call for call in self.calls if call.ended_at is None]

    def recent(self, phone: str) -> int:
        return sum(call.phone == phone and call.is_counted and call.at > self.now - DAY for call in self.calls)

    def forgotten_elsewhere(self, place: int, key: int) -> list[datetime]:
        others = [c for c in self.calls if (c.task, c.number) != (place, key) and c.how == "forgotten"]
        return [c.ended_at for c in others if c.phone == self.tasks[place].numbers[key].phone and c.ended_at]

    def free(self) -> dict[str, int]:
        used = Counter(call.line for call in self.active())
        return {line: slots - used[line] - (self.held if line == "a" else 0) for line, slots in SLOTS.items()}

    def is_open(self, task: Task) -> bool:
        return task.is_started and task.window.opens_at(self.now) == self.now

    def is_unread(self, phone: str) -> bool:
        return any(call.is_unread and call.phone == phone for call in self.calls)

    def read_at(self, call: Call) -> datetime:
        assert call.ended_at is not None
        return call.ended_at + self.reading

    def read_talks(self) -> None:
        for call in self.calls:
            if call.is_unread and self.read_at(call) <= self.now:
                call.is_unread = False
                self.protected |= {call.phone} if call.how == "refusal" else set()

    def dial(self) -> None:
        """Claim and reserve as the source does, until nothing more is due."""
        self.read_talks()
        for _ in range(100):
            claimants = [
                Claimant(
                    place,
                    sum(call.task == place for call in self.active()),
                    task.most,
                    sum(n.due_at is not None and n.due_at <= self.now for n in task.numbers),
                    LINES[place],
                )
                for place, task in enumerate(self.tasks)
                if self.is_open(task)
            ]
            self.turn += 1
            shares = share_out(claimants, self.free(), 500, turn=self.turn)
            if not shares:
                return
            for place, slots in shares.items():
                numbers = self.tasks[place].numbers
                due = [key for key, n in enumerate(numbers) if n.due_at is not None and n.due_at <= self.now]
                for key in sorted(due, key=lambda key: (numbers[key].due_at == NEVER, numbers[key].due_at, key))[
                    :slots
                ]:
                    self.look(place, key)
        raise AssertionError("something is looked at for ever")

    def look(self, place: int, key: int) -> None:
        task, number = self.tasks[place], self.tasks[place].numbers[key]
        running = [call for call in self.active() if call.phone == number.phone]
        facts = Facts(
            phone=number.phone,
            is_protected=number.phone in self.protected,
            withdrawn=None if task.is_started else Reason.TASK_PAUSED,
            is_blocked=False,
            has_script=True,
            recent_calls=tuple(c.at for c in self.calls if c.phone == number.phone and c.is_counted),
            active=Active(is_own=False, is_unknown=False) if running else None,
            rounds_done=0,
            is_reached=False,
            last_ended_at=None,
            is_automatic=True,
            unknown_elsewhere_at=max(self.forgotten_elsewhere(place, key), default=None),
            is_unread=self.is_unread(number.phone),
        )
        free = self.free()
        lines = [line for line in LINES[place] if free[line] > 0]
        room = min(sum(free[line] for line in lines), task.most - sum(call.task == place for call in self.active()))
        window = task.window
        rules = Rules(window.opens_at, timedelta(minutes=1), 1 << 30, CAP, window.closes_at)
        refusal = decide(facts, rules, Room(room, self.back_at), self.now)
        if refusal is not None:
            self.settle(number, refusal)
            return
        self.assert_allowed(place, key, lines[0])
        number.state, number.due_at = "calling", None
        self.calls.append(Call(number.phone, lines[0], place, key, self.now))

    def settle(self, number: Number, refusal: Refusal) -> None:
        if refusal.until is None:
            number.state, number.due_at = "refused", None
        else:
            assert refusal.until > self.now, f"{refusal} would be looked at for ever"
            number.due_at = refusal.until

    def finish(self, call: Call, how: str) -> None:
        call.ended_at, call.how, call.is_unread = self.now, how, how in TALKS
        if call.task is None or call.number is None:
            return
        task = self.tasks[call.task]
        number = task.numbers[call.number]
        assert number.state == "calling"
        if how == "not taken":
            number.failures += 1
            following = after_refusal_of_provider(
                failures=number.failures, retry_after=None, is_final=False, is_series=True, now=self.now
            )
            number.state, number.due_at = "waiting", following.due_at
            return
        status, is_counted = ENDS[how]
        number.failures = 0
        number.faults = 0 if is_counted else number.faults + 1
        attempt = Attempt(
            status=status,
            ended_at=self.now,
            is_counted=is_counted,
            is_final=status in NOT_REDIALLED,
            is_certain=how != "forgotten",
            is_blocked=False,
            is_cancelled=how == "cancelled",
            faults=number.faults,
            redials=number.redials,
        )
        pause = fault_pause(number.faults, 1.0)
        what = after_attempt(attempt, task.plan, max_faults=MAX_FAULTS, fault_pause=pause, now=self.now)
        number.state, number.due_at = what.state, what.due_at
        if what.cause is not None:
            number.redials[what.cause] = number.redials.get(what.cause, 0) + 1

    def assert_allowed(self, place: int, key: int, line: str) -> None:
        """The promises, said without the gate, the plans and the shares."""
        task, phone, local = self.tasks[place], self.tasks[place].numbers[key].phone, self.now.astimezone(ZONE)
        assert phone != "110"
        assert phone not in self.protected
        assert task.is_started
        assert 9 <= local.hour < 21, local
        assert local.hour != 12, local
        assert local.date() not in NATIONAL_DAYS | {OWN_HOLIDAY}, local
        assert self.now >= BEGIN + timedelta(hours=3) if place == 0 else self.now < (self.stop_time or END)
        assert all(call.phone != phone for call in self.active()), "two calls at a time"
        for call in self.calls:
            if call.phone == phone and call.how in TALKS:
                assert self.now >= self.read_at(call), "before anybody looked whether they refused"
                lifted_at = self.lifted_at.get(phone, NEVER)
                assert call.how != "refusal" or lifted_at >= self.read_at(call), "against their word"
        assert self.recent(phone) < CAP
        active = self.active()
        assert sum(call.line == line for call in active) + (self.held if line == "a" else 0) < SLOTS[line]
        assert sum(call.task == place for call in active) < task.most
        assert all(self.now >= at + DAY for at in self.forgotten_elsewhere(place, key)), "may have answered"
        own = [call for call in self.calls if (call.task, call.number) == (place, key) and call.how != "not taken"]
        assert len(own) <= MOST_REDIALS, "more than fifty redials"
        assert not any(call.how in TALKS | {"shielded", "forgotten", "cancelled"} for call in own), own
        if own and own[-1].is_counted:
            self.assert_redial(place, own)

    def assert_redial(self, place: int, own: list[Call]) -> None:
        ended_at = own[-1].ended_at
        assert ended_at is not None
        counted = [call for call in own if call.is_counted]
        if self.kinds[place] == 1:
            assert len(counted) <= 3, "the rule says three redials"
            assert all(call.how == "nobody" for call in counted)
            days = {(ended_at + timedelta(days=offset)).astimezone(ZONE).date() for offset in range(15)}
            clocks = {5: [time(9, 30), time(22)], 1: [time(10)]}
            moments = [datetime.combine(day, at, ZONE) for day in days for at in clocks.get(day.isoweekday(), ())]
            assert any(ended_at < moment <= self.now for moment in moments), "before any of the rule's times"
        else:
            assert self.now - ended_at >= PAUSE, "too early"
        if self.kinds[place] == 2:
            assert len(counted) <= 4, "the task says four redials"

    @invariant()
    def it_holds_together(self) -> None:
        for place, task in enumerate(self.tasks):
            calling = [key for key, number in enumerate(task.numbers) if number.state == "calling"]
            assert sorted(call.number or 0 for call in self.active() if call.task == place) == calling
            assert all((number.state == "waiting") == (number.due_at is not None) for number in task.numbers)
            assert all(sum(number.redials.values()) <= MOST_REDIALS for number in task.numbers)


def test_ninety_days_of_tasks() -> None:
    profile: dict[str, Any] = {"max_examples": EXAMPLES, "stateful_step_count": STEPS, "deadline": None}
    run_state_machine_as_test(TaskMachine, settings=settings(**profile, suppress_health_check=[HealthCheck.too_slow]))
