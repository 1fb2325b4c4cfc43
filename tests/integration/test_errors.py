"""Every way in which a request can fail before a handler has a say, in the dialect of its family."""

import asyncio
import errno
import json
import re
from collections.abc import AsyncIterator, Callable
from typing import Any

import asyncpg
import httpx2
import pytest
import structlog
from fastapi import FastAPI
from sqlalchemy import exc, text

from app.config import Settings
from app.errors import AppError, ConflictError, InvalidInputError, NotFoundError, TooManyRequestsError, UnavailableError
from app.main import create_app
from app.repositories.pool import PoolBusyError
from app.routers import late
from app.routers.database_errors import StorageFullError, meaning
from app.routers.fixed_paths import FixedPaths
from tests.running import running

FAMILIES = [
    "/api/x",
    "/api/v1/chatbot/x",
    "/api/chatbot/x",
    "/api/v1/outbound-bot/x",
    "/api/v1/mediation/x",
    "/agent-api/x",
]
LIMIT = 2000


def told(path: str, answer: httpx2.Response) -> tuple[int, str]:
    """Return status and text of an error after checking that it has the shape of its family."""
    body = answer.json()
    if "chatbot" in path:
        assert set(body) == {"rc", "error"}
        return answer.status_code, body["error"]
    if path.startswith("/agent-api"):
        assert body == {"code": answer.status_code, "status": "error", "message": body["message"], "data": None}
        return answer.status_code, body["message"]
    if path.startswith("/api/v1/"):
        assert body == {"code": answer.status_code, "message": body["message"], "data": None}
        return answer.status_code, body["message"]
    assert set(body) == {"detail"}
    return answer.status_code, json.dumps(body["detail"], ensure_ascii=False)


def expected(path: str, status: int, *, access: bool = False) -> int:
    """Chatbot clients lose the body of any status but 200; the default door speaks plainly about access."""
    if path.startswith("/api/v1/chatbot") or (path.startswith("/api/chatbot") and not access):
        return 200
    return 400 if status == 422 and path.startswith("/api/v1/") else status


@pytest.fixture(scope="module")
async def broken(shared_settings: Settings) -> AsyncIterator[httpx2.AsyncClient]:
    """A client of a service whose handlers under each family fail in the way that the query names."""
    app = create_app(shared_settings.model_copy(update={"max_body_bytes": LIMIT}))
    failures: dict[str, Callable[[], Exception]] = {
        "bug": lambda: RuntimeError("13800138000"),
        "away": ConnectionRefusedError,
        "full": lambda: OSError(errno.ENOSPC, "full"),
        "missing": lambda: NotFoundError("没有 (none)"),
        "clash": lambda: ConflictError("已有 (taken)"),
        "slow": lambda: TooManyRequestsError("慢 (slow)", retry_after=7),
        "busy": PoolBusyError,
    }

    async def fail(how: str) -> None:
        error = failures[how]()
        raise error

    async def read(body: dict[str, Any]) -> dict[str, Any]:
        return body

    for family in FAMILIES:
        app.add_api_route(f"{family}/fail/{{how}}", fail)
        app.add_api_route(f"{family}/body", read, methods=["POST", "PUT"])
        app.add_api_route(f"{family}/body", read, methods=["PATCH"])
    async with running(app, raises=True) as client:
        yield client


@pytest.mark.parametrize("family", FAMILIES)
async def test_an_unknown_path(broken: httpx2.AsyncClient, family: str) -> None:
    answer = await broken.get(f"{family}/nope")
    status, text = told(family, answer)
    assert status == expected(family, 404)
    assert "没有这个地址" in text
    assert answer.headers["x-request-id"]
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("family", FAMILIES)
async def test_a_method_that_is_not_there(broken: httpx2.AsyncClient, family: str) -> None:
    answer = await broken.delete(f"{family}/body")
    status, text = told(family, answer)
    assert status == expected(family, 405)
    assert "不支持此方法" in text
    assert answer.headers["allow"] == "POST, PUT, PATCH"


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE", "PROPFIND"])
@pytest.mark.parametrize(
    ("path", "allow"),
    [
        ("/api/contacts/import", "POST"),
        ("/api/chatbot/faq/database/export", "GET"),
        ("/api/chatbot/faq/database/inquiryrank", "GET"),
        ("/api/v1/chatbot/a-bot/faq/database/export", "GET"),
        ("/api/v1/chatbot/a-bot/faq/database/inquiryrank", "GET"),
        ("/agent-api/user/u-1/task/create", "GET"),
        ("/agent-api/user/u-1/task/1/number/import", "GET, POST"),
        ("/agent-api/user/u-1/task/1/number/reset", "PUT"),
    ],
)
async def test_a_path_that_is_spelled_out_is_never_taken_for_an_id(
    client: httpx2.AsyncClient, path: str, allow: str, method: str
) -> None:
    if method not in allow.split(", "):
        answer = await client.request(method, path, json={})
        assert answer.headers["allow"] == allow
        assert answer.status_code == expected(path, 405)
        if method != "HEAD":
            assert "不支持此方法" in told(path, answer)[1]


