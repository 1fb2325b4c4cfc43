"""What the OpenAPI document says about the errors of the follow-up family: ``{"detail": …}``."""

from http import HTTPStatus
from typing import Any

from pydantic import BaseModel, Field


class FieldProblem(BaseModel):
    """One field of the input at fault."""

    type: str = Field(description="机器可读的原因 (machine-readable reason)", examples=["missing"])
    loc: list[str | int] = Field(description="字段位置 (where the field stands)", examples=[["body", "name"]])
    msg: str = Field(description="说明 (what is wrong)", examples=["Field required"])


class ProblemAnswer(BaseModel):
    """An error: a sentence, or one entry per field at fault."""

    detail: str | list[FieldProblem] = Field(description="错误说明 (what went wrong and what to do)")


# Referred to, and put into the document once: with `"model"` the framework makes a validator for each status of each
# operation, hundreds of them, and files them under the media type of the good answer, which may be no JSON.
_REFERENCE = {"$ref": "#/components/schemas/ProblemAnswer"}
_FIELD = [{"type": "missing", "loc": ["body", "name"], "msg": "Field required"}]
_TEXTS: dict[int, tuple[str, Any]] = {
    400: ("请求无法解析 (the request cannot be read)", "There was an error parsing the body"),
    401: ("缺少密钥或密钥错误 (no key or a wrong one)", "密钥无效 (this API key is not known)"),
    403: (
        "密钥没有所需的权限 (the key lacks the scope)",
        "密钥没有所需的权限:write (this key does not permit it, which takes the scope write)",
    ),
    404: ("不存在 (not found)", "没有 id 为 42 的记录 (there is nothing under id 42)"),
    405: ("该地址不支持此方法 (method not allowed)", "该地址不支持此方法 (method not allowed)"),
    409: ("与现有数据冲突 (at odds with what is stored)", "名称已被使用 (this name is taken)"),
    410: ("已失效 (gone)", "链接已失效 (this link has expired)"),
    413: (
        "请求体过大 (the body is too large)",
        "请求体过大,上限 67108864 字节 (the body is larger than 67108864 bytes)",
    ),
    415: ("内容类型不支持 (unsupported content type)", "请使用 application/json (send application/json)"),
    422: ("输入有误 (the input is not valid)", _FIELD),
    429: ("请求过多,请稍后再试 (too many requests)", "请求过多,请稍后再试 (too many requests, wait a moment)"),
    500: ("服务内部错误 (internal error)", "服务内部错误,已记录 (internal error, it has been logged)"),
    503: ("数据库暂时不可用 (the database is away)", "数据库暂时不可用,请稍后再试 (the database is away, try again)"),
    504: (
        "处理超时,已放弃 (given up; nobody knows how far it came)",
        (
            "处理超过 60 秒,已放弃;已提交的修改仍然有效,重试之前请先查询 "
            "(given up after 60 s; what had been committed stays, so look before you try again)"
        ),
    ),
    507: ("存储空间不足 (no storage left)", "存储空间不足 (no storage left)"),
}
_ALWAYS = (401, 403, 413, 422, 429, 500, 503, 504, 507)
"""Statuses that the middlewares and the framework can answer for any operation."""
_WAIT = {"Retry-After": {"description": "秒 (seconds to wait)", "schema": {"type": "integer"}}}
_HEADERS: dict[int, dict[str, Any]] = {
    401: {"WWW-Authenticate": {"description": "接受的认证方式 (accepted schemes)", "schema": {"type": "string"}}},
    429: _WAIT,
    503: _WAIT,
}


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return FastAPI's ``responses=`` for an operation: the statuses given and those that any call can get.

    Args:
        statuses: HTTP statuses of this operation beyond the common ones, such as 404 and 409.
    """
    return {status: _response(status) for status in sorted({*_ALWAYS, *statuses})}


def problem_schemas() -> dict[str, Any]:
    """Return what the references above mean, for ``components.schemas`` of the document."""
    schema = ProblemAnswer.model_json_schema(ref_template="#/components/schemas/{model}", mode="serialization")
    return {**schema.pop("$defs"), "ProblemAnswer": schema}


def _response(status: int) -> dict[str, Any]:
    text, example = _TEXTS.get(status, (HTTPStatus(status).phrase, HTTPStatus(status).phrase))
    response: dict[str, Any] = {
        "description": text,
        "content": {"application/json": {"schema": _REFERENCE, "example": {"detail": example}}},
    }
    if status in _HEADERS:
        response["headers"] = _HEADERS[status]
    return response
