"""Routers that look at the beginning of a path before they look at their routes."""

import httpx2
import pytest
from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute

from app.routers.families import FamilyRouter


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
