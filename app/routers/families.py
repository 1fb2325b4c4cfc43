"""A router whose routes are looked at only for paths of its family.

FastAPI tries the pattern of every route of every router that comes before the right one, and that of the right one
twice: some 180 µs for a path of the last families. A look at the beginning of the path costs one.
"""

from fastapi import APIRouter
from starlette.routing import Match
from starlette.types import Scope


class FamilyRouter(APIRouter):
    """Knows by its ``prefix``, up to the first parameter in it, which paths cannot be its own."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Say whether a route of this family takes a request."""
        path: str = scope["path"]
        beginning = self.prefix.partition("{")[0]
        if not path.removeprefix(scope.get("root_path", "")).startswith(beginning):
            return Match.NONE, {}
        return super().matches(scope)
