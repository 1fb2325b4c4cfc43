"""Wire shapes of rules for dialling again, and of the analysts that read intentions."""

from typing import Annotated

from pydantic import MISSING, Field, StringConstraints

from app.domain.intention import PHRASE_TAGS
from app.domain.tasks import MAX_RECYCLES, AnalystKind, RecycleType
from app.schemas.agent.base import TIME, Given, Name, Told, Week
from app.schemas.common import Flag, Storable

_ACCOUNT = "3f7c2a10-5d1e-4b0a-9c55-6d2f8e410b77"
_PHRASE_TAG = rf"^(?:{'|'.join(PHRASE_TAGS)})$"
_CONFIGS = [[{"week": 1, "times": ["9:30", "15:00"]}]]


class RedialDayIn(Given):
    """Times of one day of the week."""

    week: Week
    times: Annotated[
        list[Annotated[str, StringConstraints(pattern=TIME)]],
        Field(max_length=50, description="重呼时间 (times)", examples=[["9:30"]]),
    ]


class DetailIn(Given):
    """How often a number with this status is dialled again."""

    number_status: Annotated[
        int,
        Field(
            strict=True,
            ge=1,
            le=12,
            description="号码状态:2 运营商拦截,3 拒接,4 无应答,5 空号,6 关机,7 停机,8 占线,9 呼入限制,10 欠费;"
            "1、11、12 不会重呼 (status of the number; after 1, 11 and 12 nobody is dialled again)",
            examples=[4],
        ),
    ]
    time: Annotated[
        int,
        Field(
            strict=True,
            ge=0,
            le=MAX_RECYCLES,
            description="重呼次数;0 不重呼,各项合计不超过 50 (redials; 0: none; 50 in all at most)",
            examples=[2],
        ),
    ]


Remark = Annotated[
    Annotated[Storable, StringConstraints(max_length=1000)] | None,
    Field(description="描述 (note)", examples=["无应答两次"]),
]
Status = Annotated[Flag, Field(description="是否启用 (in use)", examples=[True])]
IsDefault = Annotated[
    Flag | None, Field(description="是否默认,至多一个 (the account's default, at most one)", examples=[None])
]
Type = Annotated[
    int,
    Field(
        strict=True,
        ge=int(min(RecycleType)),
        le=int(max(RecycleType)),
        description="1 自动重呼(按任务间隔),2 指定时间重呼 (1 after the task's pause, 2 at the times of configs)",
        examples=[1],
        json_schema_extra={"enum": [int(each) for each in RecycleType]},
    ),
]
Configs = Annotated[
    Annotated[list[RedialDayIn], Field(min_length=1, max_length=7)] | None,
    Field(description="指定时间重呼的时间,仅 type 2 (times, of type 2 only)", examples=[None, *_CONFIGS]),
]
Details = Annotated[
    list[DetailIn],
    Field(max_length=12, description="按号码状态的重呼次数 (redials by status)"),
]


class RecycleRuleCreate(Given):
    """A new rule."""

    name: Name
    remark: Remark = None
    status: Status = True
    is_default: IsDefault = None
    type: Type = int(RecycleType.AFTER_PAUSE)
    configs: Configs = None
    details: Details = Field(default_factory=list)


class RecycleRuleUpdate(Given):
    """Fields of a rule to change; a missing field stays."""

    name: Name | MISSING = MISSING
    remark: Remark | MISSING = MISSING
    status: Status | MISSING = MISSING
    is_default: IsDefault | MISSING = MISSING
    type: Type | MISSING = MISSING
    configs: Configs | MISSING = MISSING
    details: Details | MISSING = MISSING


class DetailOut(Told):
    """How often a number with this status is dialled again."""

    rule_id: int = Field(description="规则id (the rule)", examples=[4])
    number_status: int = Field(description="号码状态 (status of the number)", examples=[4])
    time: int = Field(description="重呼次数 (redials)", examples=[2])
    number_status_str: str = Field(description="状态名称 (the status's name)", examples=["无应答"])


class RedialDayOut(Told):
    """Times of one day of the week."""

    week: int = Field(description="星期,0 为周日 (0 is Sunday)", examples=[1])
    times: list[str] = Field(description="重呼时间 (times)", examples=[["9:30", "15:00"]])