async def test_the_paths_above_are_all_that_are_spelled_out_beside_an_id(app: FastAPI) -> None:
    late.load_all()
    fixed = FixedPaths(app.routes)
    assert {path for path in app.openapi()["paths"] if fixed.instead_of("TRACE", path)} == {
        "/api/contacts/import",
        "/api/chatbot/faq/database/export",
        "/api/chatbot/faq/database/inquiryrank",
        "/api/v1/chatbot/{clientId}/faq/database/export",
        "/api/v1/chatbot/{clientId}/faq/database/inquiryrank",
        "/api/v1/outbound-bot/calls/stream",
        "/agent-api/user/{user_id}/llm-intention-config/phrases",
        "/agent-api/user/{user_id}/task/{item_id}/number/import",
        "/agent-api/user/{user_id}/task/{item_id}/number/reset",
        "/agent-api/user/{user_id}/task/{item_id}/record/export",
        "/agent-api/user/{user_id}/task/create",
    }
    assert fixed.instead_of("POST", "/api/contacts/import") == []
    assert fixed.instead_of("DELETE", "/api/chatbot/users/somebody/mute") == []  # ids of users may hold slashes


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b'{"a": ', "application/json"),
        (b"\xff\xfe{}", "application/json"),
        (b'{"a": "\xff"}', "application/json"),
        (b'{"a": 1}', None),
        (b'{"a": 1}', "text/plain"),
        (b"", "application/json"),
        (b"[1]", "application/json"),
        (b"[" * 1500, "application/json"),
    ],
)
async def test_a_body_that_cannot_be_read(
    broken: httpx2.AsyncClient, family: str, body: bytes, content_type: str | None
) -> None:
    headers = {} if content_type is None else {"Content-Type": content_type}
    answer = await broken.post(f"{family}/body", content=body, headers=headers)
    assert told(family, answer)[0] == expected(family, 422)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("tail", ["/a%00b", "/fail/missing?q=%00", "/a%ffb", "/fail/missing?q=%c3%28"])
async def test_a_url_that_is_no_text(broken: httpx2.AsyncClient, family: str, tail: str) -> None:
    answer = await broken.get(f"{family}{tail}")
    status, text = told(family, answer)
    assert status == expected(family, 422)
    assert "NUL" in text


