"""Numbers about the running service for Prometheus; labels are templates and states, never data of people."""

from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, GCCollector, Histogram, ProcessCollector
from prometheus_client.exposition import generate_latest

from app.repositories.database import Database

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Metrics:
    """The metrics of one service; others add their own to ``registry``."""

    def __init__(self, database: Database) -> None:
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
        in_use = Gauge(
            "huiyin_database_connections_in_use",
            "Connections lent at the moment, by pool.",
            ("pool",),
            registry=self.registry,
        )
        in_use.labels("raw").set_function(lambda: database.raw_in_use)
        waiting = Gauge(
            "huiyin_database_connections_waiting",
            "Requests and passes that wait for a connection at the moment.",
            ("pool",),
            registry=self.registry,
        )
        waiting.labels("raw").set_function(lambda: database.raw_waiting)
        sessions: Any = database.engine.pool
        in_use.labels("sessions").set_function(sessions.checkedout)

    def request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one request; ``route`` is the template, so that the number of series stays bounded."""
        known = method if method in _METHODS else "other"
        self._requests.labels(known, route, str(status)).inc()
        self._seconds.labels(known, route).observe(seconds)

    def render(self) -> bytes:
        """Return all numbers in the text format of Prometheus."""
        return generate_latest(self.registry)
