"""Wire shapes of records: what was sent, or tried."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from app.schemas.common import MAX_ID, Output, QueryMoment, WireMoment
from app.schemas.followup.configs import Filter


def _split(value: Any) -> Any:
    """Read ``a,b`` and repeated parameters alike."""
    parts = [value] if isinstance(value, str) else value
    return [name for part in parts for name in part.split(",") if name] if isinstance(parts, list) else value


RecordStatus = Literal["reserved", "sent", "failed", "unknown", "not_sent"]
RecordKind = Literal["opening", "script", "manual", "test"]


class RecordConditions(Filter):
    """Which records are meant."""

    contact_id: Annotated[int | None, Field(ge=1, le=MAX_ID, description="联系人ID (the contact)")] = None
    config_id: Annotated[int | None, Field(ge=1, le=MAX_ID, description="配置ID (the config)")] = None
    got_reply: Annotated[bool | None, Field(description="是否得到回复 (whether it was answered)")] = None
    status: Annotated[
        tuple[RecordStatus, ...],
        Field(
            min_length=1,
            description="状态,可重复或用逗号分隔;默认 sent 与 unknown "
            "(repeatable or separated by commas; default: sent and unknown)",
        ),
        BeforeValidator(_split),
    ] = ("sent", "unknown")
    sent_from: Annotated[
        QueryMoment | None, Field(description="发送时间不早于 (sent at or after; without a zone: UTC)")
    ] = None
    sent_to: Annotated[QueryMoment | None, Field(description="发送时间早于 (sent before; without a zone: UTC)")] = None


class RecordQuery(RecordConditions):
    """Which page of which records."""

    page: Annotated[int, Field(ge=1, le=100_000_000, description="页码,从 1 开始 (page, from 1)")] = 1
    page_size: Annotated[int, Field(ge=1, le=500, description="每页数量 (rows per page)")] = 20


class RecordOut(Output):
    """One message that was sent, or tried."""

    id: int = Field(examples=[1])
    contact_id: int = Field(description="联系人ID (the contact)", examples=[1])
    config_id: int | None = Field(description="配置ID;手动发送为 null (null for messages by hand)", examples=[1])
    script_id: int | None = Field(
        description="话术ID;开场白与手动发送为 null (null for openings and messages by hand)", examples=[1]
    )
    day_number: int | None = Field(description="第几天 (the day of the sequence)", examples=[1])
    content: str = Field(description="发送的内容 (the text as it was sent)", examples=["您好,期待与您进一步沟通。"])
    sent_at: WireMoment | None = Field(description="发送时间 (UTC)", examples=["2026-03-05T10:30:00Z"])
    got_reply: bool = Field(description="是否得到回复 (whether it was answered)", examples=[True])
    reply_content: str | None = Field(description="回复内容 (the answer)", examples=["好的,我的微信是 wx123456"])
    replied_at: WireMoment | None = Field(description="回复时间 (UTC)", examples=["2026-03-05T10:35:00Z"])
    kind: RecordKind = Field(description="种类 (opening, script, by hand or test)", examples=["script"])
    status: RecordStatus = Field(
        description="状态;unknown 表示可能已发出 (unknown: it may have left)", examples=["sent"]
    )
    error: str | None = Field(description="未发出的原因 (why it did not leave)", examples=[None])
    enrollment_id: int | None = Field(description="所属序列 (the enrollment)", examples=[1])


class RecordPage(Output):
    """A page of records, newest first."""

    total: int = Field(description="符合条件的总数 (how many there are)", examples=[10])
    page: int = Field(description="页码 (this page)", examples=[1])
    page_size: int = Field(description="每页数量 (rows per page)", examples=[20])
    results: list[RecordOut]