async def chunks(size: int) -> AsyncIterator[bytes]:
    for _ in range(size // 100):
        yield b" " * 100


@pytest.mark.parametrize("family", FAMILIES)
async def test_a_body_that_is_too_large(broken: httpx2.AsyncClient, family: str) -> None:
    headers = {"Content-Type": "application/json"}
    for content in (b" " * (LIMIT + 1), chunks(LIMIT * 3)):
        answer = await broken.post(f"{family}/body", content=content, headers=headers)
        status, text = told(family, answer)
        assert status == expected(family, 413)
        assert str(LIMIT) in text
    fitting = b'{"a": "' + b"x" * (LIMIT - 9) + b'"}'
    assert len(fitting) == LIMIT
    assert (await broken.post(f"{family}/body", content=fitting, headers=headers)).json()["a"]
    endless = await broken.post(f"{family}/body", content=b"", headers=headers | {"Content-Length": "9" * 4500})
    assert told(family, endless)[0] == expected(family, 413)


@pytest.mark.parametrize("family", FAMILIES)
async def test_what_handlers_raise(broken: httpx2.AsyncClient, family: str) -> None:
    for how, status, about_access in (
        ("missing", 404, False),
        ("clash", 409, False),
        ("slow", 429, True),
        ("away", 503, True),
        ("busy", 503, True),
        ("full", 507, False),
        ("bug", 500, False),
    ):
        answer = await broken.get(f"{family}/fail/{how}")
        assert told(family, answer)[0] == expected(family, status, access=about_access), how
        assert "13800138000" not in answer.text
        if answer.status_code in {429, 503}:
            assert answer.headers["retry-after"] == {"slow": "7", "away": "2", "busy": "2"}[how]


async def test_a_bug_is_logged_once_with_its_request_id(broken: httpx2.AsyncClient) -> None:
    with structlog.testing.capture_logs(processors=[structlog.contextvars.merge_contextvars]) as written:
        answer = await broken.get("/api/x/fail/bug", headers={"X-Request-ID": "my-id.1"})
    assert answer.headers["x-request-id"] == "my-id.1"
    errors = [line for line in written if line["log_level"] == "error"]
    assert [line["request_id"] for line in errors] == ["my-id.1"]
    (line,) = [line for line in written if line["event"] == "request answered"]
    assert (line["route"], line["status"], line["method"]) == ("/api/x/fail/{how}", 500, "GET")


@pytest.mark.parametrize("given", ["", "a b", "x" * 129, "a\x7f", "<script>"])
async def test_a_strange_request_id_is_replaced(client: httpx2.AsyncClient, given: str) -> None:
    answer = await client.get("/healthz", headers={"X-Request-ID": given})
    assert len(answer.headers["x-request-id"]) == 16


async def test_the_log_shows_neither_query_nor_path(client: httpx2.AsyncClient) -> None:
    with structlog.testing.capture_logs() as written:
        await client.get("/api/contacts/1?q=张三13800138000")
        await client.get("/13800138000")
    assert "13800138000" not in str(written)
    assert "张三" not in str(written)
    assert [line["route"] for line in written if "route" in line] == ["/api/contacts/{contact_id}", "-"]


async def test_empty_query_values_are_as_good_as_none(client: httpx2.AsyncClient) -> None:
    answer = await client.get("/api/followup-configs?is_active=&page=&page_size=5&position")
    assert answer.status_code == 200
    assert (await client.get("/api/followup-configs?is_active=maybe")).status_code == 422


async def test_moments_in_queries_are_iso_8601_in_every_family(app: FastAPI, client: httpx2.AsyncClient) -> None:
    moments = [
        (method, path, parameter["name"])
        for path, operations in app.openapi()["paths"].items()
        for method, operation in operations.items()
        for parameter in operation.get("parameters", ())
        if parameter["in"] == "query" and "date-time" in json.dumps(parameter["schema"])
    ]
    assert ("get", "/api/followup-records", "sent_from") in moments
    for method, path, name in moments:
        for given in ("0.5", "-1", "1767225600", "1767225600000", "20260305", "2026-03-05_10:30", "nan"):
            answer = await client.request(method, re.sub(r"\{[^}]*\}", "1", path), params={name: given})
            status, text = told(path, answer)
            assert (status, name in text) == (expected(path, 422), True), (path, given, text)


async def test_signed_queries_stay_as_they_are(settings: Settings) -> None:
    app = create_app(settings)
    seen: list[bytes] = []

    async def look(scope: Any, _receive: Any, send: Any) -> None:
        seen.append(scope["query_string"])
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body"})

    app.mount("/api/v1/chatbot", look)
    app.mount("/elsewhere", look)
    async with running(app, raises=True) as client:
        await client.get("/api/v1/chatbot/x/elsewhere?q=&a=1")
        await client.get("/elsewhere/x?q=&a=1")
    assert seen == [b"q=&a=1", b"a=1"]


async def test_a_database_that_went_away(app: FastAPI, client: httpx2.AsyncClient, database_url: str) -> None:
    assert (await client.get("/api/followup-configs")).status_code == 200
    admin = await asyncpg.connect(database_url)
    name = await admin.fetchval("SELECT current_database()")
    await admin.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1 AND pid <> pg_backend_pid()", name
    )
    await admin.close()
    dsn, app.state.context.database._dsn = app.state.context.database._dsn, "postgresql://nobody@127.0.0.1:1/nowhere"
    for _ in range(3):
        answer = await client.get("/api/followup-configs")
        if answer.status_code == 503:
            assert answer.headers["retry-after"] == "2"
    assert answer.status_code == 503
    app.state.context.database._dsn = dsn
    assert (await client.get("/api/followup-configs")).status_code == 200


