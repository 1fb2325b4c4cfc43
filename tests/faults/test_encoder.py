"""The encoder's process is killed, and ends with the service whichever way that ends."""

import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx2
import psutil

from tests import chatbot
from tests.faults.service import Service, eventually, running_service

QUESTION, ANSWER = "怎么开发票", "在订单页申请"
ASKED = "请问发票怎么开呢"


@asynccontextmanager
async def answering_service(database_url: str) -> AsyncIterator[tuple[Service, httpx2.AsyncClient]]:
    """Lend a service that knows one answer and has given it, so that its encoder runs."""
    async with running_service(database_url) as service, httpx2.AsyncClient(base_url=service.url, timeout=60) as client:
        await chatbot.done(client, "POST", "/faq/database", chatbot.entry(QUESTION, ANSWER))
        await assert_answered(client)
        yield service, client


async def assert_answered(client: httpx2.AsyncClient) -> None:
    told = await chatbot.say(client, "guest", ASKED, faqBestReplyThreshold=0.1, faqSuggReplyThreshold=0.1)
    assert told["string"] == ANSWER


def encoder_of(service: Service) -> psutil.Process:
    """Find the one process of the encoder."""
    (found,) = (
        child for child in psutil.Process(service.pid).children() if "app.gateways.matcher.worker" in child.cmdline()
    )
    return found


async def test_questions_are_answered_after_the_encoder_was_killed(database_url: str) -> None:
    async with answering_service(database_url) as (service, client):
        killed = encoder_of(service)
        killed.kill()
        await assert_answered(client)
        assert encoder_of(service).pid != killed.pid
        assert "the encoder's process is lost" in service.log


async def test_the_encoder_ends_with_a_service_that_is_killed(database_url: str) -> None:
    async with answering_service(database_url) as (service, _client):
        encoder = encoder_of(service)
        await service.kill()
        await eventually(lambda: not encoder.is_running() or encoder.status() == psutil.STATUS_ZOMBIE)


async def test_the_encoder_serves_a_service_that_is_being_stopped_until_its_end(database_url: str) -> None:
    """Supervisors signal every process of a service at once."""
    async with answering_service(database_url) as (service, client):
        encoder = encoder_of(service)
        for ending in (signal.SIGTERM, signal.SIGINT):
            encoder.send_signal(ending)
        await assert_answered(client)
        assert encoder_of(service) == encoder
        assert await service.terminate() == 0, service.log
        assert not encoder.is_running()
