"""Rules for dialling again, and the analysts that read intentions."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from app.domain.calls import NOT_REDIALLED
from app.domain.tasks import Detail, RedialDay, rule_fault
from app.models import AutoRecycleRule, LlmIntentionConfig
from app.repositories import agent as store
from app.services.agent.shelf import Shelf, keep_one_default, refuse


class RecycleRules(Shelf[AutoRecycleRule, AutoRecycleRule]):
    """When numbers are dialled again."""

    model = AutoRecycleRule
    noun = "自动重呼规则 (auto-recycle rule)"

    async def of_account(self, session: AsyncSession, account_id: str) -> Sequence[AutoRecycleRule]:
        """Return all of an account, by age."""
        return await store.items(session, AutoRecycleRule, account_id)

    async def view(self, session: AsyncSession, item: AutoRecycleRule) -> AutoRecycleRule:  # noqa: ARG002 - it is all there
        """Return the rule itself."""
        return item

    async def check(self, session: AsyncSession, item: AutoRecycleRule, given: Mapping[str, Any]) -> None:  # noqa: ARG002 - looks at the whole
        """Refuse a rule that cannot be, with the place; nobody who refused is dialled again."""
        details = [Detail(detail["number_status"], detail["time"]) for detail in item.details]
        configs = None if item.configs is None else [RedialDay(day["week"], day["times"]) for day in item.configs]
        refuse(rule_fault(item.type, details, configs, final=NOT_REDIALLED))

    async def settle(self, session: AsyncSession, item: AutoRecycleRule) -> None:
        """Let at most one be the default."""
        await keep_one_default(session, item)


class Intentions(Shelf[LlmIntentionConfig, LlmIntentionConfig]):
    """Who reads the intention from a talk."""

    model = LlmIntentionConfig
    noun = "意向分析配置 (intention config)"

    async def of_account(self, session: AsyncSession, account_id: str) -> Sequence[LlmIntentionConfig]:
        """Return all of an account, by age."""
        return await store.items(session, LlmIntentionConfig, account_id)

    async def view(self, session: AsyncSession, item: LlmIntentionConfig) -> LlmIntentionConfig:  # noqa: ARG002 - it is all there
        """Return the config itself."""
        return item

    async def settle(self, session: AsyncSession, item: LlmIntentionConfig) -> None:
        """Let at most one be the default."""
        await keep_one_default(session, item)


RECYCLE_RULES = RecycleRules()
INTENTIONS = Intentions()
