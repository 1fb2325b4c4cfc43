"""The hand-off pool under every order of asking, giving back, giving up, breaking and running out of time.

Hypothesis steers an event loop whose clock stands still until it is moved, one turn at a time, so that a connection can
be handed over in the very turn in which its new owner is cancelled or runs out of time.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, cast

import asyncpg
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from app.repositories.pool import HandOffPool, PoolBusyError

WAIT = 10.0


class Link:
    """Stands for a connection of asyncpg: what the pool asks of one."""

    def __init__(self) -> None:
        self.is_open = True
        self.is_halfway = False
        self.lent = 0

    def is_closed(self) -> bool:
        return not self.is_open

    def is_in_transaction(self) -> bool:
        return self.is_halfway

    def terminate(self) -> None:
        self.is_open = False

    async def close(self) -> None:
        self.is_open = False


class SteppedLoop(asyncio.SelectorEventLoop):
    """A loop whose time is moved by hand."""

    now = 0.0

    def time(self) -> float:
        return self.now

    def turn(self) -> None:
        """Run what is ready, once."""
        self.call_soon(self.stop)
        self.run_forever()


class Borrower:
    """A task that borrows a connection and keeps it until told."""

    def __init__(self, pool: HandOffPool, loop: asyncio.AbstractEventLoop, is_patient: bool) -> None:
        self.link: Link | None = None
        self.is_patient = is_patient
        self.done_with_it = asyncio.Event()
        self.task = loop.create_task(self._borrow(pool))

    async def _borrow(self, pool: HandOffPool) -> None:
        async with pool.connection(is_patient=self.is_patient) as connection:
            self.link = link = cast("Link", connection)
            link.lent += 1
            try:
                assert link.lent == 1
                assert link.is_open
                assert not link.is_halfway
                await self.done_with_it.wait()
            finally:
                link.lent -= 1
                self.link = None


class PoolMachine(RuleBasedStateMachine):
    """Borrowers of a small pool."""

    @initialize(size=st.integers(1, 3), crowd=st.integers(0, 4))
    def open(self, size: int, crowd: int) -> None:
        self.loop = SteppedLoop()
        self.size = size
        self.links: list[Link] = []
        self.is_away = False
        self.pool = HandOffPool(cast("Callable[[], Awaitable[asyncpg.Connection]]", self.connect), size, WAIT)
        self.borrowers = [Borrower(self.pool, self.loop, is_patient=False) for _ in range(size + crowd)]
        self.turn(3)

    async def connect(self) -> Link:
        await asyncio.sleep(0)
        if self.is_away:
            raise ConnectionRefusedError
        link = Link()
        self.links.append(link)
        return link

    def who(self, data: st.DataObject, *, having: bool = False) -> Borrower:
        some = [borrower for borrower in self.borrowers if not having or borrower.link is not None]
        return data.draw(st.sampled_from(some))

    def have_some(self) -> bool:
        return any(borrower.link is not None for borrower in self.borrowers)

    @rule(is_patient=st.sampled_from([False, False, True]))
    def borrow(self, is_patient: bool) -> None:
        self.borrowers.append(Borrower(self.pool, self.loop, is_patient))

    @precondition(have_some)
    @rule(data=st.data())
    def give_back(self, data: st.DataObject) -> None:
        self.who(data, having=True).done_with_it.set()

    @precondition(have_some)
    @rule(data=st.data(), is_halfway=st.booleans())
    def break_it(self, data: st.DataObject, is_halfway: bool) -> None:
        link = self.who(data, having=True).link
        assert link is not None
        link.is_halfway, link.is_open = is_halfway, link.is_open and is_halfway

    @precondition(lambda self: self.borrowers)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        self.who(data).task.cancel()

    @precondition(lambda self: self.have_some() and self.pool.waiting)
    @rule(data=st.data(), is_late=st.booleans(), turns=st.integers(0, 2))
    def give_back_just_when_the_next_gives_up(self, data: st.DataObject, is_late: bool, turns: int) -> None:
        waiting = [borrower for borrower in self.borrowers if borrower.link is None]
        self.give_back(data)
        for _ in range(turns):  # after one the connection is handed over, and its new owner has not run yet
            self.loop.turn()
        if is_late:
            self.loop.now += WAIT
        else:
            data.draw(st.sampled_from(waiting)).task.cancel()

    @rule()
    def give_up_while_connecting(self) -> None:
        self.borrow(is_patient=False)
        self.loop.turn()
        self.borrowers[-1].task.cancel()

    @rule()
    def lose_what_is_idle(self) -> None:
        for link in self.links:
            if not link.lent:
                link.is_open = False

    @rule(is_away=st.booleans())
    def server(self, is_away: bool) -> None:
        self.is_away = is_away

    @rule(seconds=st.sampled_from([1.0, WAIT / 2, WAIT]))
    def time_passes(self, seconds: float) -> None:
        self.loop.now += seconds

    @rule(turns=st.integers(1, 3))
    def turn(self, turns: int) -> None:
        for _ in range(turns):
            self.loop.turn()
        for borrower in [borrower for borrower in self.borrowers if borrower.task.done()]:
            self.borrowers.remove(borrower)
            if not borrower.task.cancelled():
                error = borrower.task.exception()
                assert error is None or isinstance(error, PoolBusyError | ConnectionRefusedError), repr(error)
                assert not (isinstance(error, PoolBusyError) and borrower.is_patient)

    @invariant()
    def never_too_many(self) -> None:
        if self.borrowers:
            assert sum(link.lent for link in self.links) <= self.pool.in_use <= self.size
            assert self.pool.waiting <= len(self.borrowers)

    def teardown(self) -> None:
        if not hasattr(self, "pool"):
            return
        try:
            self.is_away = False
            for _ in range(60):  # whoever waits is served in turn
                for borrower in self.borrowers:
                    borrower.done_with_it.set()
                self.turn(1)
                if not self.borrowers:
                    break
            assert not self.borrowers, "somebody was forgotten"
            assert (self.pool.in_use, self.pool.waiting) == (0, 0), "a place was lost"
            self.borrowers = [Borrower(self.pool, self.loop, is_patient=False) for _ in range(self.size)]
            self.turn(3)
            assert all(borrower.link is not None for borrower in self.borrowers), "not all places are to be had"
        finally:
            for borrower in self.borrowers:
                borrower.done_with_it.set()
            self.loop.turn()
            self.loop.run_until_complete(self.pool.close())
            self.loop.close()


TestPool: Any = PoolMachine.TestCase
TestPool.settings = settings(max_examples=200, stateful_step_count=30, report_multiple_bugs=False)


async def test_first_come_first_served() -> None:
    served: list[int] = []

    async def connect() -> Any:
        return Link()

    pool = HandOffPool(connect, 1, WAIT)

    async def use(number: int) -> None:
        async with pool.connection():
            served.append(number)
            await asyncio.sleep(0)

    await asyncio.gather(*(use(number) for number in range(5)))
    assert served == [0, 1, 2, 3, 4]


async def test_who_waits_too_long_is_told_and_the_patient_is_served() -> None:
    async def connect() -> Any:
        return Link()

    pool = HandOffPool(connect, 1, 0.01)
    async with pool.connection():
        patient = asyncio.create_task(pool.connection(is_patient=True).__aenter__())
        with pytest.raises(PoolBusyError):
            async with pool.connection():
                raise AssertionError("there is no second connection")
        assert pool.waiting == 1
    await patient
    assert (pool.in_use, pool.waiting) == (1, 0)
