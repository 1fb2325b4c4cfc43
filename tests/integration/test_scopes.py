"""What a key permits: a table over every route, with a key for each scope."""

import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
import pytest
from fastapi import FastAPI
from pydantic import SecretStr
from starlette.staticfiles import StaticFiles

from app.clock import SystemClock
from app.config import Settings
from app.domain.keys import Scope
from app.main import create_app
from app.repositories.database import Database
from app.routers import health, late
from app.routers.access import OPEN, PROVEN, SIGNED
from app.routers.families import FamilyRouter
from app.routers.guard import require_rules, walk
from app.routers.scopes import RULES
from app.services import keys
from tests.running import running

# Spelled out a second time, so that a line of the table cannot be changed by mistake: what sends, calls or lets either
# happen, and what nobody can undo. docs/security.md names the same.
OPERATE = {
    "POST /agent-api/user/{user_id}/task/{item_id}/number",
    "POST /agent-api/user/{user_id}/task/{item_id}/number/import",
    "POST /agent-api/user/{user_id}/task/{item_id}/start",
    "PUT /agent-api/user/{user_id}/task/{item_id}/number/reset",
    "POST /api/chatbot/users/{userId}/messages",
    "POST /api/chatbot/users/{userId}/unmute",
    "POST /api/contacts/{contact_id}/unmute",
    "POST /api/followup-configs/{config_id}/test-send",
    "POST /api/followup-enrollments",
    "POST /api/followup-enrollments/{enrollment_id}/resume",
    "POST /api/followup-records/send",
    "POST /api/followup-records/{record_id}/resolve",
    "POST /api/v1/outbound-bot/call-v2",
}
ADMIN = {
    "DELETE /api/chatbot",
    "DELETE /api/chatbot/",
    "DELETE /api/chatbot/users/{userId}",
    "DELETE /api/contacts/{contact_id}",
    "DELETE /api/contacts/{contact_id}/do-not-contact",
    "DELETE /api/do-not-contact/{entry_id}",
    "DELETE /api/v1/chatbot",
    "DELETE /api/v1/chatbot/{clientId}",
    "DELETE /api/v1/chatbot/{clientId}/",
    "GET /api/v1/chatbot",
    "GET /api/v1/secret/{clientId}",
    "GET /agent-api/user/{user_id}/notify-secret",
    "POST /agent-api/user/{user_id}/notify-secret",
    "POST /api/bots",
    "POST /api/v1/chatbot",
    "PUT /api/bots/{bot_id}/delivery",
}
WRITE_OR_OPERATE = {
    "DELETE /agent-api/user/{user_id}/task/{item_id}/number/{number}",
    "POST /agent-api/user/{user_id}/task/{item_id}/stop",
    "POST /api/chatbot/users/{userId}/mute",
    "POST /api/contacts/{contact_id}/do-not-contact",
    "POST /api/contacts/{contact_id}/mute",
    "POST /api/do-not-contact",
    "POST /api/followup-enrollments/{enrollment_id}/pause",
    "POST /api/followup-enrollments/{enrollment_id}/stop",
    "POST /api/v1/outbound-bot/calls/{jobId}/cancel",
}
ANY_KEY = {"GET /", "GET /docs", "GET /docs/assets/{name}", "GET /openapi.json"}
READ_BY_POST = {"POST /api/chatbot/users/{userId}/ismute"}
ENVELOPES = ({"detail"}, {"rc", "error"}, {"code", "message", "data"}, {"code", "status", "message", "data"})


def routes_of(app: FastAPI) -> list[tuple[str, str]]:
    late.load_all()
    return [(method, path) for path, route in walk(app.router) for method in sorted(getattr(route, "methods", ()))]


def permitted(method: str, path: str) -> set[Scope]:
    """Which single scopes let a key make a call; admin includes all others."""
    name = f"{method} {path}"
    if name in ANY_KEY:
        return set(Scope)
    if name in ADMIN:
        return {Scope.ADMIN}
    if name in OPERATE:
        return {Scope.OPERATE, Scope.ADMIN}
    if name in WRITE_OR_OPERATE:
        return {Scope.WRITE, Scope.OPERATE, Scope.ADMIN}
    return {Scope.READ if method == "GET" or name in READ_BY_POST else Scope.WRITE, Scope.ADMIN}


def needs_key(method: str, path: str) -> bool:
    if method == "DELETE" and path.removesuffix("/") == "/api/v1/chatbot/{clientId}":
        return True
    return path not in OPEN and not path.startswith(PROVEN)


