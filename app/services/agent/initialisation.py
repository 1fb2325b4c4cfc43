"""What a new task can be made of: everything that an account owns, for the form of a front end."""

from collections.abc import Sequence
from dataclasses import dataclass

from app.models import AutoRecycleRule, BridgeGroup, CustomerService, DialTimeGroup, LlmIntentionConfig
from app.services.agent.bridge_groups import BRIDGE_GROUPS, SEATS
from app.services.agent.dial_times import DIAL_TIMES
from app.services.agent.lines import LINES, LineView
from app.services.agent.outbound_groups import OUTBOUND_GROUPS, OutboundGroupView
from app.services.agent.owners import Owner, reading
from app.services.agent.rules import INTENTIONS, RECYCLE_RULES
from app.services.context import Context


@dataclass(frozen=True, slots=True)
class Choices:
    """What there is to choose from, by age."""

    dial_times: Sequence[DialTimeGroup]
    lines: Sequence[LineView]
    outbound_groups: Sequence[OutboundGroupView]
    bridge_groups: Sequence[BridgeGroup]
    rules: Sequence[AutoRecycleRule]
    intentions: Sequence[LlmIntentionConfig]
    seats: Sequence[CustomerService]


async def choices(context: Context, owner: Owner) -> Choices:
    """Return what an account owns, in nine statements however much that is; 404 where there is no such account."""
    async with reading(context, owner) as (session, account):
        return Choices(
            dial_times=await DIAL_TIMES.of_account(session, account.id),
            lines=await LINES.of_account(session, account.id),
            outbound_groups=await OUTBOUND_GROUPS.of_account(session, account.id),
            bridge_groups=await BRIDGE_GROUPS.rows(session, account.id),
            rules=await RECYCLE_RULES.of_account(session, account.id),
            intentions=await INTENTIONS.of_account(session, account.id),
            seats=await SEATS.of_account(session, account.id),
        )
