"""Who may call: a table over every route of the service, and the cases that a table does not show."""

import base64
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI
from pydantic import SecretStr
from starlette.routing import BaseRoute

from app.clock import ManualClock
from app.config import Settings
from app.errors import UnauthorizedError
from app.main import create_app
from app.repositories.database import Database
from app.routers import late
from app.routers.access import OPEN, PROVEN, SIGNED, Access
from app.routers.grants import THIS_MACHINE
from app.services.keys import KeyRing
from tests.running import running

KEY = "a-key-of-this-test"
OTHER = "another-key-密钥"
KEYED = "/api/followup-records"
"""A page that nobody gets without leave, and quickly made."""
BROWSER = {"Accept": "text/html,application/xhtml+xml"}


@asynccontextmanager
async def serving(
    settings: Settings, *, address: str = "127.0.0.1", host: str = "localhost", **changes: Any
) -> AsyncIterator[httpx2.AsyncClient]:
    app = create_app(settings.model_copy(update=changes))
    async with running(app, address=address, base_url=f"http://{host}") as opened:
        yield opened


def keyed(settings: Settings, **options: Any) -> Any:
    return serving(settings, api_keys=(SecretStr(KEY), SecretStr(OTHER)), **options)


def walk(routes: list[BaseRoute]) -> Iterator[tuple[str, str]]:
    """Every method and path; routers are included lazily, so their routes stand inside of them."""
    for route in routes:
        inner = getattr(route, "original_router", None)
        if inner is not None:
            yield from walk(inner.routes)
        else:
            for method in sorted(getattr(route, "methods", None) or {"GET"}):
                yield method, str(getattr(route, "path")).replace(":path}", "}")  # noqa: B009 - not every route has one


def templates(app: FastAPI) -> list[tuple[str, str]]:
    late.load_all()
    return list(walk(app.routes))


def every_route(app: FastAPI) -> list[tuple[str, str]]:
    return [(method, re.sub(r"\{[^}]*\}", "1", path)) for method, path in templates(app)]


def is_open(path: str) -> bool:
    """Whether a path is answered without key and signature; the signed door refuses by itself."""
    return path in OPEN or (path.startswith(PROVEN) and not path.startswith(SIGNED))


def is_refused(answer: httpx2.Response) -> bool:
    """Chatopera's clients lose the body of any status but 200."""
    path = answer.request.url.path
    if path.startswith((SIGNED, "/api/v1/secret/")) or path == "/api/v1/chatbot":
        told = answer.json()
        speaks_of_access = any(word in told.get("error", "") for word in ("密钥", "authorization", "appId"))
        return bool(answer.status_code == 200 and told["rc"] == 1 and speaks_of_access)
    return answer.status_code == 401


async def test_the_walk_sees_what_the_document_shows(app: FastAPI) -> None:
    walked = {(method.lower(), path) for method, path in templates(app)}
    shown = {(method, path) for path, methods in app.openapi()["paths"].items() for method in methods}
    assert len(shown) > 20
    assert shown <= walked
    assert {("get", "/docs"), ("get", "/openapi.json"), ("get", "/")} <= walked


async def test_no_route_answers_without_a_key(app: FastAPI, settings: Settings) -> None:
    async with keyed(settings) as client:
        for method, path in every_route(app):
            answer = await client.request(method, path)
            assert is_refused(answer) is not is_open(path), (method, path, answer.status_code)


async def test_no_route_answers_to_a_wrong_key(app: FastAPI, settings: Settings) -> None:
    async with keyed(settings) as client:
        for method, path in every_route(app):
            answer = await client.request(method, path, headers={"Authorization": f"Bearer {KEY}x"})
            assert is_refused(answer) is not is_open(path), (method, path)


async def test_every_route_is_reached_with_a_key(app: FastAPI, settings: Settings) -> None:
    async with keyed(settings, address="203.0.113.9", host="api.example.com") as client:
        for method, path in every_route(app):
            if not path.endswith("/stream"):
                answer = await client.request(method, path, headers={"X-API-Key": KEY})
                assert is_refused(answer) is path.startswith(SIGNED), (method, path, answer.text)


async def test_without_keys_no_route_answers_to_another_machine(app: FastAPI, settings: Settings) -> None:
    async with serving(settings, address="203.0.113.9") as client:
        for method, path in every_route(app):
            answer = await client.request(method, path)
            assert is_refused(answer) is not is_open(path), (method, path)
            assert is_open(path) or path.startswith(SIGNED) or "HUIYIN_API_KEYS" in answer.text


