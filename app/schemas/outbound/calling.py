"""``POST /api/v1/outbound-bot/call-v2``."""

import re
from datetime import datetime
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, WithJsonSchema
from pydantic.alias_generators import to_camel

from app.schemas.common import Storable
from app.schemas.outbound.envelope import Envelope

_MAX_MEDIATION = 2**53 - 1
_DIGITS = re.compile(r"[0-9]{1,15}", re.ASCII)


def _mediation(value: object) -> object:
    if isinstance(value, str) and _DIGITS.fullmatch(value):
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MAX_MEDIATION:
        return value
    raise ValueError("请写十进制字符串或整数 (a decimal string or an integer)")


MediationId = Annotated[
    int,
    BeforeValidator(_mediation),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "pattern": "^[0-9]{1,15}$"},
                {"type": "integer", "minimum": 0, "maximum": _MAX_MEDIATION},
            ]
        }
    ),
]


class CallIn(BaseModel):
    """Who is to be called about which mediation."""

    model_config = ConfigDict(alias_generator=to_camel, validate_by_name=False, extra="ignore")

    case_id: Annotated[
        Storable,
        StringConstraints(min_length=1, max_length=64),
        Field(description="案件ID (the case)", examples=["202601281644031088"]),
    ]
    mediation_id: Annotated[
        MediationId,
        Field(description="AI调解反馈ID,十进制字符串或整数 (decimal string or integer)", examples=["1001"]),
    ]
    call_auto: Annotated[
        int,
        Field(
            strict=True,
            ge=0,
            le=1,
            json_schema_extra={"enum": [0, 1]},
            description="0:自动,呼叫该节点全部当事人并自动安排后续轮次;1:手动,只呼叫 callPersonId 一次 "
            "(0: everybody, later rounds by themselves; 1: only callPersonId, this once)",
            examples=[0],
        ),
    ]
    call_person_id: Annotated[
        Storable,
        StringConstraints(max_length=64),
        Field(
            description="被呼叫人ID;callAuto 为 0 时忽略 (whom to call; ignored with callAuto 0)",
            examples=["2303191513081131"],
        ),
    ]


class CallItem(BaseModel):
    """What became of one party."""

    model_config = ConfigDict(alias_generator=to_camel)

    error_code: int = Field(description="0:成功,1001:须等待,1002:呼叫已达上限", examples=[0])
    message: str = Field(description="说明 (why)", examples=["外呼发起成功"])
    id: int = Field(description="调解记录ID (the planned round)", examples=[26])
    mediation_id: int = Field(description="调解ID", examples=[1001])
    node_id: int = Field(description="节点ID", examples=[5])
    task_name: str = Field(description="任务名称", examples=["履约回访"])
    result: None = Field(None, description="记录结果,发起时为 null (null while calling)")
    person_type: int = Field(description="用户类型", examples=[0])
    mediation_type: int = Field(description="调解方式", examples=[1])
    person_id: str = Field(description="用户ID", examples=["2303191513081131"])
    job_id: str = Field(description='工作ID,没有通话时为 "" (empty without a call)')
    instance_id: str = Field(description="实例ID")
    job_group_id: str = Field(description="工作组ID")
    script_id: str = Field(description="场景ID")
    call_status: str = Field(description="呼叫状态", examples=["Scheduling"])
    remark: None = None
    delete_status: int = Field(1, description="1:有效,0:已删除", examples=[1])
    creator: str = Field(examples=["system"])
    create_time: str = Field(description="创建日期 (a date)", examples=["2026-02-07"])
    modifier: None = None
    modify_time: None = None
    start_time: str | None = Field(
        description="须等待时下一轮呼叫开始时间,北京时间 (with 1001: when the next round may begin)",
        examples=["2026-02-07 19:46:40"],
    )
    call_interval: int | None = Field(description="须等待时的轮次间隔,分钟 (with 1001: minutes)", examples=[30])


class CallsAnswer(Envelope[list[CallItem]]):
    """An item for each party, in their order."""


def local_time(moment: datetime, zone: ZoneInfo) -> str:
    """Write a moment as the family does: ``2026-02-09 14:10:11``; part of a second counts as a whole one."""
    local = moment.astimezone(zone)
    if local.microsecond:
        local = datetime.fromtimestamp(int(local.timestamp()) + 1, zone)
    return local.strftime("%Y-%m-%d %H:%M:%S")


def example(**fields: Any) -> dict[str, Any]:
    """Return the item of the document's example."""
    return {
        "errorCode": 0,
        "message": "外呼发起成功",
        "id": 26,
        "mediationId": 1001,
        "nodeId": 5,
        "taskName": "履约回访",
        "result": None,
        "personType": 0,
        "mediationType": 1,
        "personId": "2303191513081131",
        "jobId": "1770463000471-447e-96ea-97523c61189b",
        "instanceId": "4087bb39-7688-4c5b-a4c5-01f7bb98e466",
        "jobGroupId": "dfd0c60b-6434-4482-afc7-ac5f83f9ffe6",
        "scriptId": "3c0aabe5-eb82-4f25-a8c2-8a66ddd5fa0f",
        "callStatus": "Scheduling",
        "remark": None,
        "deleteStatus": 1,
        "creator": "system",
        "createTime": "2026-02-07",
        "modifier": None,
        "modifyTime": None,
        "startTime": None,
        "callInterval": None,
        **fields,
    }
