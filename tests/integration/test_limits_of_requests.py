"""Rate limit, time limit and CORS: what a request meets beside the question who may call."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import httpx2
import pytest
from pydantic import SecretStr, ValidationError

from app.config import Settings
from app.main import create_app
from app.routers.middleware.time_limit import TimeLimitMiddleware
from app.routers.rate_limiter import MOST_CALLERS, RateLimiter
from tests.running import running

KEYS = (SecretStr("one"), SecretStr("two"))
ONE = {"Authorization": "Bearer one"}
PAGE = "https://app.example.com"


@asynccontextmanager
async def serving(settings: Settings, **changes: Any) -> AsyncIterator[httpx2.AsyncClient]:
    app = create_app(settings.model_copy(update=changes))
    async with running(app) as client:
        yield client


class Seconds:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_bucket_holds_ten_seconds_worth_and_fills_steadily() -> None:
    seconds = Seconds()
    limiter = RateLimiter(60, seconds)
    assert [limiter.wait("a") for _ in range(12)] == [0] * 10 + [1, 1]
    assert limiter.wait("b") == 0, "each caller has its own"
    seconds.now += 1.0
    assert [limiter.wait("a"), limiter.wait("a")] == [0, 1]
    seconds.now += 3600.0
    assert [limiter.wait("a") for _ in range(11)] == [0] * 10 + [1], "it holds no more than that"


def test_in_an_hour_nobody_gets_more_than_the_rate() -> None:
    seconds = Seconds()
    limiter = RateLimiter(7, seconds)
    taken = 0
    for _ in range(36_000):
        seconds.now += 0.1
        taken += limiter.wait("a") == 0
    assert 7 * 60 - 1 <= taken <= 7 * 60 + 2


def test_whoever_waits_as_told_is_answered() -> None:
    seconds = Seconds()
    limiter = RateLimiter(2, seconds)
    assert limiter.wait("a") == 0
    seconds.now += limiter.wait("a")
    assert limiter.wait("a") == 0


def test_who_came_least_recently_is_forgotten() -> None:
    limiter = RateLimiter(6, Seconds())
    assert [limiter.wait("a"), limiter.wait("b"), limiter.wait("a")] == [0, 0, 10]
    for number in range(MOST_CALLERS - 1):
        limiter.wait(str(number))
    assert [limiter.wait("a"), limiter.wait("b")] == [10, 0]


@pytest.mark.parametrize(
    ("path", "envelope"),
    [
        ("/api/contacts", {"detail"}),
        ("/api/chatbot/users", {"rc", "error"}),
        ("/api/v1/mediation/cases", {"code", "message", "data"}),
        ("/agent-api/user", {"code", "status", "message", "data"}),
    ],
)
async def test_a_key_that_asks_too_often_waits(settings: Settings, path: str, envelope: set[str]) -> None:
    async with serving(settings, api_keys=KEYS, rate_limit=1) as client:
        assert (await client.get("/api/contacts", headers=ONE)).status_code == 200
        answer = await client.get(path, headers=ONE)
        assert answer.status_code == 429
        assert 1 <= int(answer.headers["retry-after"]) <= 60
        assert set(answer.json()) == envelope
        assert (await client.get(path, headers={"X-API-Key": "two"})).status_code == 200
        assert (await client.get("/healthz")).status_code == 200
        account = await client.get("/api/v1/chatbot", headers=ONE)
        assert (account.status_code, account.json()["rc"]) == (200, 1), "clients of this door lose other statuses"
        assert int(account.headers["retry-after"]) > 0


async def test_without_keys_nobody_is_counted(settings: Settings) -> None:
    async with serving(settings, rate_limit=1) as client:
        assert [(await client.get("/api/contacts")).status_code for _ in range(3)] == [200] * 3


def asked(method: str = "PUT", headers: str = "authorization,content-type") -> dict[str, str]:
    return {"Origin": PAGE, "Access-Control-Request-Method": method, "Access-Control-Request-Headers": headers}


async def test_pages_of_other_origins_read_nothing_unless_they_are_named(settings: Settings) -> None:
    async with serving(settings, api_keys=KEYS) as client:
        answer = await client.get("/api/contacts", headers={**ONE, "Origin": PAGE})
        assert not [name for name in answer.headers if name.startswith("access-control-")]
        assert "access-control-allow-origin" not in (await client.options("/api/contacts", headers=asked())).headers


async def test_pages_of_named_origins_call_with_a_key(settings: Settings) -> None:
    async with serving(settings, api_keys=KEYS, cors_origins=(PAGE,)) as client:
        before = await client.options("/api/contacts/1", headers=asked())
        assert before.status_code == 200
        assert before.headers["access-control-allow-origin"] == PAGE
        assert "PUT" in before.headers["access-control-allow-methods"]
        assert "access-control-allow-credentials" not in before.headers
        answer = await client.get("/api/contacts", headers={**ONE, "Origin": PAGE})
        assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, PAGE)
        assert "Retry-After" in answer.headers["access-control-expose-headers"]
        assert "Origin" in answer.headers["vary"]
        refused = await client.get("/api/contacts", headers={"Origin": PAGE})
        assert (refused.status_code, refused.headers["access-control-allow-origin"]) == (401, PAGE)
        for foreign in ("https://evil.example", "https://app.example.com.evil.example", "http://app.example.com"):
            answer = await client.get("/api/contacts", headers={**ONE, "Origin": foreign})
            assert "access-control-allow-origin" not in answer.headers, foreign
            denied = await client.options("/api/contacts", headers={**asked(), "Origin": foreign})
            assert "access-control-allow-origin" not in denied.headers, foreign


async def test_without_keys_a_named_page_of_elsewhere_is_refused_all_the_same(settings: Settings) -> None:
    """Its being open in a browser on this machine is no proof; a page of this machine itself may call and read."""
    here = "http://localhost:5173"
    async with serving(settings, cors_origins=(PAGE, here)) as client:
        refused = await client.get("/api/contacts", headers={"Origin": PAGE})
        assert (refused.status_code, refused.headers["access-control-allow-origin"]) == (403, PAGE)
        answer = await client.get("/api/contacts", headers={"Origin": here})
        assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, here)


@pytest.mark.parametrize(
    "given", ["*", "null", "app.example.com", "https://*.example.com", "https://a.example/", "HTTPS://A.example"]
)
def test_only_exact_origins_can_be_named(monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    monkeypatch.setenv("HUIYIN_CORS_ORIGINS", f"{PAGE},{given}")
    with pytest.raises(ValidationError, match="exact origins"):
        Settings()
    monkeypatch.setenv("HUIYIN_CORS_ORIGINS", f"{PAGE}, http://[::1]:5173,")
    assert Settings().cors_origins == (PAGE, "http://[::1]:5173")


def test_a_request_is_given_more_time_than_a_gateway(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUIYIN_REQUEST_TIMEOUT_SECONDS", "10")
    with pytest.raises(ValidationError, match="HUIYIN_REQUEST_TIMEOUT_SECONDS must be more than"):
        Settings()
    monkeypatch.delenv("HUIYIN_REQUEST_TIMEOUT_SECONDS")
    assert Settings().request_timeout_seconds == 60
    assert Settings(gateway_timeout_seconds=120, lease_seconds=240).request_timeout_seconds == 130


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "envelope"),
    [
        ("POST", "/api/contacts", {"name": "林小满"}, 504, {"detail"}),
        ("POST", "/agent-api/user", {"user_id": "u-1", "name": "x"}, 504, {"code", "status", "message", "data"}),
        ("PUT", "/api/v1/outbound-bot/lines/1", {"callLine": 3}, 504, {"code", "message", "data"}),
        ("POST", "/api/chatbot/users/u/mute", {}, 200, {"rc", "error"}),
    ],
)
async def test_a_request_that_takes_too_long_is_given_up(
    settings: Settings, database_url: str, method: str, path: str, body: dict[str, Any], status: int, envelope: set[str]
) -> None:
    blocker = await asyncpg.connect(database_url)
    try:
        async with serving(settings, request_timeout_seconds=2.0) as client:
            async with blocker.transaction():
                await blocker.execute("LOCK TABLE contact, account, caller_line, bot IN ACCESS EXCLUSIVE MODE")
                answer = await client.request(method, path, json=body)
                assert (answer.status_code, set(answer.json())) == (status, envelope)
                assert "已放弃" in answer.text
                assert "retry-after" not in answer.headers, "nobody is asked to try again without a look"
                assert answer.headers["connection"] == "close"
            assert (await client.get("/api/contacts")).json()["total"] == 0, "what was not committed did not happen"
            answer = await client.request(method, path, json=body)
            assert "已放弃" not in answer.text, "its connection is free again"
    finally:
        await blocker.close()


async def answered_by(path: str, *, pause_before: float, pause_after: float) -> list[dict[str, Any]]:
    """What a handler's client gets that waits before and after its answer begins, with 0.2 s to begin it."""
    sent: list[dict[str, Any]] = []

    async def handler(_scope: Any, _receive: Any, send: Any) -> None:
        await asyncio.sleep(pause_before)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await asyncio.sleep(pause_after)
        await send({"type": "http.response.body", "body": b"done"})

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        raise AssertionError

    await TimeLimitMiddleware(handler, 0.2)({"type": "http", "path": path}, receive, send)
    return sent


