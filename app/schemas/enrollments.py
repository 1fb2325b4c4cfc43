"""Wire shapes of sequences: enrolling, lists, plans."""

from typing import Annotated, Self

from pydantic import ConfigDict, Field, StringConstraints, model_validator

from app.schemas.common import Content, Flag, Id, Input, Output, WireMoment

MOST_AT_ONCE = 10_000


class EnrollIn(Input):
    """Whom to enroll: people by id, or everybody of a position."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"contact_ids": [1]}, {"position": "Python开发"}]}
    )

    contact_ids: Annotated[
        list[Id] | None, Field(min_length=1, max_length=MOST_AT_ONCE, description="联系人 id,最多 10,000 个 (contacts)")
    ] = None
    position: Annotated[
        str | None,
        StringConstraints(min_length=1, max_length=64, pattern=r"\S"),
        Field(description="该岗位的所有联系人 (everybody of this position)"),
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
        if self.position is not None and "\x00" in self.position:
            raise ValueError("position 不能包含 NUL 字符 (position must not contain NUL)")
        return self


class EnrollmentResultOut(Output):
    """The answer for one person."""

    contact_id: int
    status: Annotated[
        str,
        Field(
            description="enrolled, waiting, already_enrolled, needs_restart, converted, do_not_contact, not_found",
            examples=["enrolled"],
        ),
    ]
    enrollment_id: int | None
    config_id: int | None
    message: Annotated[str, Field(examples=["已加入复聊 (enrolled)"])]


class EnrolledOut(Output):
    """The answers for a list of people, in its order."""

    total: int
    enrolled: Annotated[int, Field(description="新加入的人数,含等待中 (people now in a sequence, waiting included)")]
    results: list[EnrollmentResultOut]


class EnrollmentOut(Output):
    """A person's place in a sequence."""

    id: int
    contact_id: int
    name: str | None
    position: str | None
    config_id: int | None
    state: Annotated[
        str, Field(description="waiting, active, paused, replied, converted, finished, stopped", examples=["active"])
    ]
    reason: Annotated[str | None, Field(description="最近一次未发送的原因 (why the last look did not send)")]
    reason_until: WireMoment | None
    due_at: Annotated[WireMoment | None, Field(description="下次查看时间 (when it is looked at next)")]
    day: Annotated[int, Field(description="天数计数器 (the day counter)")]
    sent: Annotated[int, Field(description="已尝试发送的条数 (messages tried so far)")]
    last_sent_at: WireMoment | None
    enrolled_at: WireMoment
    ended_at: WireMoment | None


class EnrollmentPage(Output):
    """A page of places in sequences."""

    total: int
    page: int
    page_size: int
    results: list[EnrollmentOut]


class BlockerOut(Output):
    """Something that stands in the way now; ``until`` null: until something changes from outside."""

    reason: Annotated[str, Field(examples=["interval"])]
    until: WireMoment | None


class NextOut(Output):
    """The message that comes next."""

    kind: Annotated[str, Field(description="opening, script")]
    day_number: int | None
    script_id: int | None
    text: Annotated[str | None, Field(description="变量缺值时为空 (null while a variable has no value)")]


class PlannedOut(Output):
    """One message that is foreseen."""

    at: WireMoment
    day_number: int | None
    script_id: int | None
    text: str


class PlanOut(Output):
    """What comes next, when at the earliest, what stands in the way, and the next sends if nobody answers."""

    enrollment_id: int
    contact_id: int
    state: str
    next: NextOut | None
    earliest: WireMoment | None
    blockers: list[BlockerOut]
    upcoming: list[PlannedOut]
    ends_with: Annotated[str | None, Field(description="序列结束或停住的原因 (why nothing more is foreseen)")]


class SendIn(Input):
    """One text to one person, now."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": {"contact_id": 1, "content": "您好,我想和您聊聊这个职位。"}}
    )

    contact_id: Id
    content: Annotated[Content, Field(description="1 到 5,000 个字符 (1 to 5,000 characters)")]


class TestSendIn(Input):
    """Who gets the texts of a config as a test."""

    __test__ = False  # pytest must not take this for a test

    contact_id: Id


class ResolveIn(Input):
    """What really became of an uncertain send."""

    outcome: Annotated[str, Field(pattern=r"^(sent|not_sent)$", examples=["sent"])]


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
