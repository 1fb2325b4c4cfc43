"""Wire shapes of people, their details and their history."""

from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import MISSING, AfterValidator, Field, StringConstraints

from app.domain.followup import position_key
from app.domain.identifiers import normalise_phone
from app.schemas.common import MAX_TEXT, Id, Input, Output, Storable, WireMoment

_MAX_POSITION = 64


class State(StrEnum):
    """State of a person's newest enrollment; ``none``: never enrolled."""

    WAITING = "waiting"
    ACTIVE = "active"
    PAUSED = "paused"
    REPLIED = "replied"
    CONVERTED = "converted"
    FINISHED = "finished"
    STOPPED = "stopped"
    NONE = "none"


def _comparable(value: str) -> str:
    # Compatibility forms can be longer than what was typed (「㍿」 is four characters).
    if len(position_key(value)) > _MAX_POSITION:
        raise ValueError("岗位名称过长 (the position is too long once normalised)")
    return value


def _phone(value: str) -> str:
    return normalise_phone(value) if value else value


def _blank_is_none(value: str | None) -> str | None:
    return value or None


def _text(length: int) -> Any:
    return StringConstraints(strip_whitespace=True, max_length=length)


# What clients are told; which digits make a number is decided by normalise_phone.
_PHONE_FORM = Field(json_schema_extra={"pattern": r"^( *\+?[ (]{0,2}[0-9]([ .()-]{0,3}[0-9]){4,14}\)? *)?$"})

BotField = Annotated[
    Id | Annotated[Storable, StringConstraints(min_length=1, max_length=64)],
    Field(description="渠道的 id 或 client_id (id or client_id of the bot)", examples=[1]),
]
UserIdField = Annotated[
    Annotated[Storable, StringConstraints(strip_whitespace=True, min_length=1, max_length=256, pattern=r"\S")],
    Field(description="渠道上的用户 id (the person's id on the bot)", examples=["zhaopin-20931"]),
]
NameField = Annotated[
    Annotated[Storable, _text(128)] | None,
    AfterValidator(_blank_is_none),
    Field(description="姓名 (name)", examples=["林晓"]),
]
PositionField = Annotated[
    Annotated[Storable, _text(_MAX_POSITION), AfterValidator(_comparable)] | None,
    AfterValidator(_blank_is_none),
    Field(description="岗位 (position)", examples=["Python开发"]),
]
PhoneField = Annotated[
    Annotated[Storable, _text(40), AfterValidator(_phone), _PHONE_FORM] | None,
    AfterValidator(_blank_is_none),
    Field(
        description="电话;有效号码存为 E.164,默认中国大陆 (stored as E.164 where valid; mainland China by default)",
        examples=["138 0013 8000"],
    ),
]
NoteField = Annotated[
    Annotated[Storable, _text(MAX_TEXT)] | None,
    AfterValidator(_blank_is_none),
    Field(description="备注 (note)", examples=["三年后端经验,工作日晚上方便"]),
]


class ContactCreate(Input):
    """A new person."""

    bot: BotField | None = None
    user_id: UserIdField | None = None
    name: NameField = None
    position: PositionField = None
    phone: PhoneField = None
    note: NoteField = None


class ContactUpdate(Input):
    """Changes of a person's card; a missing field stays, null empties it."""

    user_id: UserIdField | MISSING = MISSING
    name: NameField | MISSING = MISSING
    position: PositionField | MISSING = MISSING
    phone: PhoneField | MISSING = MISSING
    note: NoteField | MISSING = MISSING


