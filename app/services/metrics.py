"""Numbers about the running service for Prometheus; labels are templates and states, never data of people.

Requests, loops and pools are those of this process. What the database knows is the same for all processes on it, is
asked for by a scrape and at most every few seconds, and is missing for a while where the database does not answer.
"""

import asyncio
from typing import Any

import asyncpg
import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, GCCollector, Histogram, ProcessCollector
from prometheus_client.exposition import generate_latest

from app.clock import Clock, SystemClock
from app.repositories import figures
from app.repositories.database import Database
from app.repositories.figures import MOST_COUNTED, Figures

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_LOOP_BUCKETS = (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0, 30.0, 60.0)
# Named, so that a state with no row is 0 and not absent: a rule cannot compare with what is not there.
_RECORD_STATES = ("reserved", "sent", "failed", "unknown", "not_sent")
_CALL_STATES = ("reserved", "placed", "unknown")
FRESH_SECONDS = 5.0
ANSWER_SECONDS = 2.0

log = structlog.get_logger(__name__)


class Metrics:
    """The metrics of one service; others add their own to ``registry``."""

    def __init__(self, database: Database, clock: Clock | None = None) -> None:
        self._database = database
        self._clock = clock or SystemClock()
        self._asked_at = float("-inf")
        self._asking = asyncio.Lock()
        self.registry = CollectorRegistry(auto_describe=True)
        ProcessCollector(registry=self.registry)
        GCCollector(registry=self.registry)
        self._requests = Counter(
            "huiyin_http_requests",
            "Requests answered, by route and status.",
            ("method", "route", "status"),
            registry=self.registry,
        )
        self._seconds = Histogram(
            "huiyin_http_request_duration_seconds",
            "Time from the request's head to the end of the answer.",
            ("method", "route"),
            buckets=_BUCKETS,
            registry=self.registry,
        )
        self._loops = Histogram(
            "huiyin_loop_duration_seconds",
            "Time of one run of a background loop.",
            ("loop",),
            buckets=_LOOP_BUCKETS,
            registry=self.registry,
        )
        self._loop_failures = Counter(
            "huiyin_loop_failures", "Runs of a background loop that failed.", ("loop",), registry=self.registry
        )
        self._loop_ends = Gauge(
            "huiyin_loop_last_end_timestamp_seconds",
            "When a background loop last came to its end.",
            ("loop",),
            registry=self.registry,
        )
        self._forgotten = Counter(
            "huiyin_forgotten_rows",
            "Rows deleted or emptied because they were too old, by kind.",
            ("kind",),
            registry=self.registry,
        )
        self._held = Gauge(
            "huiyin_sends_held",
            "1 while this process holds automatic messages and calls back; /readyz says why.",
            registry=self.registry,
        )
        self._add_pools(database)
        self._of_database = _DatabaseGauges(self.registry)

    def request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one request; ``route`` is the template, so that the number of series stays bounded."""
        known = method if method in _METHODS else "other"
        self._requests.labels(known, route, str(status)).inc()
        self._seconds.labels(known, route).observe(seconds)

    def loop(self, name: str, seconds: float, *, is_failure: bool) -> None:
        """Count one run of a background loop."""
        self._loops.labels(name).observe(seconds)
        failures = self._loop_failures.labels(name)
        if is_failure:
            failures.inc()
        self._loop_ends.labels(name).set_to_current_time()

    def forgotten(self, kind: str, number: int) -> None:
        """Count rows that were deleted or emptied for their age; a kind that was looked at shows, if only as 0."""
        self._forgotten.labels(kind).inc(number)

    def held(self, *, is_held: bool) -> None:
        """Show whether automatic messages and calls are held back."""
        self._held.set(is_held)

    async def refresh(self) -> None:
        """Ask the database for its figures unless that was just done; never raises, never waits long."""
        async with self._asking:
            now = asyncio.get_running_loop().time()
            if now - self._asked_at < FRESH_SECONDS:
                return
            self._asked_at = now
            try:
                async with asyncio.timeout(ANSWER_SECONDS), self._database.transaction() as connection:
                    found = await figures.read(connection)
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:  # TimeoutError is an OSError
                log.warning("the database gave no figures", error=repr(error))
                self._of_database.forget()
            else:
                self._of_database.show(found, self._clock.now().timestamp())

    def render(self) -> bytes:
        """Return all numbers in the text format of Prometheus."""
        return generate_latest(self.registry)

    def _add_pools(self, database: Database) -> None:
        in_use = self._pool_gauge("huiyin_database_connections_in_use", "Connections lent at the moment, by pool.")
        in_use.labels("raw").set_function(lambda: database.raw_in_use)
        waiting = self._pool_gauge(
            "huiyin_database_connections_waiting", "Requests and passes that wait for a connection at the moment."
        )
        waiting.labels("raw").set_function(lambda: database.raw_waiting)
        sessions: Any = database.engine.pool
        in_use.labels("sessions").set_function(sessions.checkedout)
        limit = self._pool_gauge("huiyin_database_connections_limit", "Connections that a pool may open.")
        for pool in ("raw", "sessions"):
            limit.labels(pool).set(sessions.size())

    def _pool_gauge(self, name: str, text: str) -> Gauge:
        return Gauge(name, text, ("pool",), registry=self.registry)


class _DatabaseGauges:
    """What the database knows; the same numbers whichever process is asked."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._answers = Gauge("huiyin_database_up", "Whether the database answered the last time.", registry=registry)
        self._lag = Gauge(
            "huiyin_lag_seconds",
            "How long the oldest row of a kind has been due: follow_up, poll, event, notice.",
            ("kind",),
            registry=registry,
        )
        self._waiting = Gauge(
            "huiyin_waiting_rows",
            f"Events and notices not delivered yet, recordings not deleted yet; {MOST_COUNTED} is that many or more.",
            ("kind",),
            registry=registry,
        )
        self._records = Gauge(
            "huiyin_follow_up_records", "Messages of sequences, by outcome.", ("status",), registry=registry
        )
        self._calls = Gauge(
            "huiyin_calls_active",
            "Calls that are not over, by how their placing went.",
            ("placement",),
            registry=registry,
        )

    def show(self, found: Figures, now: float) -> None:
        """Show what was found."""
        self._answers.set(1)
        moments = {
            "follow_up": found.oldest_due,
            "poll": found.oldest_poll,
            "event": found.oldest_event,
            "notice": found.oldest_notice,
        }
        for kind, moment in moments.items():
            self._lag.labels(kind).set(0 if moment is None else max(0.0, now - moment.timestamp()))
        for kind, number in found.waiting.items():
            self._waiting.labels(kind).set(number)
        for status in _RECORD_STATES:
            self._records.labels(status).set(found.records.get(status, 0))
        for placement in _CALL_STATES:
            self._calls.labels(placement).set(found.calls.get(placement, 0))

    def forget(self) -> None:
        """Show nothing instead of something old."""
        self._answers.set(0)
        for gauge in (self._lag, self._waiting, self._records, self._calls):
            gauge.clear()
