"""Lines of accounts, and how much of each is taken."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from app.errors import InvalidInputError
from app.models import CallerLine
from app.repositories import agent_groups
from app.services.agent.shelf import Shelf
from app.services.context import Context


@dataclass(frozen=True, slots=True)
class LineView:
    """A line, and how many of its slots are running calls or locked by tasks."""

    line: CallerLine
    used: int

    @property
    def residue(self) -> int:
        """How many slots are left; a line that was made smaller than what is on it has none."""
        return max(0, self.line.call_line - self.used)


class Lines(Shelf[CallerLine, LineView]):
    """Over which lines tasks call."""

    model = CallerLine
    noun = "线路 (line)"

    async def of_account(self, session: AsyncSession, account_id: str) -> Sequence[LineView]:
        """Return all of an account, by age."""
        return [LineView(line, used) for line, used in await agent_groups.lines(session, account_id)]

    async def view(self, session: AsyncSession, item: CallerLine) -> LineView:
        """Return a line with how much of it is taken."""
        return LineView(item, await agent_groups.used(session, item.id))

    def beginning(self, context: Context) -> dict[str, Any]:
        """Give a line its id, and let it be used from now on."""
        return {"id": str(context.ids.uuid()), "begin_at": context.clock.now()}

    async def check(self, session: AsyncSession, item: CallerLine, given: Mapping[str, Any]) -> None:  # noqa: ARG002 - the whole must hold, whatever was given
        """Refuse a line that ends before it begins."""
        if _is_over(item.begin_at, item.deadline_at):
            raise InvalidInputError("须晚于 begin_at (must be later than begin_at)", field=("body", "deadline_at"))

    async def before_removal(self, session: AsyncSession, item: CallerLine) -> None:
        """Let nobody put a call on it meanwhile."""
        await agent_groups.lock_line(session, item.id)


def _is_over(begin: datetime | None, end: datetime | None) -> bool:
    return begin is not None and end is not None and begin >= end


LINES = Lines()