class RecycleRuleOut(Told):
    """A rule for dialling again."""

    id: int = Field(description="自动重呼规则id (id)", examples=[4])
    user_id: str = Field(description="用户id (the account)", examples=[_ACCOUNT])
    name: str = Field(description="名称 (name)", examples=["无应答重呼"])
    remark: str | None = Field(description="描述 (note)", examples=["无应答两次"])
    status: bool = Field(description="是否启用 (in use)", examples=[True])
    created_at: str = Field(description="创建时间 (created)", examples=["2026-01-01 00:00:00"])
    updated_at: str = Field(description="更新时间 (changed)", examples=["2026-01-01 00:00:00"])
    is_default: bool | None = Field(description="是否默认 (the account's default)", examples=[None])
    type: int = Field(description="1 自动重呼,2 指定时间重呼 (1 after the pause, 2 at times)", examples=[1])
    configs: list[RedialDayOut] | None = Field(description="指定时间 (times, of type 2)", examples=[None])
    details: list[DetailOut] = Field(description="按号码状态的重呼次数 (redials by status)")


IntentionDefault = Annotated[
    int,
    Field(strict=True, ge=0, le=1, description="是否默认:1 是,至多一个 (1: the default, at most one)", examples=[0]),
]
LlmType = Annotated[
    int,
    Field(
        strict=True,
        ge=int(min(AnalystKind)),
        le=int(max(AnalystKind)),
        description="1 规则词表,2 大模型 (1 a table of phrases, 2 a language model)",
        examples=[1],
        json_schema_extra={"enum": [int(each) for each in AnalystKind]},
    ),
]


Phrase = Annotated[Storable, StringConstraints(min_length=1, max_length=50, pattern=r"[^\s=]")]
Phrases = Annotated[
    Annotated[
        dict[
            Annotated[str, StringConstraints(pattern=_PHRASE_TAG)],
            Annotated[list[Phrase], Field(max_length=500)],
        ],
        Field(max_length=len(PHRASE_TAGS)),
    ]
    | None,
    Field(
        description="按标签给出的词表,替换这些标签的默认词;空列表停用该标签,null 全部用默认。以 = 开头的须为整句"
        "(拒绝再联系总会识别,不受词表影响)。"
        "(Phrases by tag, instead of the default ones; an empty list switches a tag off; null: all default. "
        "One that begins with = must be all that is said. Refusals of contact are always heard.)",
        examples=[None, {"1B": ["下单", "=走起"]}],
    ),
]


class IntentionCreate(Given):
    """A new analyst."""

    name: Name
    llm_type: LlmType = int(AnalystKind.RULES)
    is_default: IntentionDefault = 0
    phrases: Phrases = None


class IntentionUpdate(Given):
    """Fields of an analyst to change; a missing field stays."""

    name: Name | MISSING = MISSING
    llm_type: LlmType | MISSING = MISSING
    is_default: IntentionDefault | MISSING = MISSING
    phrases: Phrases | MISSING = MISSING


class IntentionOut(Told):
    """An analyst that reads the intention from a talk."""

    id: int = Field(description="配置id (id)", examples=[48])
    name: str = Field(description="名称 (name)", examples=["意向分析"])
    user_id: str = Field(description="用户id (the account)", examples=[_ACCOUNT])
    llm_type: int = Field(description="1 规则词表,2 大模型 (1 phrases, 2 a language model)", examples=[1])
    is_default: int = Field(description="是否默认:1 是 (1: the account's default)", examples=[0])
    created_at: str = Field(description="创建时间 (created)", examples=["2026-01-01 00:00:00"])


class IntentionWhole(IntentionOut):
    """An analyst with its phrases."""

    phrases: dict[str, list[str]] | None = Field(
        description="自己的词表;null 为默认 (its own phrases; null: the default ones)", examples=[{"1B": ["下单"]}]
    )


class LevelOut(Told):
    """A level of intention."""

    level: int = Field(description="等级,1 A 至 6 F (level)", examples=[1])
    letter: str = Field(description="字母 (letter)", examples=["A"])
    text: str = Field(description="说明 (in words)", examples=["明确意向"])


class TagOut(Told):
    """A tag, and the phrases that lead to it where a config says nothing else."""

    tag: str = Field(description="标签:等级数字加原因字母 (the level's digit and a letter)", examples=["1B"])
    text: str = Field(description="说明 (in words)", examples=["要求办理或约定时间"])
    phrases: list[str] = Field(description="默认词 (default phrases)", examples=[["帮我办"]])


class DefaultPhrases(Told):
    """All levels, tags and default phrases."""

    levels: list[LevelOut] = Field(description="意向等级 (levels)")
    tags: list[TagOut] = Field(description="意向标签 (tags)")
