"""Wrong keys are counted by address: guessing is slowed down, and nobody shuts out those behind the same address."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import ip_address
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI
from pydantic import SecretStr

from app.config import Settings
from app.domain.keys import Scope
from app.errors import TooManyRequestsError
from app.main import create_app
from app.repositories.database import Database
from app.routers import wrong_keys
from app.routers.wrong_keys import AT_ONCE, MOST_ADDRESSES, SECONDS_EACH, WrongKeys
from app.services import keys
from tests.conftest import START
from tests.running import client_of

SHORT = "a-key-of-this-test"
LONG = "f" * 64
PATH = "/api/contacts"
HOST = "http://api.example.com"
MOST = int(AT_ONCE)


class Seconds:
    """A stopwatch that tests move."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(autouse=True)
def seconds(monkeypatch: pytest.MonkeyPatch) -> Seconds:
    """Time as the counting of wrong keys sees it, which stands still unless it is moved."""
    found = Seconds()
    monkeypatch.setattr(wrong_keys.WrongKeys.__init__, "__defaults__", (found,))
    return found


@asynccontextmanager
async def serving(settings: Settings, **changes: Any) -> AsyncIterator[FastAPI]:
    app = create_app(settings.model_copy(update=changes))
    async with app.router.lifespan_context(app):
        yield app


async def ask(
    app: FastAPI, key: str, address: str = "203.0.113.9", path: str = PATH, **headers: str
) -> httpx2.Response:
    async with client_of(app, address, HOST) as client:
        return await client.get(path, headers={"X-API-Key": key, **headers})


async def statuses(app: FastAPI, number: int, **options: Any) -> list[int]:
    """Return the answers to so many different wrong keys."""
    return [(await ask(app, f"guess-{turn}", **options)).status_code for turn in range(number)]


async def test_guesses_from_one_address_are_slowed_down(settings: Settings, seconds: Seconds) -> None:
    async with serving(settings, api_keys=(SecretStr(SHORT),)) as app:
        assert await statuses(app, MOST + 2) == [401] * MOST + [429] * 2
        told = await ask(app, SHORT)
        assert told.status_code == 429, "not even compared: the answer to a right guess is no other one"
        assert int(told.headers["retry-after"]) == SECONDS_EACH
        assert "错误密钥过多" in told.json()["detail"]
        assert (await ask(app, SHORT, "203.0.113.10")).status_code == 200, "another address"
        seconds.now += SECONDS_EACH
        assert (await ask(app, SHORT)).status_code == 200


async def test_keys_that_nobody_can_guess_work_beside_somebody_who_guesses(
    settings: Settings, database: Database
) -> None:
    _, made = await keys.create(database, name="crm", scopes=[Scope.READ], expires_at=None, now=START)
    async with serving(settings, api_keys=(SecretStr(SHORT), SecretStr(LONG))) as app:
        assert (await statuses(app, MOST + 1))[-1] == 429
        assert [(await ask(app, key)).status_code for key in (made, LONG, SHORT)] == [200, 200, 429]


async def test_a_script_that_was_not_told_of_a_new_key_shuts_nobody_out(settings: Settings) -> None:
    async with serving(settings, api_keys=(SecretStr(SHORT),)) as app:
        assert {(await ask(app, "an-old-key")).status_code for _ in range(300)} == {401}
        assert (await ask(app, SHORT)).status_code == 200


async def test_many_keys_in_one_request_are_as_many_guesses(settings: Settings) -> None:
    async with (
        serving(settings, api_keys=(SecretStr(SHORT),)) as app,
        client_of(app, "203.0.113.9", HOST, raises=True) as client,
    ):
        headers = [("X-API-Key", f"guess-{turn}") for turn in range(100)]
        answers = [await client.get(PATH, headers=[*headers[turn:], ("X-API-Key", SHORT)]) for turn in (0, 4, 8)]
        assert [answer.status_code for answer in answers] == [401] * 3, "the right one behind them is not looked at"
        assert (await client.get(PATH, headers={"X-API-Key": SHORT})).status_code == 429


async def test_behind_a_declared_proxy_each_caller_is_counted(settings: Settings) -> None:
    changes: dict[str, Any] = {"api_keys": (SecretStr(SHORT),), "trusted_proxies": ("10.0.0.1",)}
    async with serving(settings, **changes) as app:
        for turn in range(MOST + 1):
            await ask(app, f"guess-{turn}", "10.0.0.1", **{"X-Forwarded-For": "198.51.100.7"})
        for client, status in (("198.51.100.7", 429), ("198.51.100.8", 200)):
            answer = await ask(app, SHORT, "10.0.0.1", **{"X-Forwarded-For": client})
            assert answer.status_code == status
        made_up = await ask(app, SHORT, "10.0.0.1", **{"X-Forwarded-For": "192.0.2.1, 198.51.100.7"})
        assert made_up.status_code == 429, "what the caller wrote itself does not count"


async def test_each_family_says_it_in_its_own_words(settings: Settings) -> None:
    async with serving(settings, api_keys=(SecretStr(SHORT),)) as app:
        await statuses(app, MOST)
        outbound = await ask(app, SHORT, path="/api/v1/outbound-bot/lines")
        assert (outbound.status_code, outbound.json()["code"]) == (429, 429)
        account = await ask(app, SHORT, path="/api/v1/chatbot")
        assert (account.status_code, account.json()["rc"]) == (200, 1)
        assert account.headers["retry-after"]


async def test_without_keys_nobody_is_counted(settings: Settings) -> None:
    async with serving(settings) as app, client_of(app, raises=True) as client:
        found = {(await client.get(PATH, headers={"X-API-Key": str(turn)})).status_code for turn in range(50)}
    assert found == {200}


def test_memory_is_bounded_and_the_longest_silent_are_forgotten() -> None:
    counting, addresses = WrongKeys(Seconds()), [ip_address(number) for number in range(MOST_ADDRESSES + 1)]
    for turn in range(MOST):
        counting.count(addresses[0], [b"%d" % turn])
    assert counting.wait(addresses[0]) > 0
    for address in addresses[1:]:
        counting.count(address, [b"guess"])
    assert len(counting._buckets) == MOST_ADDRESSES
    assert counting.wait(addresses[0]) == 0


@pytest.mark.parametrize(
    ("other", "is_same"),
    [("2001:db8:1:2::ffff", True), ("2001:db8:1:3::1", False), ("0.0.0.1", False), (None, False)],
)
def test_a_network_of_one_household_is_one_address(other: str | None, is_same: bool) -> None:
    counting = WrongKeys(Seconds())
    for turn in range(MOST):
        counting.count(ip_address("2001:db8:1:2::1"), [b"%d" % turn])
    with pytest.raises(TooManyRequestsError):
        counting.count(ip_address("2001:db8:1:2::1"), [b"one more"])
    assert (counting.wait(None if other is None else ip_address(other)) > 0) is is_same