def verdict(answer: httpx2.Response) -> int:
    """The status that a refusal stands for; Chatopera's clients lose the body of any status but 200."""
    path = answer.request.url.path
    if path.startswith((SIGNED, "/api/v1/secret/")) or path == "/api/v1/chatbot":
        assert answer.status_code == 200, path
        told = answer.json()
        if told["rc"] == 1 and "权限" in told["error"]:
            return 403
        return 401 if told["rc"] == 1 and "密钥" in told["error"] else 200
    return answer.status_code


async def make_key(url: str, *scopes: Scope) -> str:
    database = Database(url, pool_size=2)
    try:
        now = SystemClock().now()
        _, text = await keys.create(database, name="a test's", scopes=scopes, expires_at=None, now=now)
        return text
    finally:
        await database.close()


@asynccontextmanager
async def serving(settings: Settings) -> AsyncIterator[httpx2.AsyncClient]:
    app = create_app(settings)
    async with running(app, address="203.0.113.9", base_url="http://api.example.com") as client:
        yield client


@pytest.fixture
async def texts(settings: Settings) -> dict[Scope, str]:
    """A key for each scope."""
    assert settings.database_url is not None
    return {scope: await make_key(settings.database_url.get_secret_value(), scope) for scope in Scope}


async def test_every_route_asks_for_its_scope(app: FastAPI, settings: Settings, texts: Mapping[Scope, str]) -> None:
    asked = [(method, path) for method, path in routes_of(app) if needs_key(method, path)]
    assert len(asked) > 120
    async with serving(settings) as client:
        for method, path in asked:
            url = re.sub(r"\{[^}]*\}", "1", path)
            assert verdict(await client.request(method, url, headers={"Authorization": "Bearer x"})) == 401, path
            allowed = permitted(method, path)
            for scope, key in texts.items():
                if scope in allowed and path.endswith("/stream"):
                    continue  # never ends
                answer = await client.request(method, url, headers={"Authorization": f"Bearer {key}"})
                if scope in allowed:
                    assert verdict(answer) not in {401, 403}, (method, path, scope, answer.text)
                else:
                    assert verdict(answer) == 403, (method, path, scope, answer.text)
                    assert set(answer.json()) in ENVELOPES, (method, path)
                    assert all(text not in answer.text for text in texts.values())


async def test_the_lists_above_name_routes(app: FastAPI) -> None:
    known = {f"{method} {path}" for method, path in routes_of(app)}
    assert known >= OPERATE | ADMIN | WRITE_OR_OPERATE | ANY_KEY | READ_BY_POST


async def test_keys_of_several_scopes_have_each_of_them_and_no_more(settings: Settings) -> None:
    assert settings.database_url is not None
    key = await make_key(settings.database_url.get_secret_value(), Scope.READ, Scope.OPERATE)
    async with serving(settings) as client:
        headers = {"X-API-Key": key}
        assert (await client.get("/api/contacts", headers=headers)).status_code == 200
        assert (await client.post("/api/followup-records/send", headers=headers, json={})).status_code == 422
        refused = await client.post("/api/contacts", headers=headers, json={"name": "林小满"})
        assert refused.status_code == 403
        assert "write" in refused.json()["detail"]


async def test_a_wrong_method_and_a_wrong_path_are_told_as_ever(settings: Settings, texts: Mapping[Scope, str]) -> None:
    async with serving(settings) as client:
        headers = {"X-API-Key": texts[Scope.READ]}
        assert (await client.patch("/api/contacts", headers=headers)).status_code == 405
        assert (await client.get("/nope", headers=headers)).status_code == 404


async def test_keys_of_the_environment_permit_everything(settings: Settings) -> None:
    async with serving(settings.model_copy(update={"api_keys": (SecretStr("boot"),)})) as client:
        headers = {"X-API-Key": "boot"}
        assert (await client.get("/api/v1/chatbot", headers=headers)).json()["rc"] == 0
        assert (await client.delete("/api/contacts/1", headers=headers)).status_code == 404


async def test_the_trail_names_the_key(settings: Settings, texts: Mapping[Scope, str], database: Database) -> None:
    async with serving(settings) as client:
        made = await client.post("/api/contacts", headers={"X-API-Key": texts[Scope.WRITE]}, json={"name": "林小满"})
        mute = f"/api/contacts/{made.json()['id']}/mute"
        assert (await client.post(mute, headers={"X-API-Key": texts[Scope.OPERATE]})).status_code == 201
    async with database.connection() as connection:
        actor = await connection.fetchval("SELECT actor FROM audit_entry WHERE action LIKE '%mute%'")
    assert actor == f"key:{texts[Scope.OPERATE].split('_')[1]}"


