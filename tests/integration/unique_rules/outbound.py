"""Unique rules of mediation: cases, rounds, calls."""

from typing import Any

from app.services.calls.ending import Over, end_calls
from tests.calls import CALL, REACHED, body
from tests.cases import CASES, make_case, party
from tests.integration.unique_rules.storms import ONE_AND_CONFLICTS, WRITERS, World, at_once, call, exercises, outcomes
from tests.people import rows

PHONE = "13900009001"


@exercises("pk_mediation_case", "uq_mediation_party_mediation_id_person_id")
async def cases(world: World) -> None:
    people = [party("p-1", phone=PHONE), party("p-2", phone="13900009002")]
    turned = people[::-1]
    answers = await call(
        world,
        "POST",
        CASES,
        lambda number: {"caseId": "K-1", "title": "一案", "nodeId": 5, "parties": turned if number % 2 else people},
    )
    assert outcomes(answers) == ONE_AND_CONFLICTS
    assert (await world.count("mediation"), await world.count("mediation_party")) == (1, 2)
    # The same people in as many cases: found or made, and nobody waits for another in a circle.
    answers = await call(
        world,
        "POST",
        CASES,
        lambda number: {
            "caseId": f"L-{number}", "title": "一案", "nodeId": 5,
            "parties": [party(person) for person in (("q-1", "q-2") if number % 2 else ("q-2", "q-1"))],
        },
    )  # fmt: skip
    assert outcomes(answers) == {201: WRITERS}
    assert await world.count("contact WHERE user_id LIKE 'q-%'") == 2


@exercises(
    "uq_mediation_record_open",
    "uq_outbound_call_active_party",
    "pk_call_poll",
)
async def calls(world: World) -> None:
    case = await make_case(world.client, parties=[party("p-1", phone=PHONE), party("p-2", phone="13900009002")])
    answers = await call(world, "POST", CALL, body(case))
    assert outcomes(answers) == {201: WRITERS}
    codes = sorted(item["errorCode"] or 0 for answer in answers for item in answer.json()["data"])
    assert codes == [0, 0, *[1001] * (2 * WRITERS - 2)], "one call each, and the others are told to wait"
    assert await world.count("mediation_record WHERE state = 'calling'") == 2
    assert await world.count("outbound_call") == await world.count("call_poll") == len(world.dialer.dials) == 2


@exercises("uq_outbound_call_active_phone")
async def phones(world: World) -> None:
    made = [
        await make_case(world.client, f"K-{number}", parties=[party(f"p-{number}", phone=PHONE)])
        for number in range(WRITERS)
    ]
    answers = await call(world, "POST", CALL, lambda number: body(made[number]))
    codes = sorted(answer.json()["data"][0]["errorCode"] or 0 for answer in answers)
    assert codes == [0, *[1001] * (WRITERS - 1)]
    assert await world.count("outbound_call") == len(world.dialer.dials) == 1


@exercises("pk_call_intention")
async def ends(world: World) -> None:
    case = await make_case(world.client, parties=[party("p-1", phone=PHONE)])
    assert (await world.client.post(CALL, json=body(case))).status_code == 201
    (row,) = await rows(world.database, "SELECT id FROM outbound_call")
    desk: Any = world.app.state.desk
    await at_once(lambda _number: end_calls(desk, [Over(row["id"], REACHED)]))
    assert await world.count("call_intention") == 1
    assert await world.count("outbound_call WHERE ended_at IS NOT NULL") == 1
    assert await world.count("audit_entry WHERE action = 'call_ended'") <= 1
    assert await world.count("mediation_record WHERE state = 'done'") == 1


@exercises("pk_mediation_node", "pk_caller_line")
async def settings(world: World) -> None:
    answers = await call(world, "PUT", "/api/v1/outbound-bot/nodes/5", lambda number: {"maxRounds": number + 1})
    assert outcomes(answers) == {200: WRITERS}
    answers = await call(world, "PUT", "/api/v1/outbound-bot/lines/default", lambda number: {"callLine": number + 1})
    assert outcomes(answers) == {200: WRITERS}
    assert await world.count("caller_line WHERE id = 'default'") == 1


@exercises("pk_secret")
async def link_keys(world: World) -> None:
    """The key of links is made by whoever signs the first one; all must sign with the same."""
    case = await make_case(world.client, parties=[party("p-1", phone=PHONE)])
    await world.client.post(CALL, json=body(case))
    (row,) = await rows(world.database, "SELECT id FROM outbound_call")
    await end_calls(world.app.state.desk, [Over(row["id"], REACHED)])
    answers = await call(world, "GET", f"/api/v1/outbound-bot/conversation-log?caseId={case['caseId']}")
    assert outcomes(answers) == {200: WRITERS}
    assert await world.count("secret") == len(await rows(world.database, "SELECT DISTINCT name FROM secret"))
