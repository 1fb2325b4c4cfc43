"""What errors of PostgreSQL and of the way to it mean for the caller.

Input is checked before it reaches the database, and unavailable is not broken: the table below is the net under
both, so that no input makes a 500 and a restart of PostgreSQL makes 503 with Retry-After.
"""

import errno
from http import HTTPStatus

import asyncpg
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from app.errors import AppError, ConflictError, InvalidInputError, UnavailableError
from app.repositories.pool import PoolBusyError

_RETRY_SECONDS = 2
_AWAY = "数据库暂时不可用,请稍后重试 (the database is away, try again)"
_ALL_IN_USE = "服务繁忙,请稍后重试 (all connections to the database are in use, try again)"
_BUSY = "数据正被其他请求修改,请稍后重试 (the data is being changed by others, try again)"

_CLASSES = frozenset({"08", "28", "3D", "53", "57", "58"})
"""Connection, who may come in, no such database, too few resources, operators at work, trouble of the machine."""
_STATES = frozenset(
    {
        "25006",  # read_only_sql_transaction: a standby
        "25P03",  # idle_in_transaction_session_timeout
        "25P04",  # transaction_timeout
        "42501",  # insufficient_privilege; also files of a file system that became read-only
        "55000",  # object_not_in_prerequisite_state: not accepting connections, in recovery
        "55006",  # object_in_use: somebody copies or drops the database
    }
)
_CONDITIONS = (
    asyncpg.ClientConfigurationError,  # a password file or a certificate that is not there any more; it is a ValueError
    asyncpg.exceptions.InvalidCachedStatementError,  # the schema changed under a connection, which forgets it then
)

FAULTS: tuple[type[Exception], ...] = (
    OSError,
    TimeoutError,
    PoolTimeoutError,
    DBAPIError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
)
"""Errors that `meaning` knows something about."""


class StorageFullError(AppError):
    """Nothing can be written until somebody makes room."""

    status = HTTPStatus.INSUFFICIENT_STORAGE
    code = "storage_full"


def meaning(error: BaseException) -> AppError | None:
    """Return the error to answer with, or None for what is a fault of the service itself."""
    if isinstance(error, DBAPIError):
        cause = None if error.connection_invalidated or error.orig is None else error.orig.__cause__ or error.orig
        return _away() if cause is None else meaning(cause)
    if isinstance(error, _CONDITIONS):
        return _away()
    state = getattr(error, "sqlstate", None)
    if isinstance(state, str):
        return _of_state(state)
    if isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EROFS}:
        return _full()
    if isinstance(error, ValueError):  # asyncpg's refusal to encode an argument
        return _invalid()
    return _unavailable(error) if isinstance(error, FAULTS) else None


def _of_state(state: str) -> AppError | None:
    """Translate an SQLSTATE; https://www.postgresql.org/docs/18/errcodes-appendix.html."""
    if state in {"53100", "58030"}:  # disk_full, io_error
        return _full()
    if state in {"40001", "40P01", "55P03"}:  # serialization_failure, deadlock_detected, lock_not_available
        return UnavailableError(_BUSY, retry_after=1)
    if state[:2] in _CLASSES or state in _STATES:
        return _away()
    if state[:2] == "22":  # data exceptions
        return _invalid()
    if state[:2] == "23":  # integrity constraints
        return ConflictError("与现有数据冲突 (at odds with what is stored)")
    return None


def _away() -> AppError:
    return UnavailableError(_AWAY, retry_after=_RETRY_SECONDS)


def _unavailable(error: BaseException) -> AppError:
    is_ours = isinstance(error, PoolBusyError | PoolTimeoutError)
    return UnavailableError(_ALL_IN_USE if is_ours else _AWAY, retry_after=_RETRY_SECONDS)


def _full() -> AppError:
    return StorageFullError("存储空间不足或只读 (the storage is full or read-only)")


def _invalid() -> AppError:
    return InvalidInputError("输入含有无法保存的值 (the input holds a value that cannot be stored)")
