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

    index: int
    status: int = 422
    detail: list[dict[str, Any]]


class ReceiptOut(Output):
    """What became of a batch."""

    accepted: int
    duplicates: int
    filtered: int
    replies: int
    refused: list[RefusedOut]


class MessageOut(Output):
    """One message of the history."""

    id: int
    contact_id: int
    direction: Annotated[str, Field(description="inbound, outbound")]
    text: str
    service: str | None
    record_id: int | None
    external_id: str | None
    verdict: Annotated[str | None, Field(description="判定 (what it was judged to be)")]
    filter_reason: Annotated[str | None, Field(description="过滤原因 (why it was filtered)")]
    sent_at: WireMoment
    created_at: WireMoment


class MessagePage(Output):
    """A page of messages."""

    total: int
    page: int
    page_size: int
    results: list[MessageOut]


class ChatLineOut(Output):
    """One message as the person in the web chat sees it; ``number`` counts from 1."""

    number: int
    direction: Annotated[str, Field(description="inbound = 对方 (the person), outbound = 我方 (us)")]
    text: str
    created_at: WireMoment


class ChatLines(Output):
    """Messages of one web chat after a number, oldest first."""

    results: list[ChatLineOut]


class ChatIn(Input):
    """What the person writes; ``client_id`` makes a repeated try harmless."""

    content: Content
    client_id: Annotated[str | None, Field(min_length=1, max_length=64, pattern=r"^[\w.-]+$")] = None
