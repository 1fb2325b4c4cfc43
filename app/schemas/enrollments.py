"""Wire shapes of sequences: enrolling, lists, plans."""

from typing import Annotated, Literal, Self

from pydantic import ConfigDict, Field, JsonValue, StringConstraints, model_validator

from app.schemas.common import Content, Flag, Id, Input, Output, Storable, WireMoment

MOST_AT_ONCE = 10_000

_NULL: dict[str, JsonValue] = {"type": "null"}


class EnrollIn(Input):
    """Whom to enroll: people by id, or everybody of a position."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"contact_ids": [1]}, {"position": "Python开发"}],
        },
    )

    contact_ids: Annotated[
        list[Id] | None, Field(min_length=1, max_length=MOST_AT_ONCE, description="联系人 id,最多 10,000 个 (contacts)")
    ] = None
    position: Annotated[
        Annotated[Storable, StringConstraints(min_length=1, max_length=64, pattern=r"\S")] | None,
        Field(
            description="该岗位的所有联系人 (everybody of this position)",
            json_schema_extra={"anyOf": [{"type": "string", "minLength": 1, "maxLength": 64, "pattern": r"\S"}, _NULL]},
        ),
    ] = None
    opening: Annotated[Flag, Field(description="是否发送开场白 (whether to send the opening)")] = True
    config_id: Annotated[Id | None, Field(description="指定配置,默认按岗位匹配 (default: by position)")] = None
    restart: Annotated[Flag, Field(description="已结束的复聊重新开始 (start anew for people whose sequence ended)")] = (
        False
    )

    @model_validator(mode="after")
    def _one_of_two(self) -> Self:
        if (self.contact_ids is None) == (self.position is None):
            raise ValueError("contact_ids 与 position 必须且只能给一个 (give either contact_ids or position)")
        return self


class EnrollmentResultOut(Output):
    """The answer for one person."""

    contact_id: Annotated[int, Field(examples=[1])]
    status: Annotated[
        Literal[
            "enrolled",
            "waiting",
            "already_enrolled",
            "needs_restart",
            "converted",
            "do_not_contact",
            "bot_deleted",
            "not_found",
        ],
        Field(description="结果 (what became of this person)", examples=["enrolled"]),
    ]
    enrollment_id: Annotated[int | None, Field(description="加入的序列 (the new enrollment)", examples=[15])]
    config_id: Annotated[int | None, Field(description="匹配到的配置 (the config that was chosen)", examples=[1])]
    message: Annotated[str, Field(examples=["已加入复聊 (enrolled)"])]


class EnrolledOut(Output):
    """The answers for a list of people, in its order."""

    total: Annotated[int, Field(description="结果数 (how many answers)", examples=[1])]
    enrolled: Annotated[
        int, Field(description="新加入的人数,含等待中 (people now in a sequence, waiting included)", examples=[1])
    ]
    results: list[EnrollmentResultOut]


class EnrollmentOut(Output):
    """A person's place in a sequence."""

    id: Annotated[int, Field(examples=[15])]
    contact_id: Annotated[int, Field(description="联系人 (the contact)", examples=[1])]
    name: Annotated[str | None, Field(description="姓名 (name)", examples=["林晓"])]
    position: Annotated[str | None, Field(description="岗位 (position)", examples=["Python开发"])]
    config_id: Annotated[int | None, Field(description="配置;等待中为 null (null while waiting)", examples=[1])]
    state: Annotated[
        str,
        Field(
            description="状态 (state): waiting, active, paused, replied, converted, finished, stopped",
            examples=["active"],
        ),
    ]
    reason: Annotated[
        str | None,
        Field(description="最近一次未发送的原因 (why the last look did not send)", examples=["interval"]),
    ]
    reason_until: Annotated[
        WireMoment | None,
        Field(description="该原因持续到 (until when; null: not known)", examples=["2026-03-06T10:30:00Z"]),
    ]
    due_at: Annotated[
        WireMoment | None,
        Field(description="下次查看时间 (when it is looked at next)", examples=["2026-03-06T10:30:00Z"]),
    ]
    day: Annotated[int, Field(description="天数计数器 (the day counter)", examples=[2])]
    sent: Annotated[int, Field(description="已尝试发送的条数 (messages tried so far)", examples=[2])]
    last_sent_at: Annotated[
        WireMoment | None, Field(description="上次发出 (last message out)", examples=["2026-03-05T10:30:00Z"])
    ]
    enrolled_at: Annotated[WireMoment, Field(description="加入时间 (when it began)", examples=["2026-03-05T10:29:30Z"])]
    ended_at: Annotated[WireMoment | None, Field(description="结束时间 (when it ended)", examples=[None])]


