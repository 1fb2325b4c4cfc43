"""Groups of scripts with their lines."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from app.models import OutboundGroup
from app.repositories import agent as store
from app.repositories import agent_groups, tasks
from app.services.agent.lines import LINES, LineView
from app.services.agent.shelf import Shelf, keep_one_default, refuse_unknown


@dataclass(frozen=True, slots=True)
class OutboundGroupView:
    """A group with its lines, in their order."""

    group: OutboundGroup
    lines: Sequence[LineView]


class OutboundGroups(Shelf[OutboundGroup, OutboundGroupView]):
    """What is said, and over which lines."""

    model = OutboundGroup
    noun = "话术组 (script group)"
    parts = frozenset({"caller_lines"})

    async def of_account(self, session: AsyncSession, account_id: str) -> Sequence[OutboundGroupView]:
        """Return all of an account, by age."""
        lines = defaultdict(list)
        for group_id, line, used in await agent_groups.lines_of_groups(session, account_id):
            lines[group_id].append(LineView(line, used))
        groups = await store.items(session, OutboundGroup, account_id)
        return [OutboundGroupView(group, lines[group.id]) for group in groups]

    async def view(self, session: AsyncSession, item: OutboundGroup) -> OutboundGroupView:
        """Return a group with its lines."""
        rows = await agent_groups.lines_of_groups(session, item.account_id, item.id)
        return OutboundGroupView(item, [LineView(line, used) for _group, line, used in rows])

    async def check(self, session: AsyncSession, item: OutboundGroup, given: Mapping[str, Any]) -> None:
        """Refuse lines that are not the account's own."""
        wanted = given.get("caller_lines", ())
        known = await agent_groups.known_lines(session, item.account_id, wanted) if wanted else frozenset()
        refuse_unknown(known, wanted, "caller_lines", LINES.noun)

    async def settle(self, session: AsyncSession, item: OutboundGroup) -> None:
        """Let at most one be the default."""
        await keep_one_default(session, item)

    async def write_parts(self, session: AsyncSession, item: OutboundGroup, given: Mapping[str, Any]) -> None:
        """Write the lines where they are given."""
        if "caller_lines" in given:
            # Who reserves counts a task's calls behind all of its lines: two must not see different lines at a time.
            await tasks.wait_for_dialer(session, item.id)
            await agent_groups.set_lines(session, item.id, given["caller_lines"])

    async def take_away(self, session: AsyncSession, item: OutboundGroup, now: datetime) -> None:
        """Mark it as deleted: what was said in a task is still asked for later. Its lines are free to go."""
        await agent_groups.set_lines(session, item.id, ())
        item.deleted_at, item.is_default = now, False


OUTBOUND_GROUPS = OutboundGroups()
