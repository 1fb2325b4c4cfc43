"""Reading the talks of calls: first all of them by rules, for refusals; then some of tasks by a language model.

A pass claims talks with a lease, so that any number of processes share the work and what dies with one comes back.
Nobody's refusal waits for a model: who refused is protected before anything else is done with the talk, and a talk with
a refusal is never asked about. Where a model does not answer, or may not be asked, the rules' reading stands, and why.
"""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import lru_cache
from typing import Any

import asyncpg
import structlog

from app.domain.calls import Speaker
from app.domain.intention import (
    Line,
    PhraseTable,
    Reading,
    default_table,
    read_refusals,
    read_talk,
    refuses_calls,
    without_others,
)
from app.domain.replies import is_opt_out
from app.domain.tasks import AnalystKind
from app.gateways.analyst import Analyst, AnalystError
from app.gateways.circuit import Circuit
from app.repositories import call_intentions as store
from app.repositories import call_notices
from app.repositories.call_intentions import Settled
from app.services.agent.call_refusals import Refusal, protect
from app.services.context import Context
from app.services.transactions import in_transaction, one_by_one

log = structlog.get_logger(__name__)

BATCH = 100
MODEL_BATCH = 32
AT_ONCE = 8
RULES = "rules"
_LEASE = timedelta(seconds=60)
_ERASED = "erased-"


