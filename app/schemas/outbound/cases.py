"""Wire shapes of mediation cases."""

from typing import Annotated

from pydantic import MISSING, Field, StringConstraints

from app.schemas.common import Flag, Storable
from app.schemas.outbound.base import Asked, CaseId, Given, Int, NodeId, PersonId, Told

MAX_PARTIES = 100
MAX_AGREEMENT = 20_000

_AGREEMENT = "李大海于2026年6月30日前一次性支付王小明工资3742元,逾期按日加收违约金。"
_NOTICE = "没有电话号码,呼叫时会被拒绝 (no phone number: calls to this party will be refused)"

Title = Annotated[
    Annotated[Storable, StringConstraints(min_length=1, max_length=256, pattern=r"\S")],
    Field(description="案件名称 (what the case is called)", examples=["工资支付纠纷"]),
]
PhoneText = Annotated[
    Annotated[Storable, StringConstraints(max_length=64)] | None,
    Field(
        description="电话号码,默认中国大陆;可以没有,呼叫时会说明 (mainland China by default; calls say so without one)",
        examples=["13800138000"],
    ),
]


class Agreement(Given):
    """An agreement; its text reaches the script of a call."""

    agree_id: Annotated[
        Annotated[Storable, StringConstraints(min_length=1, max_length=64)],
        Field(description="协议ID (the agreement's id)", examples=["A-20260128-1"]),
    ]
    agree_content: Annotated[
        Annotated[Storable, StringConstraints(max_length=MAX_AGREEMENT)],
        Field(description="协议内容 (its text)", examples=[_AGREEMENT]),
    ]


class PartyIn(Given):
    """A person of the case; becomes a contact of the default bot under ``personId``."""

    person_id: PersonId
    name: Annotated[
        Annotated[Storable, StringConstraints(min_length=1, max_length=128, pattern=r"\S")],
        Field(description="姓名 (name)", examples=["王小明"]),
    ]
    phone_number: PhoneText = None
    person_type: Annotated[Int, Field(description="用户类型,原样保留 (the role, kept as given)", examples=[0])]
    honorific: Annotated[
        Annotated[Storable, StringConstraints(max_length=32)] | None,
        Field(description="称谓 (form of address)", examples=["先生"]),
    ] = None


class CaseCreate(Given):
    """A new case with its mediation and its parties."""

    case_id: CaseId
    title: Title
    node_id: NodeId
    mediation_type: Annotated[Int, Field(description="调解方式 (kind of mediation)", examples=[1])] = 1
    agreement: Annotated[Agreement | None, Field(description="协议,可以没有 (may be missing)")] = None
    parties: Annotated[list[PartyIn], Field(min_length=1, max_length=MAX_PARTIES)]


class CaseUpdate(Given):
    """Changes of a case; a missing field stays."""

    title: Title | MISSING = MISSING
    node_id: NodeId | MISSING = MISSING
    agreement: Annotated[Agreement | None, Field(description="新协议;null 表示没有 (null: none)")] | MISSING = MISSING
    closed: Annotated[Flag, Field(description="结案或重新打开 (close or open again)", examples=[True])] | MISSING = (
        MISSING
    )


class PartyOut(Told):
    """A person of a case."""

    person_id: str = Field(description="当事人ID (the person's id)", examples=["2303191513081131"])
    name: str = Field(description="姓名 (name)", examples=["王小明"])
    phone_number: str = Field(
        description="电话号码,列表中隐去中间几位 (phone; its middle is hidden in lists)", examples=["13800138000"]
    )
    person_type: int = Field(description="用户类型 (role)", examples=[0])
    honorific: str | None = Field(description="称谓 (form of address)", examples=["先生"])
    contact_id: int | None = Field(description="联系人;抹除后为 null (the contact; null once erased)", examples=[1000])
    do_not_contact: bool = Field(description="勿扰:不会被呼叫 (is not called)", examples=[False])
    notice: str | None = Field(
        description="需要知道的事,例如没有可拨打的号码 (what to know, such as: no number to dial)",
        examples=[None, _NOTICE],
    )


class AgreementOut(Told):
    """An agreement."""

    agree_id: str = Field(description="协议ID (its id)", examples=["A-20260128-1"])
    agree_content: str = Field(description="协议内容 (its text)", examples=[_AGREEMENT])


class CaseOut(Told):
    """A case as it stands."""

    case_id: str = Field(description="案件ID (the case's id)", examples=["202601281644031088"])
    mediation_id: int = Field(description="调解ID,外呼时使用 (the mediation's id, for calls)", examples=[1000])
    title: str = Field(description="案件名称 (what it is called)", examples=["工资支付纠纷"])
    node_id: int = Field(description="节点ID (the step it stands at)", examples=[5])
    task_name: str = Field(description="节点名称 (name of the step)", examples=["履约回访"])
    mediation_type: int = Field(description="调解方式 (kind of mediation)", examples=[1])
    agreement: AgreementOut | None = Field(description="协议 (the agreement)")
    parties: list[PartyOut]
    planned_rounds: int = Field(description="已计划、尚未呼叫的轮次 (rounds planned and not called yet)", examples=[0])
    create_time: str = Field(description="创建时间 (created)", examples=["2026-02-07 11:16:40"])
    modify_time: str = Field(description="修改时间 (changed)", examples=["2026-02-07 11:16:40"])
    closed_time: str | None = Field(description="结案时间;null 为未结案 (null: open)", examples=[None])


class CasePage(Told):
    """One page of cases, newest first."""

    total: int = Field(description="总数 (how many in all)", examples=[1])
    page: int = Field(description="页码 (page)", examples=[1])
    page_size: int = Field(description="每页数量 (rows per page)", examples=[20])
    results: list[CaseOut]


class CaseQuery(Asked):
    """Which cases to list."""

    person_id: Annotated[
        Annotated[Storable, StringConstraints(max_length=64)] | None,
        Field(description="当事人ID (cases of this person)"),
    ] = None
    node_id: Annotated[int | None, Field(ge=0, le=2**31 - 1, description="节点ID (cases at this step)")] = None
    closed: Annotated[bool | None, Field(description="是否已结案 (closed or open ones)")] = None
    q: Annotated[
        Annotated[Storable, StringConstraints(max_length=128)] | None,
        Field(description="在案件ID与名称中查找 (searched in id and title)"),
    ] = None
    page: Annotated[int, Field(ge=1, le=100_000_000, description="页码,从 1 开始 (page, from 1)")] = 1
    page_size: Annotated[int, Field(ge=1, le=500, description="每页数量 (rows per page)")] = 20


__all__ = ["Agreement", "CaseCreate", "CaseOut", "CasePage", "CaseQuery", "CaseUpdate", "PartyIn"]
