"""A router whose routes are looked at only for paths of its family.

FastAPI tries the pattern of every route of every router that comes before the right one, and that of the right one
twice: some 180 µs for a path of the last families. A look at the beginning of the path costs one.

Its routes ask what their caller may do, as the table in `app/routers/scopes.py` says.
"""

from typing import Any

from fastapi import APIRouter
from fastapi.routing import APIRoute
from starlette.routing import Match
from starlette.types import Scope

from app.routers.guard import GuardedRoute

_ASKED_PATH = "huiyin.asked_path"
"""Where nothing matches, all routes are asked once more for the path with a slash more or less, to redirect to it."""


class FamilyRouter(APIRouter):
    """Knows by its ``prefix``, up to the first parameter in it, which paths cannot be its own.

    With ``redirect_slashes=False`` nobody is redirected to its paths: for clients that need 200 and a body.
    """

    def __init__(self, *, route_class: type[APIRoute] = GuardedRoute, **options: Any) -> None:
        super().__init__(route_class=route_class, **options)

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Say whether a route of this family takes a request."""
        path: str = scope["path"]
        if not self.redirect_slashes and scope.setdefault(_ASKED_PATH, path) != path:
            return Match.NONE, {}
        beginning = self.prefix.partition("{")[0]
        if not path.removeprefix(scope.get("root_path", "")).startswith(beginning):
            return Match.NONE, {}
        return super().matches(scope)
