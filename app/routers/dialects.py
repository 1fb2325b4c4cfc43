"""The four ways in which errors are spoken on the wire, one per API family; chosen by the path.

A path that no route matches still belongs to a family: that is why the prefix decides and not the route.
"""

from collections.abc import Collection, Mapping, Sequence
from http import HTTPStatus
from typing import Any, ClassVar, Protocol

from fastapi.responses import JSONResponse

from app.errors import AppError, TaskStartedError

_NOT_JSON = "请求体不是有效的 JSON (the body is not valid JSON)"

Problem = Mapping[str, Any]
"""One entry of FastAPI's validation errors: ``type``, ``loc``, ``msg``."""


class Dialect(Protocol):
    """Turns an error into the answer that clients of one family understand."""

    def error(self, error: AppError) -> JSONResponse:
        """Answer an error of the service."""
        ...

    def validation(self, problems: Sequence[Problem]) -> JSONResponse:
        """Answer input that does not have the documented shape."""
        ...


def sentence(problems: Sequence[Problem]) -> str:
    """Say in one line which fields are at fault and why."""
    return "; ".join(
        f"body: {_NOT_JSON}" if problem["type"] == "json_invalid" else f"{_place(problem['loc'])}: {problem['msg']}"
        for problem in problems
    )


def _place(loc: Sequence[str | int]) -> str:
    """Write where a field stands: ``parties.0.name``, or ``body`` for the whole of it."""
    return ".".join(str(part) for part in loc[1:]) or str(loc[0])


def _wait(error: AppError) -> dict[str, str]:
    return {} if error.retry_after is None else {"Retry-After": str(error.retry_after)}


def _headers(error: AppError) -> dict[str, str]:
    headers = _wait(error)
    if error.status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    return headers


class DetailDialect:
    """FastAPI's own: ``{"detail": …}``, a list with ``loc`` and ``msg`` where a field is at fault."""

    def error(self, error: AppError) -> JSONResponse:
        """Answer with the error's status; name the field where there is one."""
        detail: Any = error.message
        if error.field:
            detail = [{"type": error.code, "loc": list(error.field), "msg": error.message}]
        return JSONResponse({"detail": detail}, int(error.status), _headers(error))

    def validation(self, problems: Sequence[Problem]) -> JSONResponse:
        """Answer 422 with one entry per field."""
        detail = [{key: problem[key] for key in ("type", "loc", "msg")} for problem in problems]
        return JSONResponse({"detail": detail}, int(HTTPStatus.UNPROCESSABLE_ENTITY))


class OutboundDialect:
    """``{code, message, data: null}``; wrong input is 400."""

    def error(self, error: AppError) -> JSONResponse:
        """Answer with the error's status, the same number in ``code``."""
        status = HTTPStatus.BAD_REQUEST if error.status == HTTPStatus.UNPROCESSABLE_ENTITY else error.status
        message = f"{_place(error.field)}: {error.message}" if error.field else error.message
        return JSONResponse({"code": int(status), "message": message, "data": None}, int(status), _headers(error))

    def validation(self, problems: Sequence[Problem]) -> JSONResponse:
        """Answer 400 with a message that names every field."""
        status = HTTPStatus.BAD_REQUEST
        return JSONResponse({"code": int(status), "message": sentence(problems), "data": None}, int(status))


class AgentDialect:
    """``{code, status: "error", message, data: null}``."""

    _CODES: ClassVar[Mapping[str, int]] = {TaskStartedError.code: 6007}

    def error(self, error: AppError) -> JSONResponse:
        """Answer with the error's status, the same number in ``code`` unless the error has one of its own."""
        message = f"{_place(error.field)}: {error.message}" if error.field else error.message
        code = self._CODES.get(error.code, int(error.status))
        body = {"code": code, "status": "error", "message": message, "data": None}
        return JSONResponse(body, int(error.status), _headers(error))

    def validation(self, problems: Sequence[Problem]) -> JSONResponse:
        """Answer 422 with a message that names every field."""
        status = HTTPStatus.UNPROCESSABLE_ENTITY
        body = {"code": int(status), "status": "error", "message": sentence(problems), "data": None}
        return JSONResponse(body, int(status))


class ChatbotDialect:
    """``{rc, error}`` with HTTP 200: real clients lose the body of any other status.

    The door of the default bot has no such clients behind it, but browsers and proxies who act on the status: there
    ``plain`` statuses about access are answered as they are, with the same body.
    """

    _CODES: ClassVar[Mapping[HTTPStatus, int]] = {HTTPStatus.CONFLICT: 2, HTTPStatus.NOT_FOUND: 3}

    def __init__(self, plain: Collection[HTTPStatus] = ()) -> None:
        self._plain = plain

    def error(self, error: AppError) -> JSONResponse:
        """Answer rc 2 for conflicts, 3 for what is not there, 1 for the rest."""
        body = {"rc": self._CODES.get(error.status, 1), "error": error.message}
        if error.status in self._plain:
            return JSONResponse(body, int(error.status), _headers(error))
        return JSONResponse(body, headers=_wait(error))

    def validation(self, problems: Sequence[Problem]) -> JSONResponse:
        """Answer rc 1 with a message that names every field."""
        return JSONResponse({"rc": 1, "error": sentence(problems)})


_ACCESS = (
    HTTPStatus.UNAUTHORIZED,
    HTTPStatus.FORBIDDEN,
    HTTPStatus.TOO_MANY_REQUESTS,
    HTTPStatus.SERVICE_UNAVAILABLE,
)
_FOLLOW_UP = DetailDialect()
_FAMILIES: tuple[tuple[str, Dialect], ...] = (
    ("/api/v1/chatbot", ChatbotDialect()),
    ("/api/v1/secret", ChatbotDialect()),
    ("/api/chatbot", ChatbotDialect(plain=_ACCESS)),
    ("/api/v1/outbound-bot", OutboundDialect()),
    ("/api/v1/mediation", OutboundDialect()),
    ("/agent-api", AgentDialect()),
)


def dialect_of(path: str) -> Dialect:
    """Return the dialect of the family that a path belongs to; FastAPI's own by default."""
    for prefix, dialect in _FAMILIES:
        if path == prefix or path.startswith(f"{prefix}/"):
            return dialect
    return _FOLLOW_UP


def is_follow_up(path: str) -> bool:
    """Tell whether a path belongs to the follow-up family, which all paths do that no other family claims."""
    return dialect_of(path) is _FOLLOW_UP
