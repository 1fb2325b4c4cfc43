"""A party who refuses further calls in a mediation is left alone; who only speaks of the other party is not."""

from dataclasses import replace

import pytest

from app.domain.calls import Action, JobStatus, Speaker, TaskStatus
from app.gateways.dialer import TalkLine, Transcript
from app.repositories.database import Database
from app.services.calls.ending import Over, end_calls
from tests.calls import REACHED, ScriptedDialer, ended
from tests.integration.call_engine.helpers import CUT_SHORT, E164, Engine, one_party
from tests.people import enroll, new_contact, rows, value
from tests.tasks import add_world, numbers

CALLS = "SELECT count(*) FROM outbound_call"


def saying(text: str, fate: Transcript = REACHED, speaker: Speaker = Speaker.CONTACT) -> Transcript:
    """Return how a call ended in which this was said, after a word of the contact's."""
    lines = [TalkLine(1, Speaker.CONTACT, "喂", Action.DIALOGUE), TalkLine(2, speaker, text, Action.DIALOGUE)]
    return replace(fate, lines=lines)


async def listed(database: Database) -> list[str]:
    return [row["value"] for row in await rows(database, "SELECT value FROM do_not_contact WHERE kind = 'phone'")]


async def test_nobody_calls_a_party_who_refused(engine: Engine, dialer: ScriptedDialer, database: Database) -> None:
    known = await new_contact(engine.client, user_id="u1", phone=E164)
    await enroll(database, known["id"], engine.clock.now(), due_at=engine.clock.now())
    case = await one_party(engine.client)
    dialer.fates[E164] = saying("别再给我打电话了")
    await engine.call(case)
    await engine.pass_time(20)
    (item,) = await engine.call(case, auto=1, person="K-1-a")
    assert (item["errorCode"], len(dialer.dials)) == (1001, 1), "nobody has read yet what was said"
    assert await listed(database) == []
    await engine.app.state.reader.read_new()
    assert await listed(database) == [E164]
    (audit,) = await rows(database, "SELECT actor, reason, detail FROM audit_entry WHERE action = 'list_identifiers'")
    call_id, contact = (await rows(database, "SELECT id, contact_id FROM outbound_call"))[0].values()
    assert (audit["actor"], audit["reason"]) == ("call", "opt_out")
    assert audit["detail"] == {"call_id": call_id}
    assert await value(database, f"SELECT do_not_contact FROM contact WHERE id = {contact}") is True
    assert await rows(database, "SELECT state, reason, due_at FROM follow_up_enrollment") == [
        {"state": "stopped", "reason": "do_not_contact", "due_at": None}
    ]
    (item,) = await engine.call(case, auto=1, person="K-1-a")
    assert item["errorCode"] == 1002
    assert "免打扰" in item["message"]
    assert await value(database, "SELECT reason FROM mediation_record ORDER BY id DESC LIMIT 1") == "do_not_contact"
    other = await one_party(engine.client, "K-2")
    (item,) = await engine.call(other, auto=1, person="K-2-a")
    assert item["errorCode"] == 1002, "under another case neither"
    world = await add_world(engine.client)
    task = await engine.start_task(world, [E164])
    await engine.pass_time(300)
    (number,) = await numbers(database, task)
    assert (number["state"], number["reason"]) == ("refused", "do_not_contact")
    assert len(dialer.dials) == 1


@pytest.mark.parametrize(
    ("text", "speaker"),
    [
        ("我要去劳动局投诉他", Speaker.CONTACT),
        ("他早就把我微信拉黑了", Speaker.CONTACT),
        ("老板再来骚扰我我就报警", Speaker.CONTACT),
        ("谢谢不用了", Speaker.CONTACT),
        ("您可以回复退订", Speaker.ROBOT),
    ],
)
async def test_what_is_no_refusal_keeps_nobody_away(
    text: str, speaker: Speaker, engine: Engine, dialer: ScriptedDialer, database: Database
) -> None:
    case = await one_party(engine.client)
    dialer.fates[E164] = saying(text, speaker=speaker)
    await engine.call(case)
    await engine.pass_time(20)
    await engine.app.state.reader.read_new()
    assert await listed(database) == []
    read = "SELECT state, level, tags, evidence, model FROM call_intention"
    assert await rows(database, read) == [
        {"state": "done", "level": None, "tags": [], "evidence": [], "model": "rules"}
    ]
    await engine.pass_time(1800, step=60)
    (item,) = await engine.call(case, auto=1, person="K-1-a")
    assert item["errorCode"] == 0, item
    assert await value(database, CALLS) == 2


@pytest.mark.parametrize(("status", "job"), CUT_SHORT)
async def test_a_refusal_holds_however_the_call_ended(
    status: TaskStatus | None, job: JobStatus, engine: Engine, database: Database
) -> None:
    await engine.call(await one_party(engine.client))
    await engine.caller.drain()
    told = saying("别再给我打电话了", ended(status, status=job))
    await end_calls(engine.app.state.desk, [Over(await value(database, "SELECT id FROM outbound_call"), told)])
    await engine.app.state.reader.read_new()
    assert await listed(database) == [E164]
    assert await rows(database, "SELECT level, tags, evidence FROM call_intention") == [
        {"level": None, "tags": [], "evidence": ["别再给我打电话了"]}
    ]
    assert await value(database, "SELECT intention FROM outbound_call") is None
    assert await value(database, "SELECT count(*) FROM call_notice") == 0
