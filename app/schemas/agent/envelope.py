"""``{code, status, message, data}``: what every answer of the family is wrapped in; the HTTP status is the code."""

from http import HTTPStatus
from typing import Any, Generic, Literal, TypeVar

from pydantic import BaseModel, Field

Data = TypeVar("Data")

_TEXTS = {HTTPStatus.OK: "查询成功", HTTPStatus.CREATED: "创建成功"}


class Envelope(BaseModel, Generic[Data]):
    """An answer with its data."""

    code: int = Field(description="与 HTTP 状态码相同 (the HTTP status)", examples=[200])
    status: Literal["success"] = Field(description="成功 (it worked)", examples=["success"])
    message: str = Field(description="说明 (what happened)", examples=["查询成功"])
    data: Data


class Done(BaseModel):
    """An answer with nothing to tell but that it was done."""

    code: int = Field(description="与 HTTP 状态码相同 (the HTTP status)", examples=[200])
    status: Literal["success"] = Field(description="成功 (it worked)", examples=["success"])
    message: str = Field(description="说明 (what happened)", examples=["删除成功"])
    data: None = Field(description="总是 null (always null)", examples=[None])


class AgentRefusal(BaseModel):
    """An error; the message names the field and says what to do."""

    code: int = Field(
        description="与 HTTP 状态码相同;任务启动中为 6007 (the HTTP status; 6007: the task is started)", examples=[422]
    )
    status: Literal["error"] = Field(description="出错 (it did not work)", examples=["error"])
    message: str = Field(description="错误说明 (what went wrong and what to do)", examples=["name: Field required"])
    data: None = Field(description="总是 null (always null)", examples=[None])


def answered(data: Any, *, status: HTTPStatus = HTTPStatus.OK, message: str | None = None) -> dict[str, Any]:
    """Return the answer that carries some data; ``message``: what happened, where that is not plain."""
    return {"code": int(status), "status": "success", "message": message or _TEXTS[status], "data": data}
