"""Families of routes that are imported when somebody first asks for them.

Making the models and routes of a family takes a tenth of a second and 5 MB, and most services use one or two of them.
What a start does not need waits: for the first request under the family's paths, or for the OpenAPI document.
"""

import asyncio
import importlib
import threading
from typing import Any

from fastapi import APIRouter
from starlette.routing import Match
from starlette.types import ASGIApp, Receive, Scope, Send

from app.routers.guard import require_rules


class LateFamily(APIRouter):
    """Stands for ``routers`` of a package; knows by the beginnings of its paths whether a request is for it."""

    def __init__(self, package: str, *beginnings: str, **options: Any) -> None:
        super().__init__(**options)
        self._package = package
        self._beginnings = beginnings
        self._lock = threading.Lock()
        self.is_loaded = False

    def owns(self, scope: Scope) -> bool:
        """Tell whether a request is for this family."""
        path: str = scope["path"]
        return path.removeprefix(scope.get("root_path", "")).startswith(self._beginnings)

    def load(self) -> None:
        """Import the family unless that is done.

        Raises:
            ValueError: a route of it has no rule about who may call it.
        """
        if self.is_loaded:
            return
        with self._lock:
            if not self.is_loaded:
                for router in importlib.import_module(self._package).routers:
                    self.include_router(router)
                require_rules(self, are_all=False)
                self.is_loaded = True

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Say whether a route of this family takes a request."""
        if not self.owns(scope):
            return Match.NONE, {}
        self.load()
        return super().matches(scope)


CHATBOT = LateFamily("app.routers.chatbot", "/api/chatbot", "/api/v1/chatbot", "/api/v1/secret/")
OUTBOUND = LateFamily("app.routers.outbound", "/api/v1/outbound-bot", "/api/v1/mediation")
AGENT = LateFamily("app.routers.agent", "/agent-api/")
FAMILIES = (CHATBOT, OUTBOUND, AGENT)


def load_all() -> None:
    """Import every family: for the document, and for whoever walks all routes."""
    for family in FAMILIES:
        family.load()


def loaded() -> int:
    """Return how many families are there; it only grows."""
    return sum(family.is_loaded for family in FAMILIES)


def are_all_loaded() -> bool:
    """Tell whether no family is still to come."""
    return loaded() == len(FAMILIES)


class LateMiddleware:
    """Loads the family of a request in a thread, so that nobody else waits for it.

    Behind the check of access: strangers make nothing load.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on once its family is there."""
        if scope["type"] == "http":
            for family in FAMILIES:
                if not family.is_loaded and family.owns(scope):
                    await asyncio.to_thread(family.load)
        await self._app(scope, receive, send)
