"""Wire shapes of calls as readers ask for them."""

import unicodedata
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints

from app.domain.identifiers import normalise_phone
from app.schemas.common import Storable
from app.schemas.outbound.base import Asked, FilterId, Told

_JOB = "1770604607798-4f25-a8be-32a23b347047"
_TALK = (
    '[{"timestamp": 1770604618000, "speaker": "Contact", "script": "", "action": "BeginDialogue"}, '
    '{"timestamp": 1770604619000, "speaker": "Robot", "script": "您好,我是您的调解员。", "action": "Broadcast"}, '
    '{"timestamp": 1770604629000, "speaker": "Contact", "script": null, "action": "EndDialogue"}]'
)
_URL = "http://localhost:8000/recordings/1770604607798-4f25-a8be-32a23b347047.wav?expires=1770691031&signature=…"


def _restore_plus(value: Any) -> Any:
    """Give a number its plus back, which an unescaped address turns into a space."""
    if isinstance(value, str) and value.startswith(" ") and value.lstrip()[:1].isdigit():
        return f"+{value.lstrip()}"
    return value


def _stored_phone(value: str) -> str:
    return normalise_phone(unicodedata.normalize("NFKC", value))


CaseText = Annotated[Storable, StringConstraints(max_length=64)]
CaseFilter = Annotated[CaseText | None, Field(description="案件ID (the case)", examples=["202601281644031088"])]
PersonFilter = Annotated[CaseText | None, Field(description="当事人ID (the person)", examples=["2303191513081131"])]
JobFilter = Annotated[CaseText | None, Field(description="工作ID (the call)", examples=[_JOB])]
PhoneFilter = Annotated[
    Annotated[Storable, StringConstraints(max_length=64), BeforeValidator(_restore_plus), AfterValidator(_stored_phone)]
    | None,
    Field(
        description="电话号码,可带 +86 与空格 (phone; +86 and spaces are fine)",
        examples=["13800138000"],
        json_schema_extra={"pattern": r"^( *\+?[ (]{0,2}[0-9]([ .()-]{0,3}[0-9]){4,14}\)? *)?$"},
    ),
]


class LogQuery(Asked):
    """Whose transcripts; at least one, all must fit."""

    case_id: CaseFilter = None
    person_id: PersonFilter = None
    job_id: JobFilter = None


class StatusQuery(Asked):
    """Whose newest call; at least one, all must fit."""

    case_ref: CaseFilter = None
    phone_number: PhoneFilter = None
    job_id: JobFilter = None


class LogEntry(Told):
    """A finished call."""

    call_type: str = Field(description="阶段类型 (kind of call)", examples=["follow_up"])
    job_id: str = Field(description="工作ID (the call)", examples=[_JOB])
    conversations: str = Field(
        description='通话列表,JSON 文本;未接通为 "[]" (the talk as a JSON text; "[]" if never answered)',
        examples=[_TALK],
    )
    call_status: str = Field(description="通话状态 (status)", examples=["Succeeded"])
    record_url: str = Field(
        description='录音地址,自带签名,定时失效;没有录音为 "" (signed link that expires; "" without a recording)',
        examples=[_URL],
    )


class StatusOut(Told):
    """The newest call that fits."""

    case_ref: str = Field(description="案件ID (the case)", examples=["202601281644031088"])
    phone_number: str = Field(description="手机号 (phone)", examples=["13800138000"])
    job_id: str = Field(description="工作ID (the call)", examples=[_JOB])
    call_status: str = Field(description="呼叫状态 (status)", examples=["Succeeded"])
    fetch_time: str = Field(
        description="更新时间;首次轮询前为创建时间 (last poll; before the first one when it was made)",
        examples=["2026-02-09 14:10:11"],
    )
    job_group_id: str = Field(description="工作组ID (job group)", examples=["0a541bee-0d6d-461f-ac84-4de2cd765ea1"])
    instance_id: str = Field(description="实例ID (instance)", examples=["4087bb39-7688-4c5b-a4c5-01f7bb98e466"])


class TalkLineOut(Told):
    """A line of a talk."""

    timestamp: int = Field(description="毫秒 (milliseconds since 1970)", examples=[1770604619000])
    speaker: str = Field(description="说话人 (Robot, Contact)", examples=["Robot"])
    script: str | None = Field(description="内容 (text)", examples=["您好,我是您的调解员。"])
    action: str = Field(description="动作 (what it is)", examples=["Broadcast"])