async def test_the_trail_names_the_key_at_the_door_of_the_default_bot(
    settings: Settings, texts: Mapping[Scope, str], database: Database
) -> None:
    async with serving(settings) as client:
        client.headers["X-API-Key"] = texts[Scope.ADMIN]
        for method, path in (("POST", "/mute"), ("POST", "/unmute"), ("DELETE", "")):
            answer = await client.request(method, f"/api/chatbot/users/lin{path}")
            assert (answer.status_code, answer.json()["rc"]) == (200, 0), answer.text
    async with database.connection() as connection:
        trail = await connection.fetch("SELECT actor, action FROM audit_entry WHERE action <> 'key_created'")
    assert {row["action"] for row in trail} >= {"mute", "unmute", "erase"}
    assert {row["actor"] for row in trail} == {f"key:{texts[Scope.ADMIN].split('_')[1]}"}


async def test_the_trail_names_who_moved_a_sequence(
    settings: Settings, texts: Mapping[Scope, str], database: Database
) -> None:
    """Who let somebody be written to is told apart from others who may, too."""
    async with serving(settings) as client:
        client.headers["X-API-Key"] = texts[Scope.ADMIN]
        contact = (await client.post("/api/contacts", json={"name": "林小满"})).json()["id"]
        enrolled = await client.post("/api/followup-enrollments", json={"contact_ids": [contact]})
        place = f"/api/followup-enrollments/{enrolled.json()['results'][0]['enrollment_id']}"
        for action in ("pause", "resume", "stop"):
            assert (await client.post(f"{place}/{action}")).status_code == 200
        async with database.transaction() as connection:
            record = await connection.fetchval(
                "INSERT INTO follow_up_record (bot_id, contact_id, kind, status, key, content, reserved_at)"
                " SELECT bot_id, id, 'manual', 'unknown', gen_random_uuid(), '您好', now() FROM contact WHERE id = $1"
                " RETURNING id",
                contact,
            )
        settled = await client.post(f"/api/followup-records/{record}/resolve", json={"outcome": "sent"})
        assert settled.status_code == 200, settled.text
    async with database.connection() as connection:
        trail = await connection.fetch("SELECT actor, action FROM audit_entry WHERE contact_id = $1", contact)
    assert {row["action"] for row in trail} == {"enroll", "pause", "resume", "stop", "resolve"}
    assert {row["actor"] for row in trail} == {f"key:{texts[Scope.ADMIN].split('_')[1]}"}


def refusal(app: FastAPI) -> str:
    with pytest.raises(ValueError, match="do not agree") as caught:
        require_rules(app.router, are_all=True)
    return str(caught.value)


def test_a_route_without_a_rule_and_a_rule_without_a_route_are_refused(settings: Settings, tmp_path: Path) -> None:
    late.load_all()
    app = create_app(settings)
    require_rules(app.router, are_all=True)
    router = FamilyRouter(prefix="/api/new")
    router.add_api_route("/{thing}", lambda thing: thing, methods=["POST"])
    app.include_router(router)
    assert "POST /api/new/{thing} has no rule" in refusal(app)

    app = create_app(settings)
    own = next(route for route in app.routes if getattr(route, "original_router", None) is health.router)
    app.router.routes.remove(own)
    assert "GET /healthz has a rule and no route" in refusal(app)

    app = create_app(settings)
    app.add_api_route("/bare", lambda: "ok")
    assert "/bare is no GuardedRoute" in refusal(app)

    app = create_app(settings)
    app.mount("/files", StaticFiles(directory=tmp_path))
    assert "is no GuardedRoute" in refusal(app)


async def test_the_document_names_the_scope_of_every_operation(app: FastAPI) -> None:
    for path, operations in app.openapi()["paths"].items():
        for method, operation in operations.items():
            if not needs_key(method.upper(), path):
                assert operation["security"] == [], path
                continue
            scopes = sorted(RULES[path][method.upper()] & {scope.value for scope in Scope})
            assert {"bearer": scopes} in operation["security"], path
            assert {"apiKey": scopes} in operation["security"], path
            assert all(f"`{scope}`" in operation["description"] for scope in scopes), path


def test_the_page_about_security_lists_the_same() -> None:
    page = (Path(__file__).parents[2] / "docs" / "security.md").read_text(encoding="utf-8")
    for scope, expected in (("operate", OPERATE), ("admin", ADMIN)):
        listed = page.partition(f"\n`{scope}`:\n\n")[2].partition("\n\n")[0]
        named = set(re.findall(r"`((?:GET|POST|PUT|PATCH|DELETE) [^`]+)`", listed))
        assert named == {name for name in expected if not name.endswith("/")}, scope