async def test_what_is_open_by_prefix_has_its_proof_right_behind(app: FastAPI) -> None:
    opened = [path for _, path in templates(app) if path.startswith(PROVEN)]
    proven = re.compile(
        r"(/chat|/api/webchat)/\{token\}|/api/v1/chatbot/\{clientId\}|/api/v1/outbound-bot/recordings/\{jobId\}"
    )
    assert len(opened) > 10
    assert all(proven.match(path) for path in opened), opened


async def test_a_path_that_is_no_route_is_not_open_either(settings: Settings) -> None:
    async with keyed(settings) as client:
        for path in ("/nope", "/healthz/", "/healthz/x", "//healthz", "/chat", "/api/webchat", "/%68ealthz%00"):
            assert (await client.get(path)).status_code in {401, 404}, path
        assert (await client.get("/nope")).status_code == 401


@pytest.mark.parametrize("address", ["127.0.0.1", "127.8.9.10", "::1", "::ffff:127.0.0.1"])
async def test_every_loopback_address_is_this_machine(shared_settings: Settings, address: str) -> None:
    async with serving(shared_settings, address=address) as client:
        assert (await client.get(KEYED)).status_code == 200


@pytest.mark.parametrize("address", ["10.0.0.1", "192.168.1.5", "::ffff:10.0.0.1", "fe80::1", "testclient", ""])
async def test_every_other_address_is_not(shared_settings: Settings, address: str) -> None:
    async with serving(shared_settings, address=address) as client:
        assert (await client.get(KEYED)).status_code == 401


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "localhost:8000"}, 200),
        ({"Host": "LOCALHOST"}, 200),
        ({"Host": "127.0.0.1:8000"}, 200),
        ({"Host": "[::1]:8000"}, 200),
        ({"Host": "evil.example"}, 403),
        ({"Host": "localhost.evil.example:8000"}, 403),
        ({"Host": "localhost@evil.example"}, 403),
        ({"Host": "[oops"}, 403),
        ({"Host": ""}, 403),
        ({"Origin": "http://localhost:5173"}, 200),
        ({"Origin": "http://127.0.0.1:8000"}, 200),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "https://localhost.evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"X-Forwarded-For": "127.0.0.1"}, 401),
        ({"Forwarded": "for=127.0.0.1"}, 401),
        ({"X-Real-IP": "127.0.0.1"}, 401),
        ({"X-Forwarded-Proto": "https"}, 401),
        ({"CF-Connecting-IP": "127.0.0.1"}, 401),
        ({"Via": "1.1 varnish"}, 401),
        ({"Connection": "close"}, 200),
    ],
)
async def test_without_keys_host_and_origin_must_be_this_machine(
    shared_settings: Settings, headers: dict[str, str], status: int
) -> None:
    async with serving(shared_settings) as client:
        assert (await client.get(KEYED, headers=headers)).status_code == status


@pytest.mark.parametrize(
    ("version", "connection", "is_refused"),
    [("1.0", b"close", True), ("1.0", None, False), ("1.0", b"keep-alive", False), ("1.1", b"close", False)],
)
async def test_a_proxy_that_names_nobody_is_known_by_how_it_speaks(
    settings: Settings, database: Database, clock: ManualClock, version: str, connection: bytes | None, is_refused: bool
) -> None:
    headers = [(b"host", b"127.0.0.1:8000"), *([(b"connection", connection)] if connection else [])]
    scope = {"type": "http", "path": "/x", "method": "GET", "headers": headers, "client": ("127.0.0.1", 1)}
    access = Access(settings, KeyRing(database, clock))
    if is_refused:
        with pytest.raises(UnauthorizedError):
            await access.admit({**scope, "http_version": version})
    else:
        assert await access.admit({**scope, "http_version": version}) is THIS_MACHINE


@pytest.mark.parametrize(
    ("peer", "written", "status"),
    [
        ("10.0.0.7", "127.0.0.1", 200),  # the proxy says that its own machine calls
        ("10.0.0.7", "203.0.113.9", 401),
        ("10.0.0.7", "127.0.0.1, 203.0.113.9", 401),  # what the client wrote itself does not count
        ("10.0.0.7", "203.0.113.9, 127.0.0.1", 200),
        ("10.0.0.7", "203.0.113.9, 10.0.0.8", 401),  # two proxies in a row
        ("10.0.0.7", "127.0.0.1:4711", 200),
        ("10.0.0.7", "[::1]:4711", 200),
        ("10.0.0.7", "rubbish", 401),
        ("10.0.1.7", "127.0.0.1", 401),  # no declared proxy
    ],
)
async def test_only_declared_proxies_are_believed(
    shared_settings: Settings, peer: str, written: str, status: int
) -> None:
    async with serving(shared_settings, address=peer, trusted_proxies=("10.0.0.0/24",)) as client:
        answer = await client.get(KEYED, headers={"X-Forwarded-For": written})
        assert answer.status_code == status