class ContactOut(Output):
    """A person as lists show them."""

    id: int = Field(description="联系人ID (id)", examples=[1000])
    bot_id: int = Field(description="渠道ID (the bot)", examples=[1])
    user_id: str = Field(description="渠道上的用户 id (id on the bot)", examples=["zhaopin-20931"])
    name: str | None = Field(description="姓名 (name)", examples=["林晓"])
    position: str | None = Field(description="岗位 (position)", examples=["Python开发"])
    phone: str | None = Field(description="电话 (phone, E.164 where valid)", examples=["+8613800138000"])
    note: str | None = Field(description="备注 (note)", examples=["三年后端经验,工作日晚上方便"])
    do_not_contact: bool = Field(description="勿扰:任何渠道都不再主动联系 (no channel reaches out)", examples=[False])
    muted: bool = Field(description="静音:暂不自动发消息 (no automatic messages for now)", examples=[False])
    state: State = Field(description="最近一次复聊的状态 (state of the newest enrollment)", examples=["active"])
    enrollment_id: int | None = Field(description="最近一次复聊 (the newest enrollment)", examples=[15])
    takeover_until: WireMoment | None = Field(
        description="人工接手至 (automation rests: an operator wrote by hand)", examples=[None]
    )
    review_hold_until: WireMoment | None = Field(
        description="待人工判断至 (automation rests: a message waits for a judgement)", examples=[None]
    )
    message_count: int = Field(
        description="消息总数,含已按保留期删除的 (messages ever, with those deleted for their age)", examples=[3]
    )
    last_sent_at: WireMoment | None = Field(
        description="上次发出 (last message out)", examples=["2026-03-05T10:30:00Z"]
    )
    last_message_at: WireMoment | None = Field(
        description="最近一条消息 (last message, in or out)", examples=["2026-03-05T10:35:00Z"]
    )
    chat_url: str | None = Field(
        description="网页聊天的路径 (path of the web chat)", examples=["/chat/Jw3vXxk1cN5Gd0yq8RzT2hLbPfAa6MUe"]
    )
    created_at: WireMoment = Field(description="创建时间 (created, UTC)", examples=["2026-03-01T02:00:00Z"])
    updated_at: WireMoment = Field(description="修改时间 (changed, UTC)", examples=["2026-03-05T10:30:00Z"])


class ContactCreated(ContactOut):
    """A person just written down."""

    notice: str | None = Field(
        default=None,
        description="需要知道的事,例如该联系人在勿扰名单上 (what to know, such as: on the do-not-contact list)",
        examples=[None],
    )


class ContactPage(Output):
    """One page of people."""

    total: int = Field(description="总数 (how many in all)", examples=[1])
    page: int = Field(description="页码 (page)", examples=[1])
    page_size: int = Field(description="每页数量 (rows per page)", examples=[20])
    results: list[ContactOut]


class ImportProblem(Output):
    """A line that was not imported."""

    line: int = Field(description="文件中的行号 (line of the file, the header is 1)", examples=[7])
    error: str = Field(description="原因 (why)", examples=["电话: 不是电话号码 (not a phone number)"])


class ImportOut(Output):
    """What an import did."""

    created: int = Field(description="新建 (new people)", examples=[120])
    updated: int = Field(description="更新 (people whose card changed)", examples=[14])
    unchanged: int = Field(description="无变化 (lines that changed nothing)", examples=[3])
    do_not_contact: int = Field(description="其中在勿扰名单上的 (of them on the do-not-contact list)", examples=[1])
    error_count: int = Field(description="未导入的行数 (lines not imported)", examples=[1])
    errors: list[ImportProblem] = Field(description="最多列出前 1000 条 (the first 1,000 of them)")
    ignored_columns: list[str] = Field(description="未识别而忽略的列 (columns that were not read)", examples=[["来源"]])
    encoding: str = Field(description="识别出的编码 (the encoding found)", examples=["utf-8"])
    dry_run: bool = Field(description="是否仅预演 (nothing was written)", examples=[False])


class MessageEntry(Output):
    """A message in the chat that is no follow-up."""

    type: Literal["message"]
    id: int = Field(examples=[501])
    at: WireMoment = Field(examples=["2026-03-05T10:35:00Z"])
    direction: Literal["inbound", "outbound"] = Field(description="方向 (who wrote)", examples=["inbound"])
    text: str = Field(description="内容 (text)", examples=["好的,晚点联系"])
    service: str | None = Field(description="由谁发出 (who answered)", examples=[None])
    verdict: str | None = Field(description="判定 (how it was judged)", examples=["reply"])
    filter_reason: str | None = Field(description="为何不算回复 (why it is no reply)", examples=[None])


