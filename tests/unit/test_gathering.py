"""Work in batches: what gathers, in which order, and whom an error reaches."""

import asyncio
from collections.abc import Sequence

import pytest

from app.gathering import Gathering


class Doubling:
    """Doubles numbers, each batch behind a gate."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.gate = asyncio.Event()

    async def __call__(self, batch: Sequence[int]) -> list[int]:
        self.batches.append(list(batch))
        await self.gate.wait()
        if 13 in batch:
            raise ValueError(batch)
        return [2 * number for number in batch]


async def begun(gathering: Gathering[int, int], numbers: Sequence[int]) -> list[asyncio.Task[int]]:
    """Ask for numbers and let the first batch begin."""
    tasks = [asyncio.create_task(_ask(gathering, number)) for number in numbers]
    for _ in range(3):
        await asyncio.sleep(0)
    return tasks


async def _ask(gathering: Gathering[int, int], number: int) -> int:
    return await gathering(number)


async def test_what_comes_while_a_batch_is_under_way_is_the_next_one() -> None:
    work = Doubling()
    gathering = Gathering(work, most=3, name="doubling")
    first = await begun(gathering, [1])
    others = await begun(gathering, [2, 3, 4, 5])
    work.gate.set()
    assert await asyncio.gather(*first, *others) == [2, 4, 6, 8, 10]
    assert work.batches == [[1], [2, 3, 4], [5]]
    assert await gathering(6) == 12, "and again from rest"


async def test_an_error_reaches_its_batch_and_nobody_else() -> None:
    work = Doubling()
    gathering = Gathering(work, most=2, name="doubling")
    tasks = await begun(gathering, [1, 13, 3, 4])
    work.gate.set()
    answers = await asyncio.gather(*tasks, return_exceptions=True)
    assert answers[2:] == [6, 8]
    for answer in answers[:2]:
        with pytest.raises(ValueError, match="13"):
            raise answer  # type: ignore[misc]


async def test_who_gave_up_waiting_is_left_out() -> None:
    work = Doubling()
    gathering = Gathering(work, most=8, name="doubling")
    first = await begun(gathering, [1])
    others = await begun(gathering, [2, 3])
    first[0].cancel()
    others[0].cancel()
    await asyncio.sleep(0)
    work.gate.set()
    assert await others[1] == 6
    assert work.batches == [[1], [3]]


async def test_closing_finishes_what_waits() -> None:
    work = Doubling()
    gathering = Gathering(work, most=1, name="doubling")
    tasks = await begun(gathering, [1, 2])
    work.gate.set()
    await gathering.aclose()
    await gathering.aclose()
    assert [task.result() for task in tasks] == [2, 4]
