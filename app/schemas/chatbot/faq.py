"""The FAQ base: entries, similar questions, categories."""

from typing import Annotated, Any, Literal, Self

from pydantic import AwareDatetime, ConfigDict, Field, StringConstraints, model_validator

from app.schemas.chatbot.base import Given, Label, Moment, PageQuery, Told
from app.schemas.chatbot.conversation import ReplyOut
from app.schemas.common import Content, Flag, Storable

RESERVED = frozenset({"export", "inquiryrank", ".", ".."})
"""Ids that stand for something else in a path; dots never arrive there: clients resolve them."""
MAX_POST = 1000

DocId = Annotated[Storable, StringConstraints(min_length=1, max_length=64, pattern=r"^[^/\s?#%]+$")]
Post = Annotated[
    Storable,
    StringConstraints(strip_whitespace=True, min_length=1, pattern=r"\S", max_length=MAX_POST),
    Field(description="问题 (the question)", examples=["如何查看快递单号"]),
]
SimilarPost = Annotated[Post, Field(examples=["快递单号在哪里看"])]
NodeId = Annotated[Storable, StringConstraints(min_length=1, max_length=64), Field(examples=["wwQyjS310"])]
_LOCK = "乐观锁:上次返回的 replyLastUpdate,过期返回 rc 2 (optimistic lock: stale is rc 2)"


class ReplyIn(Given):
    """A reply."""

    rtype: Literal["plain"] = "plain"
    content: Annotated[Content, Field(description="回复内容 (text)", examples=["在「我的订单」里查看。"])]
    enabled: Flag = True


Replies = Annotated[list[ReplyIn], Field(min_length=1, max_length=10, description="1 到 10 个回复,随机取一 (1 to 10)")]
Labels = Annotated[
    list[Label], Field(max_length=8, description="分类名,从上到下,没有则新建 (names of the path, made where missing)")
]
NodeIds = Annotated[
    list[NodeId],
    Field(
        max_length=8,
        description="分类标识,从上到下,或仅最后一级;有 categoryTexts 时不用 "
        "(ids of the path, or the last one alone; not used beside categoryTexts)",
    ),
]
_REPLIES: list[Any] = [{"rtype": "plain", "content": "在「我的订单」里查看。", "enabled": True}]


class EntryIn(Given):
    """A new entry."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "docId": "faq-1",
                    "post": "如何查看快递单号",
                    "replies": _REPLIES,
                    "enabled": True,
                    "categoryTexts": ["物流", "快递"],
                }
            ]
        }
    )

    doc_id: Annotated[DocId | None, Field(description="自带标识,可选 (an id of your own)", examples=["faq-1"])] = None
    post: Post
    replies: Replies
    enabled: Flag = True
    category_texts: Labels | None = None
    categories: NodeIds | None = None

    @model_validator(mode="after")
    def _free(self) -> Self:
        if self.doc_id in RESERVED:
            raise ValueError(f"docId 不能是 {self.doc_id} (this id is the name of a path)")
        return self


class EntryChange(Given):
    """Changes of an entry; what is not given stays."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"replies": _REPLIES, "enabled": True}]})

    post: Post | None = None
    replies: Replies | None = None
    enabled: Annotated[Flag, Field(examples=[True])] | None = None
    category_texts: Labels | None = None
    categories: NodeIds | None = None
    reply_last_update: Annotated[
        AwareDatetime | None, Field(description=_LOCK, examples=["2020-07-19T14:12:13.690Z"])
    ] = None


class EntrySaved(Told):
    """An entry that was written."""

    id: str = Field(description="问答对标识 (docId)", examples=["AXNCspoufXOJhfysI3-Z"])
    reply_last_update: Moment = Field(description=_LOCK, examples=["2020-07-19T14:12:13.690Z"])


