"""Users of a bot and their histories."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, ConfigDict, Field

from app.schemas.chatbot.base import Given, Moment, Told, WalkQuery
from app.schemas.common import Content, ShortText, Storable

MAX_DEPTH = 32
"""Of what stands in a profile; a reader of JSON can only go so deep, and what is kept must be readable."""
MOMENT = "2020-07-19T14:12:13.690Z"


def _shallow(profile: dict[str, Any]) -> dict[str, Any]:
    level: list[Any] = [profile]
    for _ in range(MAX_DEPTH):
        level = [
            inner
            for each in level
            if isinstance(each, dict | list)
            for inner in (each.values() if isinstance(each, dict) else each)
        ]
        if not level:
            return profile
    raise ValueError(f"嵌套过深,最多 {MAX_DEPTH} 层 (nested too deeply, {MAX_DEPTH} levels at most)")


class UserOut(Told):
    """A user, as lists show them."""

    user_id: str = Field(description="和机器人对话的用户标识 (the user's id)", examples=["postman9"])
    lasttime: Moment = Field(description="最后沟通时间 (last message)", examples=[MOMENT])
    created: Moment = Field(description="第一次沟通时间 (first message)", examples=["2020-07-19T13:48:02.225Z"])


class ProfileOut(Told):
    """A user's profile, in the order of the seed."""

    user_id: str = Field(description="用户标识 (the user's id)", examples=["postman9"])
    name: str | None = Field(description="姓名 (name)", examples=[None])
    lasttime: Moment = Field(description="最后沟通时间 (last message)", examples=[MOMENT])
    created: Moment = Field(description="第一次沟通时间 (first message)", examples=["2020-07-19T13:48:02.225Z"])
    profile: dict[str, Any] = Field(description="画像 (profile)", examples=[{}])
    mute: bool = Field(description="是否被屏蔽 (muted)", examples=[False])


class MuteOut(Told):
    """Whether a user is muted."""

    mute: bool = Field(description="是否被屏蔽 (muted)", examples=[False])


class ChatOut(Told):
    """A message of a user's history."""

    user_id: str = Field(description="用户标识 (the user's id)", examples=["postman9"])
    text_message: str = Field(description="文本内容 (text)", examples=["方法"])
    direction: Literal["inbound", "outbound"] = Field(
        description="inbound 为消费者发送,outbound 为机器人发送 (from or to the user)", examples=["outbound"]
    )
    service: str | None = Field(
        description="提供回复的服务:faq, fallback, followup, agent;收到的消息为 null (what answered)", examples=["faq"]
    )
    confidence: float | None = Field(description="置信度 (0 to 1)", examples=[0.3781])
    doc_id: str | None = Field(description="问答对标识 (entry that answered)", examples=["AXNCspoufXOJhfysI3-Z"])
    created: Moment = Field(description="消息创建时间 (when)", examples=["2020-07-19T14:12:13.802Z"])


class WrittenOut(Told):
    """A message that an operator wrote."""

    text_message: str = Field(examples=["您好,我是人工客服小林。"])
    status: Literal["sent", "unknown"] = Field(
        description="sent 已送出;unknown 结果未知 (unknown: the gateway gave no clear answer)", examples=["sent"]
    )
    created: Moment = Field(examples=[MOMENT])


class UsersQuery(WalkQuery):
    """Which users, in which order."""

    sortby: Annotated[
        Literal["-lasttime", "lasttime", "-created", "created"],
        Field(description="排序,减号为倒序 (order; minus: newest first)"),
    ] = "-lasttime"


class ChatsQuery(WalkQuery):
    """Which messages, in which order."""

    sortby: Annotated[
        Literal["-created", "created"], Field(description="排序,减号为倒序 (order; minus: newest first)")
    ] = "-created"
    q: Annotated[Storable | None, Field(max_length=512, description="只列包含该文本的消息 (containing this text)")] = (
        None
    )


class ExportQuery(Given):
    """In which format a history is exported."""

    format: Annotated[Literal["jsonl", "csv"], Field(description="格式 (format)")] = "jsonl"


class ProfileIn(Given):
    """Fields to merge into a profile; null removes one."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"name": "林小满", "profile": {"city": "杭州"}}]})

    name: Annotated[ShortText | None, Field(description="姓名 (name)", examples=["林小满"])] = None
    profile: Annotated[
        dict[Annotated[Storable, Field(max_length=128)], Any],
        AfterValidator(_shallow),
        Field(default_factory=dict, description="合并到画像的字段 (merged)", examples=[{"city": "杭州"}]),
    ]


class MessageIn(Given):
    """What an operator writes."""

    text_message: Annotated[Content, Field(description="文本内容 (text)", examples=["您好,我是人工客服小林。"])]
