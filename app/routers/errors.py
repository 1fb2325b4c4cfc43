"""Every error that can leave a handler, turned into the dialect of its family."""

from collections.abc import Iterable
from http import HTTPStatus

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.routing import Match

from app.errors import AppError, InvalidInputError
from app.routers.database_errors import FAULTS, meaning
from app.routers.dialects import dialect_of
from app.routers.fixed_paths import METHODS

log = structlog.get_logger(__name__)

_STATUS_TEXT = {
    HTTPStatus.NOT_FOUND: "没有这个地址 (no such path)",
    HTTPStatus.METHOD_NOT_ALLOWED: "该地址不支持此方法 (method not allowed)",
}


class _PlainError(AppError):
    """A status of the framework, carried in the tree."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = HTTPStatus(status)  # type: ignore[misc]  # the framework's status, per instance


def install_error_handlers(app: FastAPI) -> None:
    """Register the handlers; what none of them knows ends at the barrier (`answer_unforeseen`)."""
    app.add_exception_handler(AppError, _app_error)
    app.add_exception_handler(RequestValidationError, _validation)
    app.add_exception_handler(HTTPException, _framework)
    for fault in FAULTS:
        app.add_exception_handler(fault, _fault)


def answer_unforeseen(request: Request, error: Exception) -> Response:
    """Log an error that nobody foresaw and answer 500."""
    log.error("a request failed", exc_info=error)
    return dialect_of(request.url.path).error(AppError("服务内部错误,已记录 (internal error, it has been logged)"))


def method_not_allowed(path: str, methods: Iterable[str]) -> Response:
    """Answer 405 in the dialect of the path and name the methods that it has."""
    status = HTTPStatus.METHOD_NOT_ALLOWED
    response = dialect_of(path).error(_PlainError(status, _STATUS_TEXT[status]))
    response.headers["Allow"] = ", ".join(methods)
    return response


async def _app_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, AppError)  # noqa: S101 - registered for this class
    return dialect_of(request.url.path).error(error)


async def _validation(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for this class
    return dialect_of(request.url.path).validation(error.errors())


async def _framework(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for this class
    if error.status_code == HTTPStatus.BAD_REQUEST:
        # FastAPI answers 400 for bytes that are no text; here all bad input is one family of answers.
        problem = InvalidInputError("请求体不是有效的 JSON (the body is not valid JSON)", field=("body",))
        return dialect_of(request.url.path).error(problem)
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        return method_not_allowed(request.url.path, _allowed(request))
    message = _STATUS_TEXT.get(HTTPStatus(error.status_code), str(error.detail))
    response = dialect_of(request.url.path).error(_PlainError(error.status_code, message))
    response.headers.update(error.headers or {})
    return response


async def _fault(request: Request, error: Exception) -> Response:
    answer = meaning(error)
    if answer is None:
        raise error
    log.warning("the database could not do what a request needs", error=type(error).__name__, code=answer.code)
    return dialect_of(request.url.path).error(answer)


def _allowed(request: Request) -> list[str]:
    """Return the methods of a path; the framework names those of one route, and a path often has several."""
    routes = request.app.router.routes
    scopes = {method: {**request.scope, "method": method} for method in METHODS}
    return [method for method, scope in scopes.items() if any(r.matches(scope)[0] is Match.FULL for r in routes)]
