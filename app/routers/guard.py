"""Where a route asks what its caller may do, and where a service is refused that has a route without a rule.

The check stands in the route that was chosen and not before it: nothing has to guess which route that will be. It is
no FastAPI dependency, as `LeanRoute` and the short way of the chatbot do without those.
"""

from collections.abc import Iterator

from fastapi.routing import APIRoute, APIRouter
from starlette.routing import BaseRoute
from starlette.types import Receive, Scope, Send

from app.errors import ForbiddenError
from app.routers.access import OPEN, PROVEN
from app.routers.grants import Need, Permit, grant_of
from app.routers.scopes import RULES, need_of


class GuardedRoute(APIRoute):
    """A route that asks what the table says for it."""

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request whose caller may make it; raises ``ForbiddenError`` for any other."""
        if self.methods is None or scope["method"] in self.methods:  # else it is about to be answered 405
            _require(scope, self)
        await super().handle(scope, receive, send)


def require_rules(router: APIRouter, *, are_all: bool) -> None:
    """Refuse routes that the table does not know, and lines of the table that no route is left for.

    Args:
        router: What is to be served, or a part of it.
        are_all: Nothing else is: a line of the table without a route is a fault then.

    Raises:
        ValueError: names them, and says what to do.
    """
    faults, known = [], set()
    for path, route in walk(router):
        if not isinstance(route, GuardedRoute):
            faults.append(f"{path} is no GuardedRoute: put it on a FamilyRouter")
            continue
        for method in sorted(route.methods or ()):
            known.add((method, path))
            faults += _faults(method, path)
    told = {(method, path) for path, rules in RULES.items() for method in rules} if are_all else set()
    faults += [f"{method} {path} has a rule and no route: remove the rule" for method, path in sorted(told - known)]
    if faults:
        raise ValueError("app/routers/scopes.py and the routes do not agree:\n" + "\n".join(faults))


def walk(router: APIRouter) -> Iterator[tuple[str, BaseRoute]]:
    """Give every route with the template of its path; FastAPI includes routers lazily, their routes stand inside."""
    # FastAPI keeps pages made of files apart from other routes.
    for route in (*router.routes, *getattr(router, "_low_priority_routes", ())):
        inner = getattr(route, "original_router", None)
        if inner is not None:
            yield from walk(inner)
        else:
            yield str(getattr(route, "path_format", route)), route


def _require(scope: Scope, route: APIRoute) -> None:
    context = scope.get("fastapi", {}).get("effective_route_context")
    need = need_of(scope["method"], getattr(context, "path_format", None) or route.path_format)
    grant = grant_of(scope)
    if need is None or grant is None or not grant.satisfies(need):
        raise _refusal(need)


def _refusal(need: Need | None) -> ForbiddenError:
    named = " / ".join(sorted(need or ()))
    return ForbiddenError(
        f"密钥没有所需的权限:{named} (this key does not permit it, which takes the scope {named.replace('/', 'or')})"
    )


def _faults(method: str, path: str) -> Iterator[str]:
    """Say what is wrong with the rule of a route; nothing if it is right."""
    need = need_of(method, path)
    if need is None:
        yield f"{method} {path} has no rule: who may call it?"
        return
    if (Permit.OPEN in need) is not (path in OPEN):
        yield f"{method} {path}: what is open to everybody stands in OPEN of app/routers/access.py, too"
    if (Permit.PROOF in need) is not path.startswith(PROVEN):
        yield f"{method} {path}: what proves itself begins with one of PROVEN in app/routers/access.py"
