"""Questions to a bot, and its answers."""

from typing import Annotated, Any, Literal

from pydantic import AliasChoices, AliasGenerator, BeforeValidator, ConfigDict, Field, StringConstraints
from pydantic.alias_generators import to_camel

from app.schemas.chatbot.base import Given, Told, UserId
from app.schemas.common import Storable

MAX_ASKED = 20_000
"""What people write comes in whole, also a page that they pasted: an answer of theirs must count, and none is cut."""

Threshold = Annotated[float, Field(strict=True, ge=0, le=1, allow_inf_nan=False, examples=[0.8])]


def _as_text(value: Any) -> Any:
    """Take ids that clients send as numbers."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


AskingUser = Annotated[UserId, BeforeValidator(_as_text)]
Asked = Annotated[
    Storable,
    StringConstraints(min_length=1, max_length=MAX_ASKED, pattern=r"\S"),
    Field(
        description=f"问题,最多 {MAX_ASKED} 个字符,以前 512 个字符匹配 "
        f"({MAX_ASKED} characters at most, compared by the first 512)"
    ),
]


class Thresholds(Given):
    """How near an entry must come; what is not given is the bot's own."""

    model_config = ConfigDict(alias_generator=AliasGenerator(alias=to_camel), extra="ignore", populate_by_name=True)

    best: Annotated[
        Threshold | None,
        Field(
            validation_alias=AliasChoices("faqBestReplyThreshold", "faq_best_reply"),
            description="最佳回复阈值,达到即回复 (at or above: answered)",
            examples=[0.8],
        ),
    ] = None
    suggest: Annotated[
        Threshold | None,
        Field(
            validation_alias=AliasChoices("faqSuggReplyThreshold", "faq_sugg_reply"),
            description="建议回复阈值,达到即列入 faq (at or above: listed)",
            examples=[0.6],
        ),
    ] = None
    from_user_id: Annotated[AskingUser, Field(alias="fromUserId")]


class ConversationIn(Thresholds):
    """A turn of a conversation."""

    text_message: Annotated[Asked, Field(alias="textMessage", examples=["想要说些什么"])]
    is_debug: Annotated[bool, Field(alias="isDebug", description="返回调试信息 (with debugging facts)")] = False
    extras: Annotated[Any, Field(description="自定义信息,不使用 (accepted, not used)", examples=[{}])] = None


class FaqQueryIn(Thresholds):
    """A question to the FAQ base."""

    query: Annotated[Asked, Field(examples=["查找相似的问题"])]


class ReplyOut(Told):
    """A reply of an entry."""

    rtype: Literal["plain"] = "plain"
    content: str = Field(examples=["方法"])
    enabled: bool = Field(examples=[True])


class HitOut(Told):
    """An entry that resembles the question."""

    id: str = Field(description="问答对标识 (docId)", examples=["AXNCspoufXOJhfysI3-Z"])
    score: float = Field(description="置信度,1 为完全相同 (1: the same text)", examples=[0.48534])
    post: str = Field(description="标准问 (its question)", examples=["查看相似问题不可能的"])
    replies: list[ReplyOut]
    categories: list[str] = Field(description="分类,从上到下 (names on the way to its category)", examples=[["节日"]])


class ServiceOut(Told):
    """Where the answer came from."""

    provider: Literal["faq", "fallback", "mute"] = Field(examples=["faq"])
    doc_id: str = Field("", examples=["AXNCspoufXOJhfysI3-Z"])
    post: str = Field("", examples=["查看相似问题不可能的"])
    score: float = Field(0.0, examples=[0.8781])
    faq_best_reply_threshold: float = Field(0.0, examples=[0.8])
    faq_sugg_reply_threshold: float = Field(0.0, examples=[0.6])
    categories: list[str] = Field(default_factory=list, examples=[["节日"]])


class TurnOut(Told):
    """What a bot answers."""

    model_config = ConfigDict(alias_generator=None)

    state: str = Field("default", examples=["default"])
    string: str | None = Field(description="回复文本,被屏蔽时为 null (null while muted)", examples=["方法"])
    bot_name: str = Field(alias="botName", examples=["小巴巴"])
    topic_name: str = Field("", alias="topicName", examples=[""])
    logic_is_unexpected: bool = Field(False, examples=[False])
    logic_is_fallback: bool = Field(description="是否是兜底回复 (whether it is the fallback)", examples=[False])
    faq: list[HitOut]
    service: ServiceOut
    debug: dict[str, Any] = Field({}, description="仅 isDebug (only with isDebug)")
