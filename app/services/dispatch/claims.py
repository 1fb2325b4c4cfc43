"""What a process knows of a bot: where its claims begin, whose turn it is, how far its gateway is trusted."""

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime

from app.gateways.circuit import Circuit
from app.repositories.dispatch import Watermark

BEGINNING: Watermark = (datetime(1970, 1, 1, tzinfo=UTC), 0)


@dataclass(slots=True)
class Claims:
    """How far the due people of a bot are taken, as this process sees it.

    ``mark`` moves as soon as rows are taken, not when they are done: the next batch begins behind them. Claims take
    turns (``turn``): one that began before the commit of another would walk over its rows and hold them for a moment,
    and the other, which skips what is locked, would give them back.
    """

    mark: Watermark = BEGINNING
    generation: int = 0
    """How often the mark was set back; what a claim that began before took must not move it forward again."""
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    delivery: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held while a batch is on its way to the gateway: not more are under way than one batch may have."""
    circuit: Circuit = field(default_factory=Circuit)

    def advance(self, mark: Watermark, generation: int) -> None:
        """Begin behind ``mark`` from now on, unless the mark was set back since this ``generation``."""
        if generation == self.generation:
            self.mark = max(self.mark, mark)

    def step_back(self, mark: Watermark) -> None:
        """Begin with ``mark`` if that is further back; nobody is to be claiming at the moment."""
        if mark < self.mark:
            self.mark = mark
            self.generation += 1

    def start_over(self) -> None:
        """Begin with the oldest row again."""
        self.mark = BEGINNING
        self.generation += 1