class ChangeOut(Told):
    """A status that a call had, and since when."""

    call_status: str = Field(description="状态 (status)", examples=["Executing"])
    time: str = Field(description="时间 (since)", examples=["2026-02-09 10:36:58"])


class CallOut(Told):
    """Everything about a call."""

    job_id: str = Field(description="工作ID (the call)", examples=[_JOB])
    call_type: str = Field(description="阶段类型 (kind of call)", examples=["follow_up"])
    case_id: str | None = Field(description="案件ID (the case)", examples=["202601281644031088"])
    mediation_id: int | None = Field(description="调解ID (the mediation)", examples=[1000])
    node_id: int | None = Field(description="节点ID (the step)", examples=[5])
    task_name: str | None = Field(description="节点名称 (name of the step)", examples=["履约回访"])
    record_id: int | None = Field(description="调解记录ID (the planned round)", examples=[26])
    person_id: str | None = Field(description="当事人ID (the person)", examples=["2303191513081131"])
    contact_id: int | None = Field(description="联系人ID (the contact)", examples=[1000])
    phone_number: str = Field(description='电话号码;抹除后为 "" (phone; "" once erased)', examples=["13800138000"])
    line_id: str | None = Field(description="线路ID (the line)", examples=["default"])
    is_automatic: bool = Field(description="自动拨打 (placed by itself)", examples=[True])
    provider: str = Field(description="服务商 (provider)", examples=["simulator"])
    provider_job_id: str | None = Field(description="服务商的工作ID (the provider's own id)", examples=["4d90-ab26"])
    job_group_id: str = Field(description="工作组ID (job group)", examples=["0a541bee-0d6d-461f-ac84-4de2cd765ea1"])
    instance_id: str = Field(description="实例ID (instance)", examples=["4087bb39-7688-4c5b-a4c5-01f7bb98e466"])
    script_id: str = Field(description="场景ID (script)", examples=["3c0aabe5-eb82-4f25-a8c2-8a66ddd5fa0f"])
    placement: str = Field(
        description="reserved 已预留, placed 已发起, unknown 结果未知, not_placed 未发起 (whether it was placed)",
        examples=["placed"],
    )
    call_status: str = Field(description="呼叫状态 (status)", examples=["Succeeded"])
    task_status: int | None = Field(description="服务商的结束代码 (how it ended, the provider's code)", examples=[20])
    result: str | None = Field(description="结果 (result)", examples=["已接通"])
    remark: str | None = Field(description="备注 (remark)", examples=[None])
    is_counted: bool = Field(description="计入对此人的呼叫次数 (counts as an attempt on the person)", examples=[True])
    is_reached: bool = Field(description="已触达 (the person was reached)", examples=[True])
    conversations: list[TalkLineOut] = Field(description="通话列表 (the talk)")
    record_url: str = Field(description='录音地址;没有为 "" (recording; "" for none)', examples=[_URL])
    recording_state: str = Field(
        description="none 无, pending 获取中, stored 已保存, lost 已失效, removed 已删除 (state of the recording)",
        examples=["stored"],
    )
    create_time: str = Field(description="创建时间 (made)", examples=["2026-02-09 10:36:47"])
    placed_time: str | None = Field(description="发起时间 (taken by the provider)", examples=["2026-02-09 10:36:48"])
    answered_time: str | None = Field(description="接听时间 (answered)", examples=["2026-02-09 10:36:58"])
    cancel_time: str | None = Field(description="请求取消的时间 (asked to be given up)", examples=[None])
    end_time: str | None = Field(description="结束时间 (over)", examples=["2026-02-09 10:37:09"])
    fetch_time: str = Field(description="更新时间 (last poll)", examples=["2026-02-09 10:37:10"])
    history: list[ChangeOut] = Field(description="状态变化 (what its status was)")


class CancelOut(Told):
    """A call that is given up."""

    job_id: str = Field(description="工作ID (the call)", examples=[_JOB])
    call_status: str = Field(
        description="当前状态;服务商确认后为 Cancelled (status; Cancelled once the provider says so)",
        examples=["Scheduling"],
    )
    cancel_time: str | None = Field(description="请求取消的时间 (asked)", examples=["2026-02-09 10:36:50"])
    end_time: str | None = Field(description="结束时间 (over)", examples=[None])


