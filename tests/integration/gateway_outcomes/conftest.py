"""The real HTTP client, a real gateway, a clock moved by hand."""

import pytest

from app.clock import ManualClock
from app.config import Settings
from app.gateways.circuit import FIRST_BATCH
from tests.faults.gateway import SECRET
from tests.gateway_world import World
from tests.helpers import add_contact, add_script, make_config
from tests.integration.gateway_outcomes.times import MOMENT, START, TIMEOUT_SECONDS


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(START)


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"gateway_timeout_seconds": TIMEOUT_SECONDS, "gateway_concurrency": FIRST_BATCH})


@pytest.fixture
async def world(world: World) -> World:
    await world.deliver_by(url=world.gateway.url, secret=SECRET)
    return world


@pytest.fixture
async def contact(world: World) -> int:
    """One person, at a sequence of three days, whose first text is due now."""
    config = await make_config(world.client, opening_message="您好,在吗?")
    await add_script(world.client, config, day=1, content="第一天", hours=0)
    await add_script(world.client, config, day=2, content="第二天", hours=24)
    await add_script(world.client, config, day=3, content="第三天", hours=24)
    contact_id = await add_contact(world.client, user_id="user-1")
    await world.enroll(contact_id)
    world.clock.advance(MOMENT)
    return contact_id


@pytest.fixture
async def newcomer(world: World) -> int:
    """One person whose opening is due now."""
    config = await make_config(world.client, opening_message="您好,在吗?")
    await add_script(world.client, config, day=1, content="第一天", hours=24)
    contact_id = await add_contact(world.client)
    await world.enroll(contact_id, opening=True)
    return contact_id