class EntryRow(Told):
    """An entry, as lists show it."""

    id: str = Field(examples=["AXNCspoufXOJhfysI3-Z"])
    post: str = Field(examples=["如何查看快递单号"])
    categories: list[str] = Field(description="分类标识,从上到下 (ids of the path)", examples=[["wwQyjS310"]])
    enabled: bool = Field(examples=[True])


class EntryOut(EntryRow):
    """An entry."""

    category_texts: list[str] = Field(description="分类名,从上到下 (names of the path)", examples=[["快递"]])
    replies: list[ReplyOut]
    reply_last_update: Moment = Field(description=_LOCK, examples=["2020-07-19T14:12:13.690Z"])


class SimilarIn(Given):
    """A similar question."""

    post: SimilarPost
    enabled: Flag = True


class SimilarChange(Given):
    """Changes of a similar question."""

    post: SimilarPost | None = None
    enabled: Annotated[Flag, Field(examples=[True])] | None = None


class IdOut(Told):
    """The id of what was written."""

    id: str = Field(examples=["pB1Rkq0Zl8"])


class SimilarOut(IdOut):
    """A similar question."""

    post: str = Field(examples=["快递单号在哪里看"])
    post_id: str = Field(description="问答对标识 (the entry's docId)", examples=["AXNCspoufXOJhfysI3-Z"])
    enabled: bool = Field(examples=[True])


class ExportedSimilar(Told):
    """A similar question, as exported."""

    id: str = Field(examples=["pB1Rkq0Zl8"])
    post: str = Field(examples=["快递单号在哪里看"])
    enabled: bool = Field(examples=[True])


class EntryExport(Told):
    """An entry with its similar questions; what POST takes, and more."""

    doc_id: str = Field(examples=["faq-1"])
    post: str = Field(examples=["快递单号在哪里看"])
    replies: list[ReplyOut]
    enabled: bool = Field(examples=[True])
    category_texts: list[str] = Field(examples=[["快递"]])
    similar_questions: list[ExportedSimilar]


class RankOut(Told):
    """An entry, and how often it answered."""

    doc_id: str = Field(examples=["AXNCspoufXOJhfysI3-Z"])
    inquiryscore: str = Field(description="回答次数 (how often it answered)", examples=["13"])
    post: str = Field(examples=["如何查看快递单号"])
    enabled: bool = Field(examples=[True])
    categories: list[str] = Field(examples=[["快递"]])


class ClickIn(Given):
    """Which suggested entry a person chose."""

    doc_id: Annotated[DocId, Field(description="问答对标识 (the entry's docId)", examples=["faq-1"])]


class NodeOut(Told):
    """A category with what stands under it."""

    value: str = Field(description="分类标识 (id)", examples=["wwQyjS310"])
    label: str = Field(description="分类名 (name)", examples=["快递"])
    children: list["NodeOut"] = Field(default_factory=list, examples=[[]])


class NodeIn(Given):
    """A new category."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"label": "快递"}]})

    label: Label
    parent_id: Annotated[NodeId | None, Field(description="上级分类标识,可选 (the category above)")] = None


class NodeChange(Given):
    """A new name."""

    value: Annotated[NodeId, Field(description="分类标识 (id)", examples=["wwQyjS310"])]
    label: Label


class NodeMade(Told):
    """A category that was made, and the tree."""

    value: str = Field(examples=["wwQyjS310"])
    categories: list[NodeOut]


class TasksOut(Told):
    """State of background work; there is none that a caller waits for."""

    reindex: int = Field(0, examples=[0])
    retrain: int = Field(0, examples=[0])


class EntriesQuery(PageQuery):
    """Which entries."""

    q: Annotated[Storable | None, Field(max_length=512, description="问题应包含的关键字 (words of the question)")] = (
        None
    )
    category: Annotated[NodeId | None, Field(description="分类标识,含下级 (a category and those below)")] = None


class RankQuery(Given):
    """How many entries."""

    topN: Annotated[int, Field(ge=1, le=1000, alias="topN", description="条数 (how many)")] = 10  # noqa: N815 - the wire's name
