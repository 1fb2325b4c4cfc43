"""People of a batch who stand at the same step share what is sent once for all of them; each gets their own text."""

from datetime import timedelta

import pytest

from tests.faults.gateway import SECRET
from tests.gateway_world import World
from tests.helpers import add_contact, add_script, make_config
from tests.people import rows

MOMENT = timedelta(microseconds=1)


@pytest.mark.parametrize("kind", ["webchat", "webhook"])
async def test_each_gets_their_own_text_and_goes_their_own_way(world: World, kind: str) -> None:
    await world.deliver_by(kind=kind, url=world.gateway.url, secret=SECRET)
    named = await make_config(world.client, name="称呼", opening_message="{{name|您}},在吗?")
    plain = await make_config(world.client, name="一般", opening_message="您好,在吗?")
    for config, text in ((named, "{{name|您}},第一天"), (plain, "第一天")):
        await add_script(world.client, config, day=1, content=text, hours=0)
        await add_script(world.client, config, day=1, content=f"{text}晚上", hours=0, order=2)
        await add_script(world.client, config, day=2, content=f"{text}之后")
    expected: dict[int, list[str]] = {}
    people: dict[str, int] = {}
    for key, config, name, is_new in (
        ("new and named", named, "林小满", True),
        ("new without a name", named, None, True),
        ("known and named", named, "王强", False),
        ("known without a name", named, None, False),
        ("new and plain", plain, "李雷", True),
        ("known and plain", plain, "韩梅梅", False),
    ):
        contact = people[key] = await add_contact(world.client, name=name)
        await world.enroll(contact, config_id=config, opening=is_new)
        who = f"{name or '您'}," if config == named else ""
        opening = f"{who}在吗?" if config == named else "您好,在吗?"
        expected[contact] = [opening] * is_new + [f"{who}第一天", f"{who}第一天晚上", f"{who}第一天之后"]
    for step in (MOMENT, timedelta(seconds=61), timedelta(seconds=61), timedelta(hours=25)):
        await world.pass_time(step)
    await world.pass_time(timedelta(seconds=61))
    found = await rows(
        world.database,
        "SELECT r.contact_id, r.content, r.key, m.text"
        " FROM follow_up_record r JOIN chat_message m ON m.record_id = r.id ORDER BY r.id",
    )
    assert all(row["content"] == row["text"] for row in found)
    sent: dict[int, list[str]] = {contact: [] for contact in expected}
    for row in found:
        sent[row["contact_id"]].append(row["content"])
    assert sent == expected, people
    if kind == "webhook":
        assert {arrival.key: arrival.body["content"] for arrival in world.gateway.arrivals} == {
            str(row["key"]): row["content"] for row in found
        }
