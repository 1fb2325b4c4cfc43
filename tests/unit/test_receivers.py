"""Where notices may go, by the text of an address and by what its name stands for; and that nothing else is asked."""

from collections.abc import AsyncIterator
from ipaddress import ip_address

import pytest

from app.domain.urls import Reach, allowed_address, receiver_url
from app.gateways.http import Failure, TransportError
from app.gateways.receivers import Receivers
from tests.faults.gateway import Reply
from tests.receivers import Receiver, running_receiver

PUBLIC = Reach()
PRIVATE = Reach(allow_private=True)
LISTED = Reach(frozenset({"hooks.example.com", "10.0.0.7"}))


@pytest.mark.parametrize(
    ("url", "public", "private", "listed"),
    [
        ("https://hooks.example.com/x", True, True, True),
        ("https://HOOKS.example.com:8443/x?y=1", True, True, True),
        ("https://other.example.com/x", True, True, False),
        ("https://8.8.8.8/x", True, True, False),
        ("http://10.0.0.7/x", False, True, True),
        ("http://127.0.0.1:8000/x", False, True, False),
        ("http://192.168.1.1/x", False, True, False),
        ("http://[::1]/x", False, True, False),
        ("http://[fd00::1]/x", False, True, False),
        ("http://[::ffff:127.0.0.1]/x", False, True, False),
        ("http://[::ffff:8.8.8.8]/x", True, True, False),
        ("http://[64:ff9b::7f00:1]/x", False, True, False),
        ("http://[64:ff9b::a9fe:a9fe]/x", False, False, False),
        ("http://[2002:7f00:1::]/x", False, True, False),
        ("http://169.254.169.254/latest/meta-data", False, False, False),
        ("http://[::ffff:169.254.169.254]/x", False, False, False),
        ("http://[fe80::1]/x", False, False, False),
        ("http://0.0.0.0/x", False, False, False),
        ("http://[::]/x", False, False, False),
        ("http://224.0.0.1/x", False, False, False),
        ("http://2130706433/x", False, False, False),
        ("http://0x7f000001/x", False, False, False),
        ("http://127.1/x", False, False, False),
        ("ftp://hooks.example.com/x", False, False, False),
        ("http://user:pass@hooks.example.com/x", False, False, False),
        ("http://hooks.example.com\\@127.0.0.1/x", False, False, False),
        ("http:///x", False, False, False),
    ],
)
def test_addresses(url: str, public: bool, private: bool, listed: bool) -> None:
    for reach, is_fine in ((PUBLIC, public), (PRIVATE, private), (LISTED, listed)):
        if is_fine:
            assert receiver_url(url, reach) == url
        else:
            with pytest.raises(ValueError, match=r"\w"):
                receiver_url(url, reach)


@pytest.mark.parametrize(
    ("address", "public", "private"),
    [
        ("93.184.216.34", True, True),
        ("2606:2800:220:1:248:1893:25c8:1946", True, True),
        ("172.16.0.1", False, True),
        ("100.64.0.1", False, False),
        ("169.254.169.254", False, False),
        ("fe80::1", False, False),
        ("fd00:ec2::254", False, True),
    ],
)
def test_what_a_name_may_stand_for(address: str, public: bool, private: bool) -> None:
    assert allowed_address(ip_address(address), PUBLIC) is public
    assert allowed_address(ip_address(address), PRIVATE) is private
    assert allowed_address(ip_address(address), LISTED)


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with running_receiver() as running:
        yield running


async def posted(receivers: Receivers, url: str) -> int | str:
    """Return the status of the answer, or why there is none."""
    try:
        return (await receivers.post(url, {"x-mine": "1"}, b"{}")).status
    except TransportError as error:
        return f"{error.failure}: {error}"
    finally:
        await receivers.close()


def made(reach: Reach, *answers: list[str]) -> Receivers:
    """Return what sends, with a resolver that gives these answers in turn."""
    given = list(answers)

    async def resolve(_host: str) -> list[str]:
        return given.pop(0)

    return Receivers(reach, timeout_seconds=5, max_connections=4, resolve=resolve)


async def test_the_connection_goes_to_what_was_looked_at(receiver: Receiver) -> None:
    """The name stands nowhere else: had it been asked again by whoever connects, there would be no answer."""
    url = f"http://hooks.example.test:{receiver.port}/calls?x=1"
    assert await posted(made(PRIVATE, ["127.0.0.1"]), url) == 200
    (request,) = receiver.requests
    assert request.target == "/calls?x=1"
    assert request.headers["host"] == f"hooks.example.test:{receiver.port}"


@pytest.mark.parametrize("answer", [["127.0.0.1"], ["93.184.216.34", "127.0.0.1"], ["169.254.169.254"], []])
async def test_a_name_that_stands_for_something_private_is_not_called(receiver: Receiver, answer: list[str]) -> None:
    said = await posted(made(PUBLIC, answer), f"http://hooks.example.test:{receiver.port}/")
    assert "HUIYIN_NOTIFY_PRIVATE" in str(said)
    assert str(said).startswith(Failure.NOT_SENT)
    assert receiver.requests == []


async def test_a_name_that_changes_its_mind_is_held_to_its_first_answer(receiver: Receiver) -> None:
    receivers = made(PRIVATE, ["127.0.0.1"], ["169.254.169.254"])
    url = f"http://hooks.example.test:{receiver.port}/"
    assert (await receivers.post(url, {}, b"")).status == 200
    assert (await receivers.post(url, {}, b"")).status == 200
    receivers._known.clear()
    assert "not allowed" in str(await posted(receivers, url))
    assert len(receiver.requests) == 2


async def test_redirects_are_not_followed(receiver: Receiver) -> None:
    async with running_receiver() as inside:
        receiver.default = Reply(307, {"Location": f"{inside.url}/secret"})
        assert await posted(made(PRIVATE, ["127.0.0.1"]), f"http://hooks.example.test:{receiver.port}/") == 307
        assert inside.requests == []


async def test_the_machines_own_resolver(receiver: Receiver) -> None:
    def own(reach: Reach) -> Receivers:
        return Receivers(reach, timeout_seconds=5, max_connections=4)

    url = f"http://localhost:{receiver.port}/"
    assert "not allowed" in str(await posted(own(PUBLIC), url))
    assert await posted(own(PRIVATE), f"http://127.0.0.1:{receiver.port}/") == 200
    assert await posted(own(Reach(frozenset({"127.0.0.1"}))), f"http://127.0.0.1:{receiver.port}/") == 200
    assert "cannot be resolved" in str(await posted(own(PUBLIC), "http://nobody.invalid/"))
    assert "内网" in str(await posted(own(PUBLIC), f"http://127.0.0.1:{receiver.port}/"))
    assert len(receiver.requests) == 2


async def test_many_hosts_do_not_keep_many_clients(receiver: Receiver) -> None:
    receivers = made(PRIVATE, *[["127.0.0.1"]] * 70)
    for number in range(70):
        assert (await receivers.post(f"http://h{number}.test:{receiver.port}/", {}, b"")).status == 200
    assert len(receivers._clients) <= 64
    await receivers.close()