@dataclass(slots=True)
class TalkReader:
    """Reads what is due; ``analyst`` is None where no model is set."""

    context: Context
    analyst: Analyst | None
    circuit: Circuit = field(default_factory=Circuit)
    _asking: asyncio.Task[None] | None = None

    async def read_new(self) -> None:
        """Read talks that nobody has read yet, batch by batch."""
        while not self.context.stopping.is_set() and await self._claim_new():
            pass

    async def ask_model(self) -> None:
        """Have the model read what waits for it, batch by batch."""
        while not self.context.stopping.is_set() and await self._claim_for_model():
            pass

    async def tick(self) -> None:
        """Let the model be asked, and do not wait for its answers."""
        if self._asking is None or self._asking.done():
            if self._asking is not None:
                # What went wrong the last time shows as a failure of this pass; the talks come back with their leases.
                asking, self._asking = self._asking, None
                asking.result()
            self._asking = asyncio.create_task(self.ask_model(), name="models")

    async def idle(self) -> None:
        """Wait until the model is not being asked."""
        if self._asking is not None:
            await asyncio.wait([self._asking])

    async def close(self) -> None:
        """Let the analyst go; what it was asked is asked again by others when the lease ends."""
        if self._asking is not None:
            self._asking.cancel()
            await asyncio.gather(self._asking, return_exceptions=True)
        if self.analyst is not None:
            await self.analyst.close()

    async def _claim_new(self) -> int:
        now = self.context.clock.now()
        async with self.context.database.transaction() as connection:
            rows = await store.claim(connection, now, now + _LEASE, BATCH, for_model=False)
        if rows:
            await one_by_one(rows, self._read_all)
        return len(rows)

    async def _read_all(self, rows: Sequence[asyncpg.Record]) -> list[int]:
        readings = {row["call_id"]: by_rules(row) for row in rows}
        refusals = [
            Refusal(row["call_id"], row["phone"], row["contact_id"])
            for row in rows
            if readings[row["call_id"]].refuses and not row["phone"].startswith(_ERASED)
        ]
        now = self.context.clock.now()
        await protect(self.context, refusals, now)
        is_left = {row["call_id"] for row in rows if _is_for_model(row) and not readings[row["call_id"]].refuses}
        settled = [_settled(row, readings[row["call_id"]]) for row in rows if row["call_id"] not in is_left]
        return await self._settle(settled, left=sorted(is_left))

    async def _claim_for_model(self) -> int:
        now = self.context.clock.now()
        # Longer than all questions of the batch, one round after the other.
        lease = _LEASE + timedelta(seconds=self.context.settings.analyst_timeout_seconds) * (MODEL_BATCH // AT_ONCE + 1)
        async with self.context.database.transaction() as connection:
            rows = await store.claim(connection, now, now + lease, MODEL_BATCH, for_model=True)
        if rows:
            slots = asyncio.Semaphore(AT_ONCE)
            settled = await asyncio.gather(*(self._ask(row, slots) for row in rows))
            await one_by_one(settled, self._settle)
        return len(rows)

    async def _ask(self, row: asyncpg.Record, slots: asyncio.Semaphore) -> Settled:
        lines = lines_of(row["conversations"])
        if row["conversations"] is None:
            return _settled(row, by_rules(row))
        async with slots:
            try:
                reading, model = await self._reading(lines)
            except AnalystError as error:
                log.warning("a talk is read by rules", call_id=row["call_id"], reason=str(error))
                return _settled(row, by_rules(row), problem=str(error))
        return _settled(row, reading, model=model)

    async def _reading(self, lines: Sequence[Line]) -> tuple[Reading, str]:
        """Return what a talk says, and the name of who read it."""
        if self.analyst is None:
            raise AnalystError("HUIYIN_ANALYST_URL is not set")
        now = self.context.clock.now()
        if not self.circuit.batch_limit(now, AT_ONCE):
            raise AnalystError("the model did not answer a moment ago")
        try:
            reading = await self.analyst.read(lines)
        except AnalystError as error:
            if error.is_silent:
                self.circuit.record(successes=0, failures=1, now=self.context.clock.now())
            raise
        self.circuit.record(successes=1, failures=0, now=now)
        return reading, self.analyst.name

    async def _settle(self, settled: Sequence[Settled], *, left: Sequence[int] = ()) -> list[int]:
        now = self.context.clock.now()

        async def work(connection: asyncpg.Connection) -> list[int]:
            await store.leave_to_model(connection, now, left)
            written = await store.settle(connection, now, settled)
            await call_notices.add_after_talks(connection, now, written)
            return written

        return await in_transaction(self.context, work)


def by_rules(row: asyncpg.Record) -> Reading:
    """Read a claimed talk by its config's phrases; that of a mediation for a clear refusal only."""
    if row["task_id"] is None:
        return read_refusals(lines_of(row["conversations"]), refuses_in_mediation)
    phrases = row["phrases"]
    table = default_table() if phrases is None else _table(json.dumps(phrases, sort_keys=True))
    return read_talk(lines_of(row["conversations"]), table, refuses)


def refuses(text: str) -> bool:
    """Say whether a sentence refuses contact, in the words of a message or of a call."""
    return is_opt_out(text) or refuses_calls(text)


def refuses_in_mediation(text: str) -> bool:
    """Say whether a party refuses contact; 「我要去劳动局投诉他」 is about the other one, and refuses nothing."""
    return is_opt_out(without_others(text))


def lines_of(conversations: Sequence[dict[str, Any]] | None) -> list[Line]:
    """Return what was said in a stored talk; none of one that was erased."""
    return [
        Line(line["speaker"] == Speaker.CONTACT, line["script"]) for line in conversations or () if line.get("script")
    ]


@lru_cache(maxsize=64)
def _table(phrases: str) -> PhraseTable:
    return PhraseTable(json.loads(phrases))


def _is_for_model(row: asyncpg.Record) -> bool:
    return row["llm_type"] == AnalystKind.MODEL and row["conversations"] is not None


def _settled(row: asyncpg.Record, reading: Reading, *, model: str = RULES, problem: str | None = None) -> Settled:
    call_id = row["call_id"]
    if row["conversations"] is None:
        return Settled(call_id, "failed", None, (), (), None, "the call was erased")
    if row["config_id"] is None and not reading.refuses:
        return Settled(call_id, "done", None, (), (), RULES, None)
    # Without a config nobody asked for a level; that somebody refused is kept all the same.
    level = None if row["config_id"] is None else int(reading.level)
    return Settled(call_id, "done", level, reading.tags, reading.evidence, model, problem)
