"""``…/faq``: entries, ranks, clicks, export."""

from typing import Annotated, Any

import asyncpg
from fastapi import Path, Request

from app.repositories import faq as store
from app.repositories import faq_categories, faq_questions
from app.repositories.faq_categories import CategoryTree
from app.routers.chatbot import paging
from app.routers.chatbot.door import BotDep, KnowledgeDep
from app.routers.chatbot.part import Part
from app.routers.deps import ContextDep
from app.routers.queries import Query
from app.schemas.chatbot.base import DONE, Answer, Done, Empty, Paged, ok
from app.schemas.chatbot.faq import (
    ClickIn,
    EntriesQuery,
    EntryChange,
    EntryExport,
    EntryIn,
    EntryOut,
    EntryRow,
    EntrySaved,
    RankOut,
    RankQuery,
    TasksOut,
)
from app.schemas.common import Storable
from app.services.chatbot import categories, faq
from app.services.chatbot.faq import Draft, Saved
from app.services.chatbot.users import listing

part = Part()
_entries = Query(EntriesQuery)
_rank = Query(RankQuery)

DocPath = Annotated[
    Storable,
    Path(alias="docId", min_length=1, max_length=64, description="问答对标识 (docId)", examples=["faq-1"]),
]
ENTRY = "/faq/database/{docId}"
_STATUS = {"reindex": 0, "retrain": 0}


class EntryPage(Paged[EntryRow]):
    """A page of entries."""

    status: TasksOut


@part.operation(
    "POST /faq/database",
    Answer[EntrySaved],
    "创建问答对 Write an entry",
    "下一次提问即生效;docId 已存在时 rc 2。Answers with the next question; rc 2 where the docId is taken.",
)
async def add(body: EntryIn, context: ContextDep, bot: BotDep, knowledge: KnowledgeDep) -> dict[str, Any]:
    """Write a new entry."""
    return ok(_saved(await faq.add_entry(context, knowledge, bot["id"], body.doc_id, _draft(body))))


@part.operation(
    "GET /faq/database",
    EntryPage,
    "获取问答对列表 List entries",
    "最新的在前。Newest first.",
    openapi_extra=_entries.documentation,
)
async def list_entries(request: Request, context: ContextDep, bot: BotDep) -> dict[str, Any]:
    """List entries."""
    wanted = _entries.read(request)
    escaped = (wanted.q or "").replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    async with context.database.connection() as connection:
        tree = await faq_categories.load(connection, bot["id"])
        branch = None if wanted.category is None else tree.branch(categories.known(tree, wanted.category).id)
        total, rows = await store.page(
            connection,
            bot["id"],
            f"%{escaped}%" if escaped else None,
            branch,
            wanted.limit,
            (wanted.page - 1) * wanted.limit,
        )
    page = listing(total, wanted.page, wanted.limit, rows)
    return paging.paged(page, (_row(row, tree) for row in rows)) | {"status": _STATUS}


@part.operation(
    "GET /faq/database/export",
    Answer[list[EntryExport]],
    "导出知识库 Export the base",
    "全部问答对与相似问。Every entry with its similar questions.",
)
async def export(context: ContextDep, bot: BotDep) -> dict[str, Any]:
    """Export the whole base."""
    async with (
        context.database.connection() as connection,
        connection.transaction(isolation="repeatable_read", readonly=True),
    ):
        tree = await faq_categories.load(connection, bot["id"])
        rows = await store.export(connection, bot["id"])
        questions = await faq_questions.similar_of_bot(connection, bot["id"])
    similar: dict[int, list[dict[str, Any]]] = {}
    for row in questions:
        question = {"id": row["extend_id"], "post": row["post"], "enabled": row["enabled"]}
        similar.setdefault(row["entry_id"], []).append(question)
    return ok(
        [
            {
                "docId": row["doc_id"],
                "post": row["post"],
                "replies": row["replies"],
                "enabled": row["enabled"],
                "categoryTexts": _labels(row, tree),
                "similarQuestions": similar.get(row["id"], []),
            }
            for row in rows
        ]
    )


@part.operation(
    "GET /faq/database/inquiryrank",
    Answer[list[RankOut]],
    "获取知识库热门问题 List what is asked most",
    "回答次数多的在前。What answered most often comes first.",
    openapi_extra=_rank.documentation,
)
async def inquiry_rank(request: Request, context: ContextDep, bot: BotDep) -> dict[str, Any]:
    """List what is asked most."""
    async with context.database.connection() as connection:
        tree = await faq_categories.load(connection, bot["id"])
        rows = await store.rank(connection, bot["id"], _rank.read(request).topN)
    return ok(
        [
            {
                "docId": row["doc_id"],
                "inquiryscore": str(row["inquiry_count"]),
                "post": row["post"],
                "enabled": row["enabled"],
                "categories": _labels(row, tree),
            }
            for row in rows
        ]
    )


@part.operation(
    f"GET {ENTRY}", Answer[EntryOut], "获取问答对 Read an entry", "不存在时 rc 3。rc 3 where there is none."
)
async def read(doc_id: DocPath, context: ContextDep, bot: BotDep) -> dict[str, Any]:
    """Read an entry."""
    async with context.database.connection() as connection:
        row, tree = await faq.find_entry(connection, bot["id"], doc_id)
    more = {
        "categoryTexts": _labels(row, tree),
        "replies": row["replies"],
        "replyLastUpdate": row["reply_last_update"],
    }
    return ok(_row(row, tree) | more)


@part.operation(
    f"PUT {ENTRY}",
    Answer[EntrySaved],
    "更新知识库问答对 Change an entry",
    "只修改给出的字段;replyLastUpdate 过期时 rc 2。Changes what is given; a stale replyLastUpdate is rc 2.",
)
async def change(
    doc_id: DocPath, body: EntryChange, context: ContextDep, bot: BotDep, knowledge: KnowledgeDep
) -> dict[str, Any]:
    """Change an entry."""
    saved = await faq.change_entry(context, knowledge, bot["id"], doc_id, _draft(body), body.reply_last_update)
    return ok(_saved(saved))


@part.operation(
    f"DELETE {ENTRY}",
    Done,
    "删除问答对 Delete an entry",
    "连同相似问;下一次提问即生效。With its similar questions; gone with the next question.",
)
async def remove(doc_id: DocPath, context: ContextDep, bot: BotDep) -> dict[str, Any]:
    """Delete an entry."""
    await faq.remove_entry(context, bot["id"], doc_id)
    return DONE


@part.operation(
    "POST /faq/click",
    Answer[Empty],
    "记录点击 Count a click",
    "用户选择了某个建议的问答对。A person chose a suggested entry.",
)
async def click(body: ClickIn, context: ContextDep, bot: BotDep) -> dict[str, Any]:
    """Count a click on a suggestion."""
    await faq.click(context, bot["id"], body.doc_id)
    return ok({})


def _draft(body: EntryIn | EntryChange) -> Draft:
    replies = None if body.replies is None else [reply.model_dump() for reply in body.replies]
    return Draft(body.post, replies, body.enabled, body.category_texts, body.categories)


def _saved(saved: Saved) -> dict[str, Any]:
    return {"id": saved.doc_id, "replyLastUpdate": saved.reply_last_update}


def _row(row: asyncpg.Record, tree: CategoryTree) -> dict[str, Any]:
    return {
        "id": row["doc_id"],
        "post": row["post"],
        "categories": [step.value for step in tree.path(row["category_id"])],
        "enabled": row["enabled"],
    }


def _labels(row: asyncpg.Record, tree: CategoryTree) -> list[str]:
    return [step.label for step in tree.path(row["category_id"])]
