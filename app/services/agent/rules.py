"""Rules for dialling again, and the analysts that read intentions."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from app.domain.calls import NOT_REDIALLED
from app.domain.tasks import Detail, RedialDay, rule_fault
from app.models import AutoRecycleRule, LlmIntentionConfig
from app.services.agent.shelf import PlainShelf, keep_one_default, refuse


class RecycleRules(PlainShelf[AutoRecycleRule]):
    """When numbers are dialled again."""

    model = AutoRecycleRule
    noun = "自动重呼规则 (auto-recycle rule)"

    async def check(self, session: AsyncSession, item: AutoRecycleRule, given: Mapping[str, Any]) -> None:  # noqa: ARG002 - the whole must hold, whatever was given
        """Refuse a rule that cannot be, with the place; nobody who refused is dialled again."""
        details = [Detail(detail["number_status"], detail["time"]) for detail in item.details]
        configs = None if item.configs is None else [RedialDay(day["week"], day["times"]) for day in item.configs]
        refuse(rule_fault(item.type, details, configs, final=NOT_REDIALLED))

    async def settle(self, session: AsyncSession, item: AutoRecycleRule) -> None:
        """Let at most one be the default."""
        await keep_one_default(session, item)


class Intentions(PlainShelf[LlmIntentionConfig]):
    """Who reads the intention from a talk."""

    model = LlmIntentionConfig
    noun = "意向分析配置 (intention config)"

    async def settle(self, session: AsyncSession, item: LlmIntentionConfig) -> None:
        """Let at most one be the default."""
        await keep_one_default(session, item)


RECYCLE_RULES = RecycleRules()
INTENTIONS = Intentions()
