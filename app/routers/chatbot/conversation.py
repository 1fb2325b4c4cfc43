"""``…/conversation/query`` and ``…/faq/query``: questions, and what the bot answers."""

from typing import Any

import asyncpg

from app.domain.chat import Ranked
from app.errors import InvalidInputError
from app.repositories.faq import FaqHit
from app.routers.chatbot.door import BotDep, ConversationsDep, KnowledgeDep
from app.routers.chatbot.part import Part
from app.routers.chatbot.quick import quick
from app.schemas.chatbot.base import Answer, ok
from app.schemas.chatbot.conversation import ConversationIn, FaqQueryIn, HitOut, Thresholds, TurnOut
from app.services.chatbot.conversation import Asked, Turn

part = Part()

MUTED = {"rc": 10, "error": "用户已被屏蔽 (this user is muted)"}


@part.operation(
    "POST /conversation/query",
    Answer[TurnOut],
    "检索多轮对话 Talk to the bot",
    "保存问题并回答:先查知识库,没有达到最佳回复阈值的就用兜底回复;被屏蔽的用户只保存、不回答。"
    "Stores the question and answers it: from the FAQ base at or above the threshold, else the fallback; "
    "what muted people ask is stored and not answered.",
)
@quick
async def converse(
    body: ConversationIn, conversations: ConversationsDep, bot: BotDep, knowledge: KnowledgeDep
) -> dict[str, Any]:
    """Take a turn of a conversation."""
    asked = _asked(bot, body, body.text_message)
    turn = await conversations.converse(knowledge, bot, asked)
    data: dict[str, Any] = {
        "state": "default",
        "string": turn.text,
        "botName": bot["name"],
        "topicName": "",
        "logic_is_unexpected": False,
        "logic_is_fallback": turn.answer.provider == "fallback",
        "faq": [_hit(entry, turn.hits[entry.entry_id]) for entry in turn.answer.suggestions],
        "service": _service(turn, asked),
    }
    if body.is_debug:
        data["debug"] = {
            "matcher": knowledge.name,
            "faqBestReplyThreshold": asked.best,
            "faqSuggReplyThreshold": asked.suggest,
        }
    return ok(data)


@part.operation(
    "POST /faq/query",
    Answer[list[HitOut]],
    "检索知识库 Ask the FAQ base",
    "相似度不低于建议回复阈值的问答对,最相似的在前;被屏蔽的用户 rc 10。"
    "Entries at or above the threshold, best first; rc 10 for muted users.",
)
@quick
async def ask(
    body: FaqQueryIn, conversations: ConversationsDep, bot: BotDep, knowledge: KnowledgeDep
) -> dict[str, Any]:
    """Ask the FAQ base."""
    turn = await conversations.ask(knowledge, bot, _asked(bot, body, body.query))
    if turn.answer.provider == "mute":
        return MUTED
    return ok([_hit(entry, turn.hits[entry.entry_id]) for entry in turn.answer.suggestions])


def _asked(bot: asyncpg.Record, body: Thresholds, text: str) -> Asked:
    """Complete the thresholds: of one that is given alone, the bot's other one is kept on the right side."""
    best, suggest = body.best, body.suggest
    if best is None:
        best = max(bot["best_threshold"], suggest or 0.0)
    if suggest is None:
        suggest = min(bot["suggest_threshold"], best)
    if suggest > best:
        raise InvalidInputError(
            "建议回复阈值不能高于最佳回复阈值 (faqSuggReplyThreshold must not be above faqBestReplyThreshold)",
            field=("body", "faqSuggReplyThreshold"),
        )
    return Asked(body.from_user_id, text, best, suggest)


def _hit(entry: Ranked, hit: FaqHit) -> dict[str, Any]:
    return {
        "id": hit.doc_id,
        "score": entry.confidence,
        "post": hit.post,
        "replies": hit.replies,
        "categories": hit.categories,
    }


def _service(turn: Turn, asked: Asked) -> dict[str, Any]:
    service: dict[str, Any] = {"provider": turn.answer.provider}
    if turn.answer.best is not None:
        hit = turn.hits[turn.answer.best.entry_id]
        service |= {
            "docId": hit.doc_id,
            "post": hit.post,
            "score": turn.answer.best.confidence,
            "faqBestReplyThreshold": asked.best,
            "faqSuggReplyThreshold": asked.suggest,
            "categories": hit.categories,
        }
    return service
