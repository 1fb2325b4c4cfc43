"""The dialer that speaks to OutboundBot."""

from collections.abc import AsyncIterator

import pytest

from app.clock import ManualClock
from app.gateways.dialer import Dialer
from tests.aliyun import aliyun
from tests.outboundbot import OutboundBot


@pytest.fixture
async def dialer(bot: OutboundBot, clock: ManualClock) -> AsyncIterator[Dialer]:
    opened = aliyun(bot.endpoint, clock)
    yield opened
    await opened.close()