class SendEntry(Output):
    """A message that was sent, or tried."""

    type: Literal["send"]
    id: int = Field(examples=[88])
    at: WireMoment = Field(examples=["2026-03-05T10:30:00Z"])
    kind: str = Field(description="类型 (opening, script, manual, test)", examples=["script"])
    status: str = Field(description="状态 (sent, unknown, failed, …)", examples=["sent"])
    text: str = Field(description="内容 (text)", examples=["您好,期待与您进一步沟通。"])
    config_id: int | None = Field(examples=[1])
    script_id: int | None = Field(examples=[1])
    day_number: int | None = Field(examples=[1])
    got_reply: bool = Field(examples=[True])


class CallEntry(Output):
    """A call to the person, or one of which nobody knows whether it left."""

    type: Literal["call"]
    id: int = Field(examples=[31])
    at: WireMoment = Field(examples=["2026-03-05T10:31:00Z"])
    job_id: str = Field(description="工作ID (the call)", examples=["1772706660000-4f25-a8be-32a23b347047"])
    call_type: str = Field(description="阶段类型 (kind of call)", examples=["follow_up"])
    case_id: str | None = Field(description="案件ID (the case)", examples=["202601281644031088"])
    status: str = Field(description="通话状态 (status)", examples=["Succeeded"])
    placement: str = Field(description="是否发起 (whether it was placed)", examples=["placed"])
    result: str | None = Field(description="结果 (result)", examples=["已接通"])
    is_reached: bool = Field(description="已触达 (the person was reached)", examples=[True])
    is_automatic: bool = Field(description="自动拨打 (placed by itself)", examples=[True])
    ended_at: WireMoment | None = Field(description="结束时间 (over)", examples=["2026-03-05T10:31:40Z"])


class DetailEntry(Output):
    """A contact detail that was found."""

    type: Literal["detail"]
    id: int = Field(examples=[12])
    at: WireMoment = Field(examples=["2026-03-05T10:35:00Z"])
    kind: str = Field(examples=["wechat"])
    value: str = Field(examples=["linxiao_0607"])
    rule: str = Field(examples=["wechat_cue"])
    confidence: float = Field(examples=[0.98])
    message_id: int | None = Field(examples=[501])


class ChangeEntry(Output):
    """A decision about the person, from the audit trail."""

    type: Literal["change"]
    id: int = Field(examples=[77])
    at: WireMoment = Field(examples=["2026-03-05T10:36:00Z"])
    actor: str = Field(description="谁 (who)", examples=["api"])
    action: str = Field(description="做了什么 (what)", examples=["mute"])
    reason: str | None = Field(description="为何 (why)", examples=["muted"])
    enrollment_id: int | None = Field(examples=[15])


TimelineEntry = Annotated[MessageEntry | SendEntry | CallEntry | DetailEntry | ChangeEntry, Field(discriminator="type")]


class TimelineOut(Output):
    """A stretch of a person's history, newest first."""

    results: list[TimelineEntry]
    next_cursor: str | None = Field(
        description="下一段的游标;null 表示到头 (pass it as cursor for older entries; null: the end)", examples=[None]
    )


class DetailKind(StrEnum):
    """Kinds of contact details."""

    WECHAT = "wechat"
    PHONE = "phone"
    QQ = "qq"
    EMAIL = "email"


class ContactRecordOut(Output):
    """A contact detail that a person gave."""

    id: int = Field(examples=[12])
    contact_id: int = Field(description="联系人 (whose)", examples=[1000])
    kind: DetailKind = Field(description="类型 (kind)", examples=["wechat"])
    value: str = Field(description="内容 (the detail)", examples=["linxiao_0607"])
    rule: str = Field(description="由哪条规则识别 (the rule that found it)", examples=["wechat_cue"])
    confidence: float = Field(description="把握程度 0–1 (how sure)", examples=[0.98])
    note: str | None = Field(description="说明 (what to know about it)", examples=[None])
    message_id: int | None = Field(description="来源消息 (the message it stood in)", examples=[501])
    created_at: WireMoment = Field(examples=["2026-03-05T10:35:00Z"])


class ContactRecordPage(Output):
    """One page of contact details."""

    total: int = Field(examples=[1])
    page: int = Field(examples=[1])
    page_size: int = Field(examples=[20])
    results: list[ContactRecordOut]
