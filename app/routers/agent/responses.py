"""What the OpenAPI document says about the errors of the agent family: ``{code, status, message, data: null}``."""

from http import HTTPStatus
from typing import Any

from app.schemas.agent import AgentRefusal

_TEXTS: dict[HTTPStatus, tuple[str, str]] = {
    HTTPStatus.UNAUTHORIZED: (
        "缺少密钥或密钥错误 (no key or a wrong one)",
        "密钥无效 (this API key is not known)",
    ),
    HTTPStatus.FORBIDDEN: (
        "密钥没有所需的权限 (the key lacks the scope)",
        "密钥没有所需的权限:write (this key does not permit it, which takes the scope write)",
    ),
    HTTPStatus.NOT_FOUND: ("不存在 (not found)", "没有账户 u-1 (no such account)"),
    HTTPStatus.CONFLICT: (
        "与现有数据冲突 (at odds with what is stored)",
        "线路 (line) l-1 正被话术组「回访」使用,不能删除 (it is in use by these)",
    ),
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: (
        "请求体过大 (the body is too large)",
        "请求体过大,上限 67108864 字节 (the body is larger than 67108864 bytes)",
    ),
    HTTPStatus.UNPROCESSABLE_ENTITY: ("输入有误 (the input is not valid)", "name: Field required"),
    HTTPStatus.TOO_MANY_REQUESTS: (
        "请求过多,请稍后再试 (too many requests)",
        "请求过多,请在 3 秒后重试 (too many requests with this key, try again in 3 s)",
    ),
    HTTPStatus.INTERNAL_SERVER_ERROR: (
        "服务内部错误 (internal error)",
        "服务内部错误,已记录 (internal error, it has been logged)",
    ),
    HTTPStatus.SERVICE_UNAVAILABLE: (
        "数据库暂时不可用 (the database is away)",
        "数据库暂时不可用,请稍后再试 (the database is away, try again)",
    ),
    HTTPStatus.GATEWAY_TIMEOUT: (
        "处理超时,已放弃 (given up; nobody knows how far it came)",
        (
            "处理超过 60 秒,已放弃;已提交的修改仍然有效,重试之前请先查询 "
            "(given up after 60 s; what had been committed stays, so look before you try again)"
        ),
    ),
    HTTPStatus.INSUFFICIENT_STORAGE: ("存储空间不足 (no storage left)", "存储空间不足 (no storage left)"),
}
_ALWAYS = (401, 403, 413, 422, 429, 500, 503, 504, 507)
"""Statuses that the middlewares and the framework can answer for any operation."""
_WAIT = {"Retry-After": {"description": "秒 (seconds to wait)", "schema": {"type": "integer"}}}
_HEADERS: dict[int, dict[str, Any]] = {
    401: {"WWW-Authenticate": {"description": "接受的认证方式 (accepted schemes)", "schema": {"type": "string"}}},
    429: _WAIT,
    503: _WAIT,
}


def refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return FastAPI's ``responses=`` for an operation: the statuses given and those that any call can get.

    Args:
        statuses: HTTP statuses of this operation beyond the common ones, such as 404 and 409.
    """
    return {int(status): _response(HTTPStatus(status)) for status in sorted({*_ALWAYS, *statuses})}


def refusal_schemas() -> dict[str, Any]:
    """Return what the references above mean, for ``components.schemas`` of the document."""
    return {"AgentRefusal": AgentRefusal.model_json_schema(mode="serialization")}


def _response(status: HTTPStatus) -> dict[str, Any]:
    text, example = _TEXTS[status]
    response: dict[str, Any] = {
        "description": text,
        "content": {
            "application/json": {
                # Referred to, as in `app/routers/responses.py`: a "model" costs the start a validator each.
                "schema": {"$ref": "#/components/schemas/AgentRefusal"},
                "example": {"code": int(status), "status": "error", "message": example, "data": None},
            }
        },
    }
    if status in _HEADERS:
        response["headers"] = _HEADERS[status]
    return response
