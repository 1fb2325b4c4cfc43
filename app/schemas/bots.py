"""Wire shapes of channels and of the way their messages are delivered."""

import base64
import binascii
from enum import StrEnum
from typing import Annotated

from pydantic import MISSING, AfterValidator, Field, StringConstraints

from app.domain.urls import MAX_URL, outgoing_url
from app.schemas.common import Flag, Input, Output, Storable, WireMoment

SECRET_PREFIX = "whsec_"  # noqa: S105 - the prefix that every such secret has
_SECRET_BYTES = range(24, 65)


class DeliveryKind(StrEnum):
    """How messages reach people."""

    WEBCHAT = "webchat"
    WEBHOOK = "webhook"


def _standard_secret(value: str) -> str:
    try:
        key = base64.b64decode(value.removeprefix(SECRET_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not value.startswith(SECRET_PREFIX) or len(key) not in _SECRET_BYTES:
        raise ValueError(
            "密钥须为 whsec_ 加 24 至 64 字节的 base64 "
            "(a Standard Webhooks secret: whsec_ and 24 to 64 bytes in base64)"
        )
    return value


Url = Annotated[
    Storable,
    StringConstraints(max_length=MAX_URL),
    AfterValidator(outgoing_url),
    Field(
        json_schema_extra={
            "pattern": r"^https?://[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?(:[1-9][0-9]{0,3})?(/[!-\[\]-~]*)?$"
        }
    ),
]
SecretField = Annotated[
    Annotated[Storable, StringConstraints(max_length=128), AfterValidator(_standard_secret)],
    Field(
        description="签名密钥,只写;未给出而需要时自动生成并仅显示一次 "
        "(signing secret, write-only; made and shown once where one is needed and none is given)",
        examples=["whsec_" + base64.b64encode(b"an example of 32 bytes, not real").decode()],
        json_schema_extra={"writeOnly": True, "pattern": r"^whsec_([A-Za-z0-9+/]{4}){8,20}$"},
    ),
]
RateField = Annotated[
    Annotated[float, Field(strict=True, gt=0, le=10_000, allow_inf_nan=False)] | None,
    Field(description="每秒消息数,null 为不限 (messages a second; null: no limit)", examples=[5.0]),
]


class BotCreate(Input):
    """A new channel."""

    name: Annotated[
        Annotated[Storable, StringConstraints(strip_whitespace=True, min_length=1, max_length=128, pattern=r"\S")],
        Field(description="名称 (name)", examples=["社招机器人"]),
    ]


class BotOut(Output):
    """A channel."""

    id: int = Field(examples=[1000])
    client_id: str = Field(description="对外标识 (public id)", examples=["bot-5Yk0cX2vQm8TzR1n"])
    name: str = Field(examples=["社招机器人"])
    is_default: bool = Field(description="未指明渠道时使用 (used where no bot is named)", examples=[False])
    delivery_kind: DeliveryKind = Field(description="投递方式 (how it delivers)", examples=["webchat"])
    created_at: WireMoment = Field(examples=["2026-03-01T02:00:00Z"])
    updated_at: WireMoment = Field(examples=["2026-03-01T02:00:00Z"])


class BotCreated(BotOut):
    """A channel just made, with its secret."""

    secret: str = Field(
        description="密钥,仅此一次显示 (shown this once only)",
        examples=["whsec_" + base64.b64encode(b"an example of 32 bytes, not real").decode()],
    )


class BotPage(Output):
    """One page of channels."""

    total: int = Field(examples=[1])
    page: int = Field(examples=[1])
    page_size: int = Field(examples=[20])
    results: list[BotOut]


class DeliveryUpdate(Input):
    """Changes of a channel's delivery; a missing field stays, null empties it."""

    kind: (
        Annotated[DeliveryKind, Field(description="投递方式 (webchat or webhook)", examples=["webhook"])] | MISSING
    ) = MISSING
    url: (
        Annotated[
            Url | None,
            Field(
                description="消息发往的地址,webhook 必填 (where messages go; needed for webhook)",
                examples=["https://gateway.example.com/huiyin"],
            ),
        ]
        | MISSING
    ) = MISSING
    secret: SecretField | MISSING = MISSING
    idempotent: (
        Annotated[
            Flag,
            Field(
                description="网关是否按 webhook-id 去重;是则结果未知时可重试 "
                "(the gateway drops repeats of a webhook-id, so an uncertain send may be retried)",
                examples=[False],
            ),
        ]
        | MISSING
    ) = MISSING
    rate_per_second: RateField | MISSING = MISSING
    inbox_url: (
        Annotated[
            Url | None,
            Field(
                description="收件箱地址,自动发送话术前查询,网页聊天亦然;无法查询则不发送 "
                "(asked for new messages before each automatic text, of web chats too; if it fails, nothing is sent)",
                examples=["https://gateway.example.com/inbox"],
            ),
        ]
        | MISSING
    ) = MISSING
    event_url: (
        Annotated[
            Url | None,
            Field(
                description="事件推送地址 (where events such as replied go)",
                examples=["https://ats.example.com/hooks/huiyin"],
            ),
        ]
        | MISSING
    ) = MISSING


class DeliveryOut(Output):
    """How a channel delivers; the secret is never shown again."""

    kind: DeliveryKind = Field(examples=["webhook"])
    url: str | None = Field(examples=["https://gateway.example.com/huiyin"])
    has_secret: bool = Field(description="是否已有密钥 (whether a secret is set)", examples=[True])
    idempotent: bool = Field(examples=[False])
    rate_per_second: float | None = Field(examples=[5.0])
    inbox_url: str | None = Field(examples=[None])
    event_url: str | None = Field(examples=[None])


class DeliveryChanged(DeliveryOut):
    """How a channel delivers after a change."""

    secret: str | None = Field(
        default=None,
        description="新生成的密钥,仅此一次显示 (a secret made just now, shown this once only; null otherwise)",
        examples=[None],
    )
