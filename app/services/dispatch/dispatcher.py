"""Which bots have work, how many lanes each gets, and where their claims begin."""

import asyncio
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog

from app.gateways.circuit import Circuit
from app.gateways.messenger import Channel, Messenger
from app.repositories import dispatch as store
from app.repositories import people
from app.repositories.dispatch import Row, Watermark
from app.services.context import Context
from app.services.dispatch import webchat, webhook
from app.services.dispatch.claims import Claims
from app.services.limits import current_limits

log = structlog.get_logger(__name__)

LATE = timedelta(seconds=2)
"""How far back every tick looks: whoever is enrolled is due before it is committed, and others are taken meanwhile."""
LANES = 2
"""Batches of one bot under way at a time: one is in the database while the other is being decided or delivered."""


@dataclass(slots=True)
class _BotState:
    claims: Claims = field(default_factory=Claims)
    task: asyncio.Task[None] | None = None

    @property
    def circuit(self) -> Circuit:
        """How far the bot's gateway is trusted."""
        return self.claims.circuit


class Dispatcher:
    """Sends what is due; any number of processes may run one on the same database.

    Each bot is worked on by a task of its own, so that a slow gateway holds up no other bot.
    """

    def __init__(self, context: Context, messenger: Messenger) -> None:
        self._context = context
        self._messenger = messenger
        self._bots: dict[int, _BotState] = {}
        self._is_sweep_due = False
        self.sent = 0
        """Messages that left through this dispatcher since it was made."""

    async def tick(self) -> None:
        """Start work for every bot that has somebody due; returns without waiting for it."""
        if self._context.stopping.is_set():
            return
        now = self._context.clock.now()
        is_sweep = self._is_sweep_due
        async with self._context.database.connection() as connection:
            bots = await store.due_bots(connection, now, {} if is_sweep else self._marks(now - LATE))
        if is_sweep:
            self._is_sweep_due = False
        for bot in bots:
            state = self._bots.setdefault(bot["id"], _BotState())
            if is_sweep:
                # Only where somebody is due: elsewhere each tick would walk over the dead entries, sweep after sweep.
                state.claims.start_over()
            if state.task is None or state.task.done():
                state.claims.step_back((now - LATE, 0))
                state.task = asyncio.create_task(self._work(bot, state), name=f"dispatch-{bot['id']}")

    async def sweep(self) -> None:
        """Let the next tick look without the watermarks, for rows that came in late or fell back below them."""
        self._is_sweep_due = True

    async def idle(self) -> None:
        """Wait until everything that was started is done."""
        running = [state.task for state in self._bots.values() if state.task is not None]
        await asyncio.gather(*running)

    async def drain(self) -> None:
        """Sweep, tick and wait; what a test or a command line wants."""
        await self.sweep()
        await self.tick()
        await self.idle()

    async def _work(self, bot: Row, state: _BotState) -> None:
        lanes = LANES if bot["delivery_kind"] == "webchat" or not state.circuit.opened else 1
        # Each lane for itself: one that fails must not cut what the other has on its way to people.
        ends = await asyncio.gather(*(self._lane(bot, state) for _ in range(lanes)), return_exceptions=True)
        for error in ends:
            if isinstance(error, Exception):
                # What is claimed comes back by its lease; what was rolled back lies below the mark.
                state.claims.start_over()
                log.error("a dispatch ended early", bot_id=bot["id"], exc_info=error)

    async def _lane(self, bot: Row, state: _BotState) -> None:
        while not self._context.stopping.is_set():
            if bot["delivery_kind"] == "webchat":
                result = await self._webchat(bot, state)
            else:
                result = await self._webhook(bot, state)
            if not result.taken:
                return
            self.sent += result.sent
            async with self._context.database.connection() as connection:
                # A backlog can take minutes: a new address or rate counts from the next batch on.
                bot = await people.find_bot(connection, bot["id"])

    def _marks(self, newest: datetime) -> dict[int, Watermark]:
        return {bot_id: min(state.claims.mark, (newest, 0)) for bot_id, state in self._bots.items()}

    async def _webchat(self, bot: Row, state: _BotState) -> webchat.BatchResult:
        settings = self._context.settings
        limits = await current_limits(self._context)
        if bot["inbox_url"] is None:
            return await webchat.send_batch(self._context, bot["id"], limits, state.claims, settings.dispatch_batch)
        # As many as fit well into a lease while an inbox lets each of them wait.
        limit = min(settings.dispatch_batch, settings.gateway_concurrency)
        return await webchat.send_polled_batch(
            self._context, self._messenger, channel_of(bot), limits, state.claims, limit
        )

    async def _webhook(self, bot: Row, state: _BotState) -> webchat.BatchResult:
        now = self._context.clock.now()
        limit = state.circuit.batch_limit(now, self._context.settings.gateway_concurrency)
        if limit == 0:
            return webchat.BatchResult(0, 0)
        limits = await current_limits(self._context)
        return await webhook.send_batch(
            self._context, self._messenger, channel_of(bot), limits, state.claims, limit, bot["rate_per_second"]
        )


def channel_of(bot: Row) -> Channel:
    """Read a bot's gateway from its row."""
    return Channel(bot["id"], bot["url"], bot["secret"], bot["idempotent"], bot["inbox_url"])
