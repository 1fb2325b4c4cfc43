"""Traces arrive at a collector over OTLP/HTTP and name nobody."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import httpx2
import pytest
from aiohttp import web

from app.gateways.telemetry import telemetry
from tests.e2e.service import running

PHONE = "13800138000"
NAME = "林小满"
NEEDS_SDK = pytest.mark.skipif(find_spec("opentelemetry.sdk") is None, reason="the extra opentelemetry is missing")


class Collector:
    """What was posted to a local OTLP receiver, by path."""

    def __init__(self) -> None:
        self.url = ""
        self.got: dict[str, bytes] = {}

    async def take(self, request: web.Request) -> web.Response:
        body = await request.read()
        self.got[request.path] = self.got.get(request.path, b"") + body
        return web.Response(body=b"", content_type="application/x-protobuf")


@asynccontextmanager
async def collector() -> AsyncIterator[Collector]:
    stub = Collector()
    app = web.Application()
    app.router.add_post("/{path:.*}", stub.take)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    stub.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield stub
    finally:
        await runner.cleanup()


@NEEDS_SDK
async def test_a_trace_arrives_and_names_nobody(tmp_path: Path, database_url: str) -> None:
    async with collector() as stub:
        settings: dict[str, Any] = {
            "DATABASE_URL": database_url,
            "OTEL_EXPORTER_OTLP_ENDPOINT": stub.url,
            "OTEL_EXPORTER_OTLP_COMPRESSION": "none",
            "OTEL_SERVICE_NAME": "huiyin-test",
            "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
        }
        async with running(tmp_path, "--no-demo", **settings) as service, service.client() as client:
            made = await client.post("/api/contacts", json={"name": NAME, "phone": PHONE, "user_id": "wx-secret"})
            assert made.status_code == 201
            await client.get("/api/contacts", params={"q": PHONE})
            await client.get("/api/v1/outbound-bot/status", params={"caseRef": "1", "phoneNumber": PHONE})
            await client.get("/api/chatbot/users/wx-secret/profile")
            await client.post("/api/contacts", content=f'{{"name": "{NAME}", "phone": 1')
            await client.get(f"/{PHONE}")
        # What the service had not sent yet it sends when it stops.
        traces = stub.got["/v1/traces"]
        assert b"huiyin-test" in traces
        assert b"POST /api/contacts" in traces
        assert b"/api/v1/outbound-bot/status" in traces
        assert b"masked" in traces
        everything = b"".join(stub.got.values())
        for secret in (PHONE, NAME, "wx-secret"):
            assert secret.encode() not in everything
        assert "/v1/logs" not in stub.got


@NEEDS_SDK
async def test_a_collector_that_is_away_holds_nothing_up(tmp_path: Path, database_url: str) -> None:
    settings: dict[str, Any] = {"DATABASE_URL": database_url, "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"}
    settings["PYTHONPATH"] = os.environ.get("PYTHONPATH", "")
    async with running(tmp_path, "--no-demo", **settings) as service, service.client() as client:
        answers = await asyncio.gather(*(client.get("/healthz") for _ in range(20)))
        assert {answer.status_code for answer in answers} == {httpx2.codes.OK}


def test_without_an_endpoint_nothing_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("OTEL_"):
            monkeypatch.delenv(name)
    assert telemetry() == {"auto_configure": False, "tracing": False, "metrics": False, "logs": False}