@pytest.mark.parametrize("peer", ["10.0.0.7", "127.0.0.1", "::1"])
@pytest.mark.parametrize(
    "headers",
    [{}, {"X-Real-IP": "127.0.0.1"}, {"Forwarded": "for=127.0.0.1"}, {"X-Forwarded-For": ""}],
    ids=["nothing", "another-header", "the-standard-one", "empty"],
)
async def test_a_declared_proxy_that_does_not_say_for_whom_is_not_answered(
    settings: Settings, peer: str, headers: dict[str, str]
) -> None:
    """A proxy on this machine calls from the loopback address: without its word everybody would be this machine."""
    proxies = ("10.0.0.0/24", "127.0.0.1", "::1")
    async with serving(settings, address=peer, trusted_proxies=proxies) as client:
        assert (await client.get("/openapi.json", headers=headers)).status_code == 401
        told = {"X-Forwarded-For": "127.0.0.1"}
        # The address that it names is a declared proxy's again, and still a loopback one.
        assert (await client.get("/openapi.json", headers=told)).status_code == 200
    async with serving(settings, address="127.0.0.1") as client:
        assert (await client.get("/openapi.json")).status_code == 200, "without proxies this machine is answered"


def basic(password: str, user: str = "me") -> str:
    return f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Authorization": f"Bearer {KEY}"}, 200),
        ({"Authorization": f"bearer  {KEY}"}, 200),
        ({"Authorization": KEY}, 401),
        ({"Authorization": "Bearer "}, 401),
        ({"X-API-Key": KEY}, 200),
        ({"X-API-Key": ""}, 401),
        ({"X-API-Key": OTHER}, 200),
        ({"Authorization": f"Bearer {OTHER}"}, 200),
        ({"X-API-Key": KEY, "Authorization": "Bearer wrong"}, 200),
        ({"Authorization": basic(KEY)}, 200),
        ({"Authorization": basic(OTHER)}, 200),
        ({"Authorization": basic("wrong")}, 401),
        ({"Authorization": "Basic %%%"}, 401),
        ({"Authorization": f"Basic {base64.b64encode(KEY.encode()).decode()}"}, 401),
    ],
)
async def test_a_key_comes_in_three_ways(shared_settings: Settings, headers: dict[str, str], status: int) -> None:
    async with keyed(shared_settings) as client:
        sent = {name.encode(): text.encode() for name, text in headers.items()}
        assert (await client.get(KEYED, headers=sent)).status_code == status


async def test_only_a_browser_that_opens_a_page_is_asked_for_a_password(settings: Settings) -> None:
    async with keyed(settings) as client:
        opened = await client.get("/docs", headers=BROWSER)
        fetched = await client.get("/openapi.json", headers={"Accept": "application/json"})
    assert opened.headers.get_list("www-authenticate")[0] == "Bearer"
    assert "Basic" in opened.headers["www-authenticate"]
    assert fetched.headers["www-authenticate"] == "Bearer"


async def test_a_foreign_page_cannot_use_the_password_that_a_browser_remembers(settings: Settings) -> None:
    async with keyed(settings, host="api.example.com", public_url="https://huiyin.example.com") as client:
        for origin, status in (
            ("https://evil.example", 403),
            ("null", 403),
            ("http://api.example.com", 404),
            ("https://huiyin.example.com", 404),
        ):
            headers = {"Authorization": basic(KEY), "Origin": origin}
            assert (await client.post("/nope", headers=headers)).status_code == status, origin
        unbrowsed = {"Authorization": f"Bearer {KEY}", "Origin": "https://evil.example"}
        assert (await client.post("/nope", headers=unbrowsed)).status_code == 404


async def test_the_document_says_what_needs_a_key(app: FastAPI) -> None:
    document = app.openapi()
    assert document["security"] == [{}, {"bearer": []}, {"apiKey": []}]
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            is_account_call = method == "delete" and path.removesuffix("/") == f"{SIGNED}{{clientId}}"
            needs_none = path in OPEN or (path.startswith(PROVEN) and not is_account_call)
            assert (operation["security"] == []) is needs_none, (method, path)


async def test_a_wrong_proxy_setting_is_told_at_once(settings: Settings) -> None:
    with pytest.raises(ValueError, match="nonsense"):
        async with serving(settings, trusted_proxies=("nonsense",)):
            pass