@pytest.mark.parametrize("path", ["/api/followup-configs", "/api/contacts", "/api/chatbot/users"])
async def test_all_connections_are_in_use(settings: Settings, path: str) -> None:
    """Who waits for one is told to come again after the pool's bound, and is answered when one is free."""
    app = create_app(settings.model_copy(update={"pool_size": 2, "pool_wait_seconds": 0.05}))
    async with running(app, raises=True) as client:
        database = app.state.context.database
        async with (
            database.connection(),
            database.connection(),
            database.session() as one,
            database.session() as two,
        ):
            await asyncio.gather(*(session.execute(text("SELECT 1")) for session in (one, two)))
            patient = asyncio.create_task(database.transaction(is_patient=True).__aenter__())
            await asyncio.sleep(0)  # it begins to wait
            assert 'connections_waiting{pool="raw"} 1.0' in (await client.get("/metrics")).text
            answer = await client.get(path)
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
            assert "all connections" in told(path, answer)[1]
            patient.cancel()
        assert (await client.get(path)).status_code == 200


def of_state(state: str) -> Exception:
    error = asyncpg.PostgresError.new({"C": state, "M": "told"})
    assert isinstance(error, Exception)
    return error


def wrapped(error: Exception) -> exc.DBAPIError:
    return exc.DBAPIError("SELECT 1", None, error)


@pytest.mark.parametrize("wrap", [lambda error: error, wrapped], ids=["raw", "through SQLAlchemy"])
@pytest.mark.parametrize(
    ("state", "status"),
    [
        ("08006", 503),  # connection_failure
        ("53100", 507),  # disk_full
        ("53300", 503),  # too_many_connections
        ("57P01", 503),  # admin_shutdown
        ("57P03", 503),  # cannot_connect_now
        ("57014", 503),  # query_canceled
        ("28P01", 503),  # invalid_password
        ("3D000", 503),  # invalid_catalog_name
        ("25006", 503),  # read_only_sql_transaction
        ("25P03", 503),  # idle_in_transaction_session_timeout
        ("25P04", 503),  # transaction_timeout
        ("42501", 503),  # insufficient_privilege
        ("55000", 503),  # object_not_in_prerequisite_state
        ("55006", 503),  # object_in_use
        ("58000", 503),  # system_error
        ("58030", 507),  # io_error
        ("58P01", 503),  # undefined_file
        ("40001", 503),  # serialization_failure
        ("40P01", 503),  # deadlock_detected
        ("55P03", 503),  # lock_not_available
        ("22003", 422),  # numeric_value_out_of_range
        ("22021", 422),  # character_not_in_repertoire
        ("23505", 409),  # unique_violation
        ("25P02", None),  # in_failed_sql_transaction: a fault of the service
        ("42601", None),  # syntax_error: a fault of the service
        ("XX001", None),  # data_corrupted: nothing that a client could wait for
    ],
)
def test_what_states_of_postgresql_mean(state: str, status: int | None, wrap: Any) -> None:
    found = meaning(wrap(of_state(state)))
    assert (found.status if found else None) == status


def test_what_other_faults_mean() -> None:
    assert isinstance(meaning(TimeoutError()), UnavailableError)
    assert isinstance(meaning(FileNotFoundError()), UnavailableError)
    assert isinstance(meaning(asyncpg.InterfaceError("connection is closed")), UnavailableError)
    assert isinstance(meaning(asyncpg.ClientConfigurationError("no such password file")), UnavailableError)
    assert isinstance(meaning(asyncpg.exceptions.InvalidCachedStatementError("changed")), UnavailableError)
    assert isinstance(meaning(asyncpg.DataError("no int")), InvalidInputError)
    assert "all connections" in str(meaning(exc.TimeoutError()))
    assert "all connections" in str(meaning(PoolBusyError()))
    assert isinstance(meaning(OSError(errno.EROFS, "read-only")), StorageFullError)
    assert isinstance(meaning(exc.DBAPIError("SELECT 1", None, OSError(), connection_invalidated=True)), AppError)
    assert meaning(RuntimeError()) is None
