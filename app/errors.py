"""The one error tree: a code, an HTTP status and a message that says what to do.

Services raise these; each API family renders them in its own wire dialect (``app/routers/dialects.py``).
"""

from http import HTTPStatus
from typing import ClassVar


class AppError(Exception):
    """An error that a caller can understand and act on.

    ``field`` names the place of the input at fault, as FastAPI's ``loc`` does (``("body", "name")``).
    """

    status: ClassVar[HTTPStatus] = HTTPStatus.INTERNAL_SERVER_ERROR
    code: ClassVar[str] = "internal_error"

    def __init__(self, message: str, *, field: tuple[str | int, ...] = (), retry_after: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.field = field
        self.retry_after = retry_after


class InvalidInputError(AppError):
    """The request was understood and cannot be accepted as it is."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY
    code = "invalid_input"


class NotFoundError(AppError):
    """There is nothing under that id."""

    status = HTTPStatus.NOT_FOUND
    code = "not_found"


class GoneError(AppError):
    """It was there, and will not be there again."""

    status = HTTPStatus.GONE
    code = "gone"


class ConflictError(AppError):
    """The request is at odds with what is stored."""

    status = HTTPStatus.CONFLICT
    code = "conflict"


class TaskStartedError(ConflictError):
    """A started task is not changed; the agent family has a number of its own for that."""

    code = "task_started"


class UnauthorizedError(AppError):
    """The caller did not prove who it is."""

    status = HTTPStatus.UNAUTHORIZED
    code = "unauthorized"


class ForbiddenError(AppError):
    """The caller is known and may not do this."""

    status = HTTPStatus.FORBIDDEN
    code = "forbidden"


class PayloadTooLargeError(AppError):
    """The body is larger than this endpoint reads."""

    status = HTTPStatus.CONTENT_TOO_LARGE if hasattr(HTTPStatus, "CONTENT_TOO_LARGE") else HTTPStatus(413)
    code = "payload_too_large"


class TooManyRequestsError(AppError):
    """The caller must wait; ``retry_after`` says how many seconds."""

    status = HTTPStatus.TOO_MANY_REQUESTS
    code = "too_many_requests"


class UnavailableError(AppError):
    """Something that the service needs is away; the same request may succeed later."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
    code = "unavailable"


class TimedOutError(AppError):
    """The service gave the request up; nobody knows how far it came."""

    status = HTTPStatus.GATEWAY_TIMEOUT
    code = "timed_out"


class StartupError(Exception):
    """The service cannot start; the message says why and what to do, to whoever started it."""