class EnrollmentPage(Output):
    """A page of places in sequences."""

    total: Annotated[int, Field(description="总数 (how many in all)", examples=[1])]
    page: Annotated[int, Field(description="页码 (page)", examples=[1])]
    page_size: Annotated[int, Field(description="每页数量 (rows per page)", examples=[20])]
    results: list[EnrollmentOut]


class BlockerOut(Output):
    """Something that stands in the way now; ``until`` null: until something changes from outside."""

    reason: Annotated[str, Field(examples=["interval"])]
    until: Annotated[WireMoment | None, Field(examples=["2026-03-06T10:30:00Z"])] = None


class NextOut(Output):
    """The message that comes next."""

    kind: Annotated[str, Field(description="种类 (opening or script)", examples=["script"])]
    day_number: Annotated[int | None, Field(description="第几天 (the day)", examples=[2])]
    script_id: Annotated[int | None, Field(description="话术 (the script)", examples=[2])]
    text: Annotated[
        str | None,
        Field(
            description="内容;变量缺值时为 null (null while a variable has no value)",
            examples=["您好,不知道您是否方便留个联系方式?"],
        ),
    ]


class PlannedOut(Output):
    """One message that is foreseen."""

    at: Annotated[WireMoment, Field(examples=["2026-03-06T10:30:00Z"])]
    day_number: Annotated[int | None, Field(examples=[2])]
    script_id: Annotated[int | None, Field(examples=[2])]
    text: Annotated[str, Field(examples=["您好,不知道您是否方便留个联系方式?"])]


class PlanOut(Output):
    """What comes next, when at the earliest, what stands in the way, and the next sends if nobody answers."""

    enrollment_id: Annotated[int, Field(examples=[15])]
    contact_id: Annotated[int, Field(examples=[1])]
    state: Annotated[str, Field(examples=["active"])]
    next: Annotated[NextOut | None, Field(description="下一条 (what comes next; null: nothing)")]
    earliest: Annotated[
        WireMoment | None,
        Field(description="最早发送时间 (not before)", examples=["2026-03-06T10:30:00Z"]),
    ]
    blockers: Annotated[list[BlockerOut], Field(description="现在的阻碍 (what stands in the way now)")]
    upcoming: Annotated[list[PlannedOut], Field(description="若无人回复 (if nobody answers)")]
    ends_with: Annotated[
        str | None, Field(description="序列结束或停住的原因 (why nothing more is foreseen)", examples=[None])
    ]


class SendIn(Input):
    """One text to one person, now."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": {"contact_id": 1, "content": "您好,我想和您聊聊这个职位。"}}
    )

    contact_id: Annotated[Id, Field(description="联系人ID (the contact)", examples=[1])]
    content: Annotated[Content, Field(description="1 到 5,000 个字符 (1 to 5,000 characters)")]


class TestSendIn(Input):
    """Who gets the texts of a config as a test."""

    __test__ = False  # pytest must not take this for a test

    contact_id: Annotated[Id, Field(description="联系人ID (the contact)", examples=[1])]


class ResolveIn(Input):
    """What really became of an uncertain send."""

    outcome: Annotated[
        Literal["sent", "not_sent"],
        Field(description="实际结果 (whether it left after all)", examples=["sent"]),
    ]


__all__ = [
    "EnrollIn",
    "EnrolledOut",
    "EnrollmentOut",
    "EnrollmentPage",
    "PlanOut",
    "ResolveIn",
    "SendIn",
    "TestSendIn",
]
