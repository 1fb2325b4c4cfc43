"""``…/`` and ``…/status``: the card of a bot."""

from typing import Any

import asyncpg

from app.routers.chatbot.door import BotDep, KnowledgeDep
from app.routers.chatbot.part import Part
from app.routers.deps import ContextDep
from app.schemas.chatbot.base import DONE, Answer, Done, ok
from app.schemas.chatbot.bots import CardChange, CardOut, StatusOut
from app.services.chatbot import accounts

part = Part()

_TASKS = {"reindex": 0, "retrain": 0}
_COLUMNS = {
    "faq_best_reply_threshold": "best_threshold",
    "faq_sugg_reply_threshold": "suggest_threshold",
}


async def read_card(bot: BotDep) -> dict[str, Any]:
    """Read a bot's card."""
    return ok(_card(bot) | {"status": _TASKS})


async def change_card(body: CardChange, context: ContextDep, bot: BotDep) -> dict[str, Any]:
    """Change a bot's card."""
    changes = {_COLUMNS.get(name, name): value for name, value in body.model_dump(exclude_none=True).items()}
    return ok(_card(await accounts.change(context, bot, changes)))


async def delete_bot(context: ContextDep, bot: BotDep) -> dict[str, Any]:
    """Delete a bot."""
    await accounts.delete(context, bot)
    return DONE


# With and without the slash at the end: clients write "/", and none of them follows a redirect.
for _path in ("", "/"):
    _is_shown = _path == ""
    part.operation(
        f"GET {_path}",
        Answer[CardOut],
        "获取机器人画像 Read the bot's card",
        "名字、兜底回复、问候语、默认阈值。Name, fallback, welcome, thresholds.",
        include_in_schema=_is_shown,
    )(read_card)
    part.operation(
        f"PUT {_path}",
        Answer[CardOut],
        "更新机器人画像 Change the bot's card",
        "只修改给出的字段;兜底回复不能为空。Changes what is given; the fallback is never empty.",
        include_in_schema=_is_shown,
    )(change_card)
    part.operation(
        f"DELETE {_path}",
        Done,
        "删除机器人 Delete the bot",
        "不可恢复;默认机器人不能删除 (rc 2)。For good; the default bot cannot be deleted (rc 2).",
        include_in_schema=_is_shown,
    )(delete_bot)


@part.operation(
    "GET /status",
    Answer[StatusOut],
    "获取全局任务状态 Read the state",
    "后台任务的状态,以及运行中的匹配器。State of background work, and which matcher runs.",
)
async def read_status(_bot: BotDep, knowledge: KnowledgeDep) -> dict[str, Any]:
    """Read the state of background work."""
    return ok({"status": _TASKS, "matcher": knowledge.name})


def _card(bot: asyncpg.Record) -> dict[str, Any]:
    return {
        "name": bot["name"],
        "fallback": bot["fallback"],
        "description": bot["description"],
        "welcome": bot["welcome"],
        "primaryLanguage": bot["primary_language"],
        "faqBestReplyThreshold": bot["best_threshold"],
        "faqSuggReplyThreshold": bot["suggest_threshold"],
    }
