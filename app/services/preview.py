"""What a config would do: its run from a given start if nobody answers, and what is odd about it."""

from dataclasses import dataclass
from datetime import datetime

from app.domain.followup import (
    Facts,
    Finding,
    PlannedSend,
    Progress,
    Reason,
    Script,
    Sequence,
    build_sequence,
    lint_config,
    simulate,
)
from app.domain.replies import is_echo_prone
from app.models import FollowUpScript
from app.repositories import configs, scripts
from app.services.configs import ConfigView, find_config, read_config
from app.services.context import Context
from app.services.limits import current_limits


@dataclass(frozen=True, slots=True)
class Premise:
    """Whom a preview is made for: somebody enrolled at ``start`` (None: now), with values for the variables."""

    start: datetime | None
    opening: bool
    name: str | None
    position: str | None
    count: int


@dataclass(frozen=True, slots=True)
class Preview:
    """The sends that are foreseen; ``end`` says what ends the run, None: it goes on."""

    config_id: int
    is_active: bool
    start: datetime
    sends: tuple[PlannedSend, ...]
    end: Reason | None


async def preview(context: Context, config_id: int, premise: Premise) -> Preview:
    """Foresee a config's run, as if it were active; 404 when there is none.

    Without a position the config's own is put into the texts.
    """
    config = await read_config(context, config_id)
    begin = context.clock.now() if premise.start is None else premise.start
    facts = Facts(
        progress=Progress(),
        opening_pending=premise.opening,
        opening_at=None,
        enrolled_at=begin,
        last_sent_at=None,
        last_automatic_at=None,
        recent_sends=(),
        unknown_until=None,
        review_hold_until=None,
        takeover_until=None,
        muted=False,
        do_not_contact=False,
        name=premise.name,
        position=config.position if premise.position is None else premise.position,
    )
    sequence = _sequence(config, default_opening=context.settings.opening_message)
    limits = await current_limits(context)
    run = simulate(facts, sequence, limits, begin, count=premise.count)
    return Preview(config_id, config.is_active, begin, run.sends, run.end)


async def lint(context: Context, config_id: int) -> tuple[Finding, ...]:
    """Look a config over; 404 when there is none."""
    async with context.database.transaction_session() as session:
        config = await find_config(session, config_id)
        texts = await scripts.of_config(session, config_id)
        rivals = await configs.rivals(session, config)
    return lint_config(
        [_script(script) for script in texts if script.is_active],
        [_script(script) for script in texts if not script.is_active],
        is_active=config.is_active,
        rivals=rivals,
        is_echo_prone=is_echo_prone,
    )


def _sequence(config: ConfigView, *, default_opening: str) -> Sequence:
    return build_sequence(
        config.id,
        is_active=True,
        is_deleted=False,
        opening=config.opening_message or default_opening,
        scripts=[_script(script) for script in config.scripts if script.is_active],
    )


def _script(row: FollowUpScript) -> Script:
    return Script(row.id, row.day_number, row.order, row.interval_hours, row.content)
