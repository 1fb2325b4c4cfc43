"""Work that is cheaper together: what comes in while a batch is under way is the next batch.

A lone item waits for nobody: batches are as large as the queue that forms by itself, and no timer delays anything.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextvars import Context
from typing import Generic, TypeVar, cast

Item = TypeVar("Item")
Result = TypeVar("Result")


class Gathering(Generic[Item, Result]):
    """Hands items to ``work`` in batches, in the order in which they came."""

    def __init__(
        self,
        work: Callable[[Sequence[Item]], Awaitable[Sequence[Result]]],
        *,
        most: int,
        name: str,
        at_once: int = 1,
    ) -> None:
        """Prepare for items.

        Args:
            work: What is done with a batch; returns a result for each item, in their order.
            most: The largest batch.
            name: Of the tasks, for whoever looks at those that run.
            at_once: How many batches may be under way at a time, where one mostly waits for something.
        """
        self._work = work
        self._most = most
        self._name = name
        self._at_once = at_once
        self._waiting: list[tuple[Item, asyncio.Future[Result]]] = []
        self._workers: set[asyncio.Task[None]] = set()

    async def __call__(self, item: Item) -> Result:
        """Have an item worked on; raises what ``work`` raised for the batch. Whoever gives up waiting is left out."""
        result: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, result))
        if len(self._workers) < self._at_once:
            # In a context of its own: it works for many, and must not log under the name of the first one's request.
            worker = asyncio.create_task(self._run(), name=self._name, context=Context())
            self._workers.add(worker)
        return await result

    async def aclose(self) -> None:
        """Finish what is waiting."""
        while self._workers:
            await asyncio.wait(tuple(self._workers))

    async def _run(self) -> None:
        try:
            while self._waiting:
                batch, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
                batch = [one for one in batch if not one[1].done()]
                if batch:
                    await self._answer(batch)
        finally:
            # At once, and not when the loop comes to it: what is asked for in between needs a worker of its own.
            self._workers.discard(cast("asyncio.Task[None]", asyncio.current_task()))

    async def _answer(self, batch: Sequence[tuple[Item, asyncio.Future[Result]]]) -> None:
        try:
            results = await self._work([item for item, _ in batch])
        except Exception as error:  # noqa: BLE001 - it belongs to those who wait
            for _, waiting in batch:
                if not waiting.done():
                    waiting.set_exception(error)
            return
        for (_, waiting), result in zip(batch, results, strict=True):
            if not waiting.done():
                waiting.set_result(result)