async def test_streams_and_imports_take_their_time() -> None:
    for path, before, after in (("/stream", 0, 0.6), ("/api/contacts/import", 0.6, 0)):
        assert (await answered_by(path, pause_before=before, pause_after=after))[-1]["body"] == b"done"
    start, body = await answered_by("/api/contacts", pause_before=0.6, pause_after=0)
    assert start["status"] == 504
    assert "0.2" in json.loads(body["body"])["detail"]


async def test_a_fault_of_the_same_name_is_told_as_itself() -> None:
    async def handler(_scope: Any, _receive: Any, _send: Any) -> None:
        raise TimeoutError("a gateway's")

    with pytest.raises(TimeoutError, match="a gateway's"):
        await TimeLimitMiddleware(handler, 5)({"type": "http", "path": "/x"}, None, None)  # type: ignore[arg-type]


async def test_a_request_that_others_end_is_not_answered() -> None:
    """A server that stops cancels what is under way."""
    entered = asyncio.Event()

    async def handler(_scope: Any, _receive: Any, _send: Any) -> None:
        entered.set()
        await asyncio.Event().wait()

    for seconds in (600.0, 0.0):
        entered.clear()
        limited = TimeLimitMiddleware(handler, seconds)({"type": "http", "path": "/x"}, None, None)  # type: ignore[arg-type]
        task = asyncio.ensure_future(limited)
        await entered.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_whoever_was_given_up_can_wait_again() -> None:
    async def handler(_scope: Any, _receive: Any, _send: Any) -> None:
        await asyncio.Event().wait()

    statuses = []

    async def send(message: Any) -> None:
        statuses.append(message.get("status"))
        await asyncio.sleep(0)

    await TimeLimitMiddleware(handler, 0.01)({"type": "http", "path": "/x"}, None, send)  # type: ignore[arg-type]
    await asyncio.sleep(0)
    task = asyncio.current_task()
    assert task is not None
    assert (task.cancelling(), statuses[0]) == (0, 504)
