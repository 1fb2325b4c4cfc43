"""Cards of bots, and bots as an account sees them."""

from typing import Annotated

from pydantic import Field, StringConstraints

from app.schemas.chatbot.base import Given, Moment, PageQuery, Told
from app.schemas.chatbot.conversation import Threshold
from app.schemas.chatbot.faq import TasksOut
from app.schemas.common import Content, Storable

Name = Annotated[
    Storable,
    StringConstraints(strip_whitespace=True, min_length=1, pattern=r"\S", max_length=128),
    Field(description="机器人名字 (name)", examples=["小巴"]),
]
Description = Annotated[
    Storable, StringConstraints(max_length=1000), Field(description="机器人描述 (description)", examples=["客服机器人"])
]
Language = Annotated[
    Storable,
    StringConstraints(max_length=16, pattern=r"^[A-Za-z_-]+$"),
    Field(description="语言 (language)", examples=["zh_CN"]),
]
Fallback = Annotated[
    Content, Field(description="兜底回复,不能为空 (the fallback, never empty)", examples=["请联系客服。"])
]
Welcome = Annotated[
    Storable, StringConstraints(max_length=5000), Field(description="问候语 (welcome)", examples=["你好,我是小巴"])
]


class CardOut(Told):
    """A bot's card."""

    name: str = Field(examples=["小巴巴"])
    fallback: str = Field(examples=["请联系客服。"])
    description: str = Field(examples=["Performs Tasks or retrieves FAQ."])
    welcome: str = Field(examples=["你好,我是机器人小巴巴"])
    primary_language: str = Field(examples=["zh_CN"])
    faq_best_reply_threshold: float = Field(examples=[0.8])
    faq_sugg_reply_threshold: float = Field(examples=[0.6])
    status: TasksOut = TasksOut()


class CardChange(Given):
    """Changes of a card; what is not given stays."""

    name: Name | None = None
    description: Description | None = None
    fallback: Fallback | None = None
    welcome: Welcome | None = None
    primary_language: Language | None = None
    faq_best_reply_threshold: Threshold | None = None
    faq_sugg_reply_threshold: Annotated[Threshold, Field(examples=[0.6])] | None = None


class StatusOut(Told):
    """State of a bot."""

    status: TasksOut
    matcher: str = Field(description="运行中的匹配器 (which matcher runs)", examples=["universal-sentence-encoder"])


class BotIn(Given):
    """A new bot; texts that are not given are those of the default bot."""

    name: Name
    description: Description | None = None
    fallback: (
        Annotated[
            Storable,
            StringConstraints(max_length=5000),
            Field(description="兜底回复 (the fallback)", examples=["请联系客服。"]),
        ]
        | None
    ) = None
    welcome: Welcome | None = None
    primary_language: Language | None = None


class BotOut(Told):
    """A bot, as its account sees it."""

    client_id: str = Field(
        description="初始化 Chatbot 的标识 (what an SDK's Chatbot is made with)", examples=["bot-5Yk0cX2vQm8TzR1n"]
    )
    secret: str = Field(description="初始化 Chatbot 的密钥 (its secret)", examples=["an-example-not-a-real-secret"])
    name: str = Field(examples=["小巴"])
    description: str = Field(examples=["Test"])
    primary_language: str = Field(examples=["zh_CN"])
    created_at: Moment = Field(examples=["2021-08-02T12:35:23.000Z"])


class SecretOut(Told):
    """The secret of a bot."""

    secret: str = Field(examples=["an-example-not-a-real-secret"])
    name: str = Field(examples=["小巴"])
    created_at: Moment = Field(examples=["2021-08-02T12:35:23.000Z"])
    is_deleted: bool = Field(examples=[False])
    logo: str = Field("", examples=[""])
    descriptions: str = Field("", examples=[""])


class BotsQuery(PageQuery):
    """Which page of bots."""


class DeleteQuery(Given):
    """Which bot to delete."""

    client_id: Annotated[
        Storable | None, Field(max_length=64, alias="clientId", description="机器人标识 (the bot's clientId)")
    ] = None
