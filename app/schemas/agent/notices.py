"""Wire shapes of notices and of the secret that signs them."""

from typing import Literal

from pydantic import Field

from app.schemas.agent.base import Told

NoticeStatus = Literal["pending", "delivered", "dead"]
_KEY = "0c1d3f0e-7a3b-4f57-9f0e-3b8f8b6f2f10"


class NoticeOut(Told):
    """A finished call on its way to ``call_notify_url``."""

    id: int = Field(description="回调id (the notice)", examples=[1])
    record_id: int = Field(description="记录id (the call)", examples=[26])
    number_id: int | None = Field(description="号码id (the number)", examples=[1])
    number_status: int | None = Field(description="号码状态 (status)", examples=[1])
    webhook_id: str = Field(description="webhook-id,重试与重发不变 (the same at every try)", examples=[_KEY])
    status: NoticeStatus = Field(
        description="pending 发送中,delivered 已送达,dead 已放弃 (how far it is)", examples=["delivered"]
    )
    attempts: int = Field(description="已尝试次数 (tries)", examples=[1])
    next_try_at: str | None = Field(
        description="下次尝试时间,仅 pending (next try, only while pending)", examples=[None]
    )
    last_error: str | None = Field(description="最近一次失败的原因 (why the last try failed)", examples=[None])
    created_at: str = Field(description="创建时间 (made)", examples=["2026-03-05 18:31:01"])
    delivered_at: str | None = Field(description="送达时间 (delivered)", examples=["2026-03-05 18:31:02"])


class NoticePage(Told):
    """A page of the notices of a task, the newest first."""

    total: int = Field(description="总数 (how many there are)", examples=[1])
    page: int = Field(description="页码 (page)", examples=[1])
    limit: int = Field(description="每页数量 (rows per page)", examples=[20])
    results: list[NoticeOut] = Field(description="回调 (notices)")


class SecretOut(Told):
    """The secret that signs an account's notices (Standard Webhooks)."""

    secret: str = Field(description="签名密钥 (signing secret)", examples=["whsec_…"])
