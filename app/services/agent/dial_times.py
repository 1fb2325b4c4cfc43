"""Groups of dialling hours, of which an account that has any has exactly one default."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from app.domain.tasks import Day, hours_fault
from app.errors import ConflictError
from app.models import DialTimeGroup
from app.repositories import agent as store
from app.services.agent.shelf import PlainShelf, keep_one_default, refuse

_OTHER_FIRST = "请先将其他呼叫时间组设为默认 (make another group the default first)"


class DialTimes(PlainShelf[DialTimeGroup]):
    """When tasks may dial."""

    model = DialTimeGroup
    noun = "呼叫时间组 (dial-time group)"

    async def check(self, session: AsyncSession, item: DialTimeGroup, given: Mapping[str, Any]) -> None:  # noqa: ARG002 - the whole must hold, whatever was given
        """Refuse hours that cannot be, with their place."""
        days = [Day(day["week"], [(t["begin_time"], t["end_time"]) for t in day["times"]]) for day in item.content]
        refuse(hours_fault(days), "content")

    async def settle(self, session: AsyncSession, item: DialTimeGroup) -> None:
        """Let there be one default: the first group is, and the default stays until another becomes it."""
        default = await store.default_of(session, DialTimeGroup, item.account_id)
        if default is None:
            item.is_default = True
        elif default == item.id and not item.is_default:
            raise ConflictError(f"{item.id} 是默认呼叫时间组,{_OTHER_FIRST}")
        await keep_one_default(session, item)

    async def before_removal(self, session: AsyncSession, item: DialTimeGroup) -> None:
        """Refuse to delete the default while there are others."""
        if item.is_default and len(await self.of_account(session, item.account_id)) > 1:
            raise ConflictError(f"{item.id} 是默认呼叫时间组,{_OTHER_FIRST}")


DIAL_TIMES = DialTimes()
