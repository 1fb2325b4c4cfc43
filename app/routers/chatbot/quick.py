"""A short way to handlers that take one JSON body, for what is asked most.

FastAPI's own way (content type, exit stacks, a resolver for every parameter, a check of the answer against its model)
costs 180 µs, a third of what the service does for a turn of a conversation. The short way is for bodies that are as
they should be. All else takes FastAPI's way from the beginning, which says what is wrong as it does everywhere.
As with `LeanRoute`, dependencies of a router are not run: who may call is decided before any route.
"""

import json
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar, cast

from fastapi import Request, Response
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from pydantic import BaseModel
from pydantic_core import to_json

Endpoint = TypeVar("Endpoint", bound=Callable[..., Any])
Handler = Callable[[Request], Coroutine[Any, Any, Response]]
Dependency = Callable[[Request], Coroutine[Any, Any, Any]]
_MARK = "_takes_the_short_way"


def quick(endpoint: Endpoint) -> Endpoint:
    """Mark a handler: one body that is a model, else only dependencies on the request; it answers a ``dict``."""
    setattr(endpoint, _MARK, True)
    return endpoint


def short_way(route: APIRoute, handler: Handler) -> Handler:
    """Return a route's handler, with a short way to it where its endpoint is marked."""
    if not hasattr(route.endpoint, _MARK):
        return handler
    endpoint = route.endpoint
    (body,) = route.dependant.body_params
    model = cast("type[BaseModel]", body.field_info.annotation)
    needs = [_need(dependant) for dependant in route.dependant.dependencies if dependant.name]

    async def handle(request: Request) -> Response:
        kind = request.headers.get("content-type", "").partition(";")[0]
        if kind.strip().lower() != "application/json":
            return await handler(request)
        try:
            given = model.model_validate(json.loads(await request.body()))
        except (ValueError, RecursionError):  # the second: brackets within brackets, a hundred thousand deep
            return await handler(request)  # which refuses it, and says why
        values = {name: await call(request) for name, call in needs}
        return Response(to_json(await endpoint(**{body.name: given}, **values)), media_type="application/json")

    return handle


def _need(dependant: Dependant) -> tuple[str, Dependency]:
    """Return the name of a parameter, and what gives its value for a request."""
    asked = (dependant.path_params, dependant.query_params, dependant.header_params, dependant.cookie_params)
    if dependant.request_param_name is None or any(asked) or dependant.dependencies:
        raise TypeError(f"the short way gives dependencies nothing but the request: {dependant.call}")
    return cast("str", dependant.name), cast("Dependency", dependant.call)
