"""What a gateway answers, or that it does not, and what follows from it."""

from datetime import timedelta
from email.utils import format_datetime

import pytest

from app.gateways.messenger import DEFAULT_RETRY_AFTER_SECONDS
from tests.faults import gateway as fake
from tests.faults.gateway import Reply, busy
from tests.gateway_world import World
from tests.helpers import add_script, make_config
from tests.integration.gateway_outcomes.times import HOUR, MOMENT, SECOND, START
from tests.people import rows


async def test_taken(world: World, contact: int) -> None:
    await world.pass_time()
    (record,) = await world.records(contact)
    assert (record["status"], record["sent_at"], record["error"]) == ("sent", world.clock.now(), None)
    (arrival,) = world.gateway.arrivals
    assert arrival.key == str(record["key"])
    assert arrival.body == {
        "record_id": record["id"], "contact_id": contact, "user_id": "user-1", "content": "第一天",
    }  # fmt: skip
    assert await world.standing(contact) == ("active", "interval", world.clock.now() + 24 * HOUR + MOMENT)
    await world.pass_time(24 * HOUR)
    assert len(world.gateway.arrivals) == 1
    await world.pass_time(MOMENT)
    assert world.gateway.texts == ["第一天", "第二天"]


async def test_every_2xx_is_taken(world: World) -> None:
    config = await make_config(world.client)
    await add_script(world.client, config, day=1, content="第一天", hours=0)
    people = await world.add_people(5)
    await world.enroll(*people)
    world.gateway.script += [Reply(status, body=b"") for status in (200, 201, 202, 204, 299)]
    await world.pass_time(MOMENT)
    assert [await world.statuses(contact_id) for contact_id in people] == [["sent"]] * 5


@pytest.mark.parametrize(
    ("reply", "pause"),
    [
        (busy(120), 120),
        (busy(format_datetime(START + timedelta(seconds=90), usegmt=True)), 90),
        (Reply(429), DEFAULT_RETRY_AFTER_SECONDS),
        (busy("soon"), DEFAULT_RETRY_AFTER_SECONDS),
        (busy(10**12), 24 * 3600),
        (busy(45, status=503), 45),
    ],
    ids=["seconds", "date", "without", "rubbish", "for-ever", "503"],
)
async def test_busy(world: World, contact: int, reply: Reply, pause: int) -> None:
    """Not taken: tried again when the gateway says, and not before."""
    world.gateway.script.append(reply)
    began = world.clock.now()
    await world.pass_time()
    state, reason, due_at = await world.standing(contact)
    assert due_at is not None
    assert (state, reason) == ("active", "gateway_busy")
    # A date has no fractions of a second.
    assert timedelta(seconds=pause) - SECOND < due_at - began <= timedelta(seconds=pause)
    await world.pass_time(due_at - world.clock.now() - MOMENT)
    assert len(world.gateway.arrivals) == 1
    await world.pass_time(MOMENT)
    assert await world.statuses(contact) == ["not_sent", "sent"]
    assert world.gateway.texts == ["第一天", "第一天"]
    await world.pass_time(HOUR)
    assert len(world.gateway.arrivals) == 2


@pytest.mark.parametrize("pause", ["0", format_datetime(START - HOUR, usegmt=True)], ids=["zero", "a-date-in-the-past"])
async def test_a_busy_gateway_that_names_no_real_pause_is_not_hammered(world: World, contact: int, pause: str) -> None:
    world.gateway.default = busy(pause)
    await world.pass_time()
    assert len(world.gateway.arrivals) == 1
    _, _, due_at = await world.standing(contact)
    assert due_at is not None
    assert due_at > world.clock.now()


@pytest.mark.parametrize("reply", [fake.NOT_FOUND, fake.GONE], ids=["404", "410"])
async def test_a_person_who_is_not_there(world: World, contact: int, reply: Reply) -> None:
    world.gateway.default = reply
    await world.pass_time()
    await world.pass_time(100 * HOUR)
    assert await world.statuses(contact) == ["failed"]
    assert await world.standing(contact) == ("stopped", "person_unreachable", None)
    assert len(world.gateway.arrivals) == 1
    audit = await rows(world.database, "SELECT reason FROM audit_entry WHERE contact_id = $1 ORDER BY id", contact)
    assert audit[-1]["reason"] == "person_unreachable"


@pytest.mark.parametrize(
    "reply",
    [fake.BAD_REQUEST, Reply(401), Reply(403), Reply(422), Reply(307, {"Location": "/send"})],
    ids=["400", "401", "403", "422", "redirect"],
)
async def test_refused(world: World, contact: int, reply: Reply) -> None:
    """Failed and paused until a person looked; listed, and after `resume` sent once."""
    world.gateway.script.append(reply)
    await world.pass_time()
    await world.pass_time(100 * HOUR)
    assert await world.statuses(contact) == ["failed"]
    assert await world.standing(contact) == ("paused", "send_failed", None)
    assert len(world.gateway.arrivals) == 1, "a redirect is not followed"
    failed = (await world.client.get("/api/followup-records?status=failed")).json()
    assert [record["contact_id"] for record in failed["results"]] == [contact]
    enrollment = await world.enrollment(contact)
    await world.client.post(f"/api/followup-enrollments/{enrollment['id']}/resume")
    await world.pass_time()
    assert await world.statuses(contact) == ["failed", "sent"]


async def test_a_huge_answer_is_not_read_to_its_end(world: World, contact: int) -> None:
    world.gateway.default = fake.HUGE_BODY
    await world.pass_time()
    assert await world.statuses(contact) == ["sent"]


async def test_nobody_listens(world: World, contact: int) -> None:
    """Certainly not sent: the same step again, with pauses that grow, until the gateway is back."""
    await world.gateway.stop()
    pauses = []
    for _ in range(8):
        await world.pass_time()
        state, reason, due_at = await world.standing(contact)
        assert due_at is not None
        assert (state, reason) == ("active", "gateway_unreachable")
        pauses.append(due_at - world.clock.now())
        # Beyond the pause of the circuit as well.
        world.clock.advance(max(pauses[-1], timedelta(minutes=5)))
    assert pauses == sorted(pauses)
    assert len(set(pauses)) == len(pauses)
    assert set(await world.statuses(contact)) == {"not_sent"}
    await world.gateway.start()
    await world.pass_time(HOUR)
    assert world.gateway.texts == ["第一天"]
    assert (await world.statuses(contact))[-1] == "sent"
    assert (await world.enrollment(contact))["failures"] == 0


@pytest.mark.parametrize("url", ["http://no-such-host.invalid/", "https://127.0.0.1:1/"], ids=["name", "port"])
async def test_no_way_there(world: World, contact: int, url: str) -> None:
    await world.deliver_by(url=url)
    await world.pass_time()
    assert await world.statuses(contact) == ["not_sent"]
    assert (await world.standing(contact))[:2] == ("active", "gateway_unreachable")


async def test_without_the_right_secret_nothing_is_taken(world: World, contact: int) -> None:
    """The gateway checks: another secret is refused there, and that is no 2xx."""
    await world.deliver_by(secret="whsec_" + "A" * 32)
    await world.pass_time()
    assert world.gateway.arrivals == []
    assert world.gateway.bad_signatures == 1
    world.gateway.bad_signatures = 0
    assert await world.standing(contact) == ("paused", "send_failed", None)
