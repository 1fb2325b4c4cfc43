"""Traces and metrics to an OpenTelemetry collector, where one is set by ``OTEL_EXPORTER_OTLP_ENDPOINT``.

FastAPI makes the spans and sends them. It puts each request's path and query into them, which hold phone numbers and
ids of people here: they are masked before anything is kept, and the route's template says which request it was. Log
records are not sent: the text of an error may name somebody, and the log of the service masks what it writes.
"""

import os
from importlib.util import find_spec
from typing import Any

import structlog
from fastapi.telemetry import TelemetryConfig

MASKED = "masked"
_OFF: TelemetryConfig = {"auto_configure": False, "tracing": False, "metrics": False, "logs": False}
_NAMES = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT")

log = structlog.get_logger(__name__)


def telemetry() -> TelemetryConfig:
    """Return FastAPI's telemetry: on where an endpoint is set, else it only costs time."""
    if not any(os.environ.get(name) for name in _NAMES):
        return _OFF
    if find_spec("opentelemetry.sdk") is None or find_spec("opentelemetry.exporter") is None:
        log.warning("no traces are sent: the extra `opentelemetry` is not installed (requirements-extras.lock)")
        return _OFF
    from opentelemetry.sdk.trace import SpanProcessor, TracerProvider  # noqa: PLC0415 - slow, and an extra

    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(type("Masking", (SpanProcessor,), {"on_start": _mask})())
    return {"auto_configure": True, "tracing": True, "metrics": True, "logs": False, "tracer_provider": provider}


def _mask(_processor: Any, span: Any, parent_context: Any = None) -> None:  # noqa: ARG001 - the SDK's signature
    for name in ("url.path", "url.query"):
        if span.attributes and name in span.attributes:
            span.set_attribute(name, MASKED)
