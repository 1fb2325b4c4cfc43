"""Wire shapes of messages: inbound batches, the transparent list, the web chat."""

from typing import Annotated, Any

from pydantic import ConfigDict, Field, JsonValue

from app.schemas.common import Content, Input, Output, WireMoment

MOST_AT_ONCE = 500

_ITEM: dict[str, JsonValue] = {
    "message_id": "m-20260305-0001",
    "user_id": "candidate-42",
    "fromId": 0,
    "content": "好的,我的微信是 wx_example88",
    "sent_at": "2026-03-05T10:35:00Z",
}


class InboundIn(Input):
    """A batch of messages; each item is judged on its own, and one bad item does not hold up the others."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"messages": [_ITEM]}]})

    messages: Annotated[
        list[Any],
        Field(
            min_length=1,
            max_length=MOST_AT_ONCE,
            description="每项:message_id, user_id 或 contact_id, fromId (0 = 对方), content, sent_at 可选, bot 可选 "
            "(each: message_id, user_id or contact_id, fromId (0 = theirs), content, sent_at and bot optional)",
        ),
    ]


class RefusedOut(Output):
    """An item that was not taken in, in the shape of FastAPI's errors."""

    index: Annotated[int, Field(description="在批次中的位置,从 0 开始 (its place in the batch, from 0)", examples=[3])]
    status: Annotated[int, Field(examples=[422])] = 422
    detail: Annotated[
        list[dict[str, Any]],
        Field(
            description="原因 (what is wrong)",
            examples=[[{"type": "value_error", "loc": ["body", "messages", 3, "fromId"], "msg": "必填 (required)"}]],
        ),
    ]


class ReceiptOut(Output):
    """What became of a batch."""

    accepted: Annotated[int, Field(description="已接收 (taken in)", examples=[1])]
    duplicates: Annotated[int, Field(description="重复 (known already)", examples=[0])]
    filtered: Annotated[int, Field(description="被过滤 (of the accepted, not counted as answers)", examples=[0])]
    replies: Annotated[int, Field(description="算作回复 (of the accepted, answers)", examples=[1])]
    refused: Annotated[list[RefusedOut], Field(description="被拒绝的消息 (items not taken in)")]


class MessageOut(Output):
    """One message of the history."""

    id: Annotated[int, Field(examples=[501])]
    contact_id: Annotated[int, Field(description="联系人 (the contact)", examples=[1])]
    direction: Annotated[str, Field(description="方向 (direction): inbound, outbound", examples=["inbound"])]
    text: Annotated[str, Field(description="内容 (text)", examples=["微信号是哪个?"])]
    service: Annotated[str | None, Field(description="由谁发出 (who wrote for us)", examples=[None])]
    record_id: Annotated[int | None, Field(description="对应的复聊记录 (the record that it is)", examples=[None])]
    external_id: Annotated[
        str | None, Field(description="渠道上的消息 id (message_id on the channel)", examples=["m-20260305-0001"])
    ]
    verdict: Annotated[str | None, Field(description="判定 (what it was judged to be)", examples=["needs_review"])]
    filter_reason: Annotated[
        str | None, Field(description="过滤原因 (why it was filtered)", examples=["wechat_without_id"])
    ]
    sent_at: Annotated[WireMoment, Field(description="发送时间 (when it was sent)", examples=["2026-03-05T10:35:00Z"])]
    created_at: Annotated[
        WireMoment, Field(description="接收时间 (when it was stored)", examples=["2026-03-05T10:35:01Z"])
    ]


class MessagePage(Output):
    """A page of messages."""

    total: Annotated[int, Field(description="总数 (how many in all)", examples=[1])]
    page: Annotated[int, Field(description="页码 (page)", examples=[1])]
    page_size: Annotated[int, Field(description="每页数量 (rows per page)", examples=[20])]
    results: list[MessageOut]


class ChatLineOut(Output):
    """One message as the person in the web chat sees it; ``number`` counts from 1."""

    number: Annotated[int, Field(description="编号,从 1 开始 (counts from 1)", examples=[2])]
    direction: Annotated[
        str, Field(description="inbound = 对方 (the person), outbound = 我方 (us)", examples=["inbound"])
    ]
    text: Annotated[str, Field(description="内容 (text)", examples=["好的,晚点联系"])]
    created_at: Annotated[WireMoment, Field(examples=["2026-03-05T10:35:00Z"])]


class ChatOut(Output):
    """Who speaks in a web chat."""

    name: Annotated[str, Field(description="机器人名称 (the bot's name)", examples=["招聘助手"])]


class ChatLines(Output):
    """Messages of one web chat after a number, oldest first."""

    results: list[ChatLineOut]


class ChatIn(Input):
    """What the person writes; ``client_id`` makes a repeated try harmless."""

    content: Annotated[
        Content, Field(description="1 到 5,000 个字符 (1 to 5,000 characters)", examples=["好的,晚点联系"])
    ]
    client_id: Annotated[
        str | None,
        Field(
            min_length=1,
            max_length=64,
            pattern=r"^[A-Za-z0-9_.-]+$",
            description="相同的 client_id 只算一次 (the same one counts once)",
            examples=["line-7"],
        ),
    ] = None
