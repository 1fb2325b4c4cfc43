"""A part of the family: handlers that are served behind both doors."""

from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, TypeVar

from fastapi import APIRouter

from app.schemas.chatbot.base import Refusal

Endpoint = TypeVar("Endpoint", bound=Callable[..., Any])

_REFUSALS = {
    HTTPStatus.UNAUTHORIZED: "缺少密钥或密钥错误 (no key or a wrong one)",
    HTTPStatus.FORBIDDEN: "密钥没有所需的权限 (the key lacks the scope)",
    HTTPStatus.TOO_MANY_REQUESTS: "请求过多,请稍后再试 (too many requests)",
    HTTPStatus.SERVICE_UNAVAILABLE: "数据库暂时不可用,请稍后再试 (the database is away, try again)",
}
_BUSY = (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE)
_REFUSAL = {"$ref": "#/components/schemas/Refusal"}
_WAIT = {"Retry-After": {"description": "秒 (seconds to wait)", "schema": {"type": "integer"}}}
PLAIN_REFUSALS: dict[int | str, dict[str, Any]] = {
    int(status): {
        "description": text,
        "content": {"application/json": {"schema": _REFUSAL, "example": {"rc": 1, "error": text}}},
        "headers": _WAIT if status in _BUSY else {},
    }
    for status, text in _REFUSALS.items()
}
"""What the default door answers plainly: clients there act on the status."""


@dataclass(frozen=True, slots=True)
class _Operation:
    path: str
    endpoint: Callable[..., Any]
    options: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Part:
    """Collects operations, to be put onto a router for each door."""

    operations: list[_Operation] = field(default_factory=list)

    def operation(
        self, call: str, says: type[Any] | None, summary: str, description: str, **options: Any
    ) -> Callable[[Endpoint], Endpoint]:
        """Register a handler.

        Args:
            call: The HTTP method, and the path behind the prefix of the door: ``GET /users``.
            says: The shape of a good answer; None where the answer is no JSON.
            summary: What it does, in a few words.
            description: What a caller should know.
            options: Of FastAPI's ``add_api_route``.
        """
        method, _, path = call.partition(" ")
        options |= {"methods": [method], "summary": summary, "description": description}
        if says is not None:
            options |= {"response_model": says | Refusal, "response_model_exclude_unset": True}

        def register(endpoint: Endpoint) -> Endpoint:
            self.operations.append(_Operation(path, endpoint, options))
            return endpoint

        return register

    def onto(self, router: APIRouter) -> None:
        """Put all operations onto a router."""
        for operation in self.operations:
            router.add_api_route(operation.path, operation.endpoint, **operation.options)
