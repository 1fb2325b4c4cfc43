"""Unique rules of accounts and what they own, of tasks, their numbers and their ends."""

from typing import Any

from app.services.calls.caller import Caller
from app.services.calls.ending import Over, end_calls
from app.services.tasks.ends import end_those_that_are_over
from tests import tasks as written
from tests.agent import AGENT, WORKDAY, add_account, add_group, add_line, add_seat, add_task, post
from tests.calls import REACHED
from tests.integration.unique_rules.storms import ONE_AND_CONFLICTS, WRITERS, World, at_once, call, exercises, outcomes
from tests.people import rows
from tests.tasks import add_world, start

OWN = f"{AGENT}/u-1"
RULE = {"name": "规则", "details": [{"number_status": 4, "time": 2}]}
SCRIPT = {"name": "回访", "instance_id": "simulator", "script_id": "follow_up"}
ALL_DONE = {200: WRITERS}


@exercises("pk_account")
async def accounts(world: World) -> None:
    answers = await call(world, "POST", AGENT, {"user_id": "u-1", "name": "账户"})
    assert outcomes(answers) == ONE_AND_CONFLICTS
    assert await world.count("account") == 1


async def one_default(world: World, kind: str, new: dict[str, Any], mark: dict[str, Any]) -> None:
    """Make many, each the default; then let each of them become it once more."""
    await add_account(world.client)
    table = kind.replace("-", "_")
    answers = await call(world, "POST", f"{OWN}/{kind}", new | mark)
    assert outcomes(answers) == {201: WRITERS}
    assert await world.count(f"{table} WHERE is_default") == 1
    ids = [answer.json()["data"]["id"] for answer in answers]
    again = await at_once(lambda number: world.client.put(f"{OWN}/{kind}/{ids[number]}", json=mark))
    assert outcomes(again) == ALL_DONE
    assert await world.count(f"{table} WHERE is_default") == 1


@exercises("uq_auto_recycle_rule_default")
async def default_rules(world: World) -> None:
    await one_default(world, "auto-recycle-rule", RULE, {"is_default": True})


@exercises("uq_dial_time_group_default")
async def default_hours(world: World) -> None:
    await one_default(world, "dial-time-group", {"content": WORKDAY}, {"is_default": True})


@exercises("uq_llm_intention_config_default")
async def default_configs(world: World) -> None:
    await one_default(world, "llm-intention-config", {"name": "意向"}, {"is_default": 1})


@exercises("uq_outbound_group_default")
async def default_groups(world: World) -> None:
    await one_default(world, "outbound-group", SCRIPT, {"default": True})


@exercises("pk_bridge_group_seat")
async def seats(world: World) -> None:
    await add_account(world.client)
    ids = [await add_seat(world.client) for _ in range(4)]
    group = (await post(world.client, "/u-1/bridge-group", name="转", customer_service=ids))["id"]
    answers = await call(
        world, "PUT", f"{OWN}/bridge-group/{group}", lambda number: {"customer_service": turned(ids, number)}
    )
    assert outcomes(answers) == ALL_DONE
    assert await world.count("bridge_group_seat") == 4


@exercises("pk_outbound_group_line")
async def lines_of_groups(world: World) -> None:
    await add_account(world.client)
    ids = [await add_line(world.client) for _ in range(3)]
    group = (await add_group(world.client, caller_lines=ids))["id"]
    answers = await call(
        world, "PUT", f"{OWN}/outbound-group/{group}", lambda number: {"caller_lines": turned(ids, number)}
    )
    assert outcomes(answers) == ALL_DONE
    assert await world.count("outbound_group_line") == 3


@exercises("pk_call_task_line", "pk_call_task_script")
async def parts_of_tasks(world: World) -> None:
    await add_account(world.client)
    lines = [await add_line(world.client) for _ in range(3)]
    groups = [(await add_group(world.client, caller_lines=lines))["id"] for _ in range(3)]
    task = (await add_task(world.client, destination_extension=groups[0]))["id"]

    def change(number: int) -> dict[str, Any]:
        scripts = [{"id": group, "weight": number + 1} for group in turned(groups, number)]
        return {"script_groups": scripts, "task_extras": {"line": turned(lines, number)}}

    answers = await call(world, "PUT", f"{OWN}/task/{task}", change)
    assert outcomes(answers) == ALL_DONE, answers[0].text
    assert (await world.count("call_task_line"), await world.count("call_task_script")) == (3, 3)


@exercises("uq_task_number_task_id_phone")
async def numbers(world: World) -> None:
    await add_account(world.client)
    task = (await add_task(world.client))["id"]
    phones = [f"1390000900{digit}" for digit in range(5)]
    answers = await call(world, "POST", f"{OWN}/task/{task}/number", lambda number: {"numbers": turned(phones, number)})
    assert outcomes(answers) == {201: WRITERS}
    assert sum(answer.json()["data"]["created"] for answer in answers) == 5
    assert await world.count("task_number") == 5


@exercises("uq_call_notice_call_id")
async def notices(world: World) -> None:
    owner = await add_world(world.client)
    task = await written.add_task(world.database, owner, call_notify_url="https://hooks.example.com/calls")
    await written.add_numbers(world.database, task, written.phones(1))
    await start(world.database, task, world.clock.now())
    await Caller(world.app.state.desk).drain()
    (row,) = await rows(world.database, "SELECT id FROM outbound_call")
    await at_once(lambda _number: end_calls(world.app.state.desk, [Over(row["id"], REACHED)]))
    await at_once(lambda _number: world.app.state.reader.read_new())
    assert await world.count("call_notice") == 1


@exercises("pk_line_hold")
async def holds(world: World) -> None:
    owner = await add_world(world.client)
    task = await written.add_task(world.database, owner, end_action=2, maximumcall=3)
    await written.add_numbers(world.database, task, written.phones(1))
    async with world.database.connection() as connection:
        await connection.execute("UPDATE task_number SET state = 'done', due_at = NULL")
    await start(world.database, task, world.clock.now())
    await at_once(lambda _number: end_those_that_are_over(world.app.state.desk))
    assert await rows(world.database, "SELECT task_id, slots FROM line_hold") == [{"task_id": task, "slots": 3}]
    assert await world.count("audit_entry WHERE action = 'task_end'") == 1


def turned(items: list[Any], number: int) -> list[Any]:
    """Return the items, beginning with another one for each writer."""
    place = number % len(items)
    return items[place:] + items[:place]