class EventOut(Told):
    """A change of a call's status."""

    job_id: str = Field(description="工作ID (the call)", examples=[_JOB])
    case_id: str | None = Field(description="案件ID (the case)", examples=["202601281644031088"])
    mediation_id: int | None = Field(description="调解ID (the mediation)", examples=[1000])
    node_id: int | None = Field(description="节点ID (the step)", examples=[5])
    person_id: str | None = Field(description="当事人ID (the person)", examples=["2303191513081131"])
    call_type: str = Field(description="阶段类型 (kind of call)", examples=["follow_up"])
    phone_number: str = Field(description="电话号码,隐去中间几位 (phone, its middle hidden)", examples=["138****8000"])
    call_status: str = Field(description="呼叫状态 (status)", examples=["Succeeded"])
    result: str | None = Field(description="当前结果 (result by now)", examples=["已接通"])
    time: str = Field(description="时间 (when)", examples=["2026-02-09 10:37:09"])


class RoundCall(Told):
    """A call that was made for a round."""

    job_id: str = Field(description="工作ID (the call)", examples=[_JOB])
    call_status: str = Field(description="呼叫状态 (status)", examples=["Succeeded"])
    placement: str = Field(description="是否发起 (whether it was placed)", examples=["placed"])
    result: str | None = Field(description="结果 (result)", examples=["已接通"])
    remark: str | None = Field(description="备注 (remark)", examples=[None])
    is_automatic: bool = Field(description="自动拨打 (placed by itself)", examples=[True])


class RoundOut(Told):
    """A planned round of calls to one party at one node, and what became of it."""

    id: int = Field(description="调解记录ID (id)", examples=[26])
    case_id: str = Field(description="案件ID (the case)", examples=["202601281644031088"])
    mediation_id: int = Field(description="调解ID (the mediation)", examples=[1000])
    mediation_type: int = Field(description="调解方式 (kind of mediation)", examples=[1])
    node_id: int = Field(description="节点ID (the step)", examples=[5])
    task_name: str = Field(description="任务名称 (name of the step)", examples=["履约回访"])
    person_id: str = Field(description="当事人ID (the person)", examples=["2303191513081131"])
    person_type: int = Field(description="用户类型 (role)", examples=[0])
    contact_id: int | None = Field(description="联系人ID (the contact)", examples=[1000])
    round: int = Field(description="第几轮 (which round, from 1)", examples=[1])
    state: str = Field(
        description="planned 已计划, calling 呼叫中, done 已完成, refused 已放弃, cancelled 已取消 (state)",
        examples=["done"],
    )
    is_automatic: bool = Field(description="由调度自动继续 (goes on by itself)", examples=[True])
    due_time: str | None = Field(description="计划时间 (when it is placed)", examples=[None])
    reason: str | None = Field(description="未呼叫的原因 (why the last look did not call)", examples=["outside_window"])
    reason_until: str | None = Field(description="原因持续到 (until then)", examples=["2026-02-10 09:00:00"])
    result: str | None = Field(description="记录结果 (result)", examples=["已接通"])
    remark: str | None = Field(description="备注 (remark)", examples=[None])
    creator: str = Field(description="创建者 (who made it)", examples=["system"])
    create_time: str = Field(description="创建时间 (made)", examples=["2026-02-07 11:16:40"])
    modifier: str | None = Field(description="修改者 (who changed it)", examples=[None])
    modify_time: str | None = Field(description="修改时间 (changed)", examples=[None])
    calls: list[RoundCall] = Field(description="为此轮发起的通话 (calls made for it)")


class RoundPage(Told):
    """One page of rounds, newest first."""

    total: int = Field(description="总数 (how many in all)", examples=[1])
    page: int = Field(description="页码 (page)", examples=[1])
    page_size: int = Field(description="每页数量 (rows per page)", examples=[20])
    results: list[RoundOut]


class RoundQuery(Asked):
    """Which rounds to list."""

    case_id: CaseFilter = None
    mediation_id: Annotated[FilterId | None, Field(description="调解ID (the mediation)")] = None
    person_id: PersonFilter = None
    state: Annotated[
        Literal["planned", "calling", "done", "refused", "cancelled"] | None, Field(description="状态 (state)")
    ] = None
    placement: Annotated[
        Literal["reserved", "placed", "unknown", "not_placed"] | None,
        Field(
            description="有此发起结果的通话;unknown 须由人确认 (with a call of this kind; unknown ones want a person)"
        ),
    ] = None
    page: Annotated[int, Field(ge=1, le=100_000_000, description="页码,从 1 开始 (page, from 1)")] = 1
    page_size: Annotated[int, Field(ge=1, le=500, description="每页数量 (rows per page)")] = 20
