"""``…/faq/database/{docId}/extend``: other ways to ask for an entry."""

from typing import Annotated, Any

from fastapi import Path, Request

from app.repositories import faq_questions
from app.routers.chatbot import paging
from app.routers.chatbot.door import BotDep, KnowledgeDep
from app.routers.chatbot.faq import ENTRY, DocPath
from app.routers.chatbot.part import Part
from app.routers.deps import ContextDep
from app.routers.queries import Query
from app.schemas.chatbot.base import DONE, Answer, Done, Paged, PageQuery, ok
from app.schemas.chatbot.faq import IdOut, SimilarChange, SimilarIn, SimilarOut
from app.schemas.common import Storable
from app.services.chatbot import faq
from app.services.chatbot.users import listing

part = Part()
_page = Query(PageQuery)

ExtendPath = Annotated[
    Storable, Path(alias="extendId", min_length=1, max_length=64, description="相似问标识 (extendId)")
]


@part.operation(
    f"POST {ENTRY}/extend",
    Answer[IdOut],
    "创建问答对相似问 Write a similar question",
    "同样的文本再次提交返回同一条。The same text again is the same row.",
)
async def add(
    doc_id: DocPath, body: SimilarIn, context: ContextDep, bot: BotDep, knowledge: KnowledgeDep
) -> dict[str, Any]:
    """Write a similar question."""
    extend_id = await faq.add_similar(context, knowledge, bot["id"], doc_id, body.post, enabled=body.enabled)
    return ok({"id": extend_id})


@part.operation(
    f"GET {ENTRY}/extend",
    Paged[SimilarOut],
    "获取问答对相似问列表 List similar questions",
    "最新的在前。Newest first.",
    openapi_extra=_page.documentation,
)
async def list_similar(doc_id: DocPath, request: Request, context: ContextDep, bot: BotDep) -> dict[str, Any]:
    """List similar questions."""
    wanted = _page.read(request)
    async with context.database.connection() as connection:
        entry, _ = await faq.find_entry(connection, bot["id"], doc_id)
        total, rows = await faq_questions.similar(
            connection, entry["id"], wanted.limit, (wanted.page - 1) * wanted.limit
        )
    page = listing(total, wanted.page, wanted.limit, rows)
    return paging.paged(
        page,
        ({"post": row["post"], "postId": doc_id, "enabled": row["enabled"], "id": row["extend_id"]} for row in rows),
    )


@part.operation(
    f"PUT {ENTRY}/extend/{{extendId}}",
    Answer[IdOut],
    "更新问答对相似问 Change a similar question",
    "已有相同文本时 rc 2。rc 2 where the entry has this text already.",
)
async def change(
    doc_id: DocPath,
    extend_id: ExtendPath,
    body: SimilarChange,
    context: ContextDep,
    bot: BotDep,
    knowledge: KnowledgeDep,
) -> dict[str, Any]:
    """Change a similar question."""
    await faq.change_similar(context, knowledge, bot["id"], doc_id, extend_id, body.post, body.enabled)
    return ok({"id": extend_id})


@part.operation(
    f"DELETE {ENTRY}/extend/{{extendId}}",
    Done,
    "删除问答对相似问 Delete a similar question",
    "下一次提问即生效。Gone with the next question.",
)
async def remove(doc_id: DocPath, extend_id: ExtendPath, context: ContextDep, bot: BotDep) -> dict[str, Any]:
    """Delete a similar question."""
    await faq.remove_similar(context, bot["id"], doc_id, extend_id)
    return DONE
