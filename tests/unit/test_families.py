"""Routers that look at the beginning of a path before they look at their routes."""

import asyncio
import subprocess
import sys
from collections.abc import Iterable, Iterator

import httpx2
import pytest
from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute, Route

from app.errors import ForbiddenError
from app.routers.families import FamilyRouter
from app.routers.late import FAMILIES, LateFamily


@pytest.mark.parametrize(
    ("root_path", "path", "status"),
    [
        ("", "/api/bots/7/users/x", 200),
        ("", "/api/bots/7/users/x/", 307),
        ("", "/api/bots/7/nothing", 404),
        ("", "/api/other", 200),
        ("", "/api/bot", 404),
        ("/behind", "/behind/api/bots/7/users/x", 200),
        ("/behind", "/behind/api/other", 200),
    ],
)
async def test_it_answers_as_any_router_does(root_path: str, path: str, status: int) -> None:
    for kind in (FamilyRouter, APIRouter):
        family, other = (kind(prefix=prefix, route_class=APIRoute) for prefix in ("/api/bots/{bot_id}", "/api"))
        family.add_api_route("/users/{user_id}", lambda bot_id, user_id: {"is": f"{bot_id} {user_id}"})
        other.add_api_route("/other", lambda: {"is": "other"})
        app = FastAPI()
        for router in (family, other):
            app.include_router(router)
        transport = httpx2.ASGITransport(app=app, root_path=root_path)
        async with httpx2.AsyncClient(transport=transport, base_url="http://localhost") as client:
            assert (await client.get(path)).status_code == status, kind
            assert (await client.post(path)).status_code in {405, 404, 307}


async def test_a_late_family_is_imported_by_the_first_request_for_it() -> None:
    family = LateFamily("app.routers.outbound", "/api/v1/outbound-bot", "/api/v1/mediation")
    app = FastAPI()
    app.include_router(family)
    transport = httpx2.ASGITransport(app=app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://localhost") as client:
        assert (await client.get("/api/v1/outbound")).status_code == 404
        assert not family.is_loaded
        with pytest.raises(ForbiddenError):  # its route asks who calls, and this service does not know
            await client.get("/api/v1/outbound-bot/nodes")
        assert family.is_loaded
        assert (await client.get("/api/v1/outbound-bot/nothing")).status_code == 404
        assert (await client.post("/api/v1/outbound-bot/nodes")).status_code == 405


async def test_requests_at_once_load_a_family_once() -> None:
    family = LateFamily("app.routers.agent", "/agent-api/")
    await asyncio.gather(*(asyncio.to_thread(family.load) for _ in range(20)))
    paths = [route.path for route in walk(family.routes)]
    assert paths.count("/agent-api/user/{user_id}/task/create") == 1


def test_a_late_family_with_a_route_that_asks_nobody_is_not_served() -> None:
    with pytest.raises(ValueError, match="/late/one is no GuardedRoute"):
        LateFamily("tests.unit.late_example", "/late").load()


def test_a_start_imports_no_late_family() -> None:
    """Nor what only they need; else a start takes their time and their memory."""
    code = "import sys, app.serving; print(*(name for name in sys.modules if name.startswith('app.')))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "app.routers.late" in loaded
    for family in ("chatbot", "outbound", "agent"):
        assert {f"app.routers.{family}", f"app.schemas.{family}"}.isdisjoint(loaded), family


def test_every_route_of_a_late_family_begins_as_its_family_does() -> None:
    """One that does not would never be found."""
    for family in FAMILIES:
        family.load()
        routes = list(walk(family.routes))
        assert len(routes) > 10
        for route in routes:
            assert family.owns({"path": route.path}), route.path
            others = [other for other in FAMILIES if other is not family and other.owns({"path": route.path})]
            assert others == [], route.path


def walk(routes: Iterable[BaseRoute]) -> Iterator[Route]:
    for route in routes:
        inner = getattr(route, "original_router", None)
        if inner is not None:
            yield from walk(inner.routes)
        elif isinstance(route, Route):
            yield route
