"""Talks that are to be read, and what a model says about them."""

import json
from typing import Any

from app.clock import ManualClock
from app.repositories.database import Database
from app.services.agent.intentions import TalkReader
from tests.faults.gateway import Reply
from tests.people import rows
from tests.task_records import add_config, add_record, add_task, end, said

URL = "https://hooks.example.com/calls"


def answer(level: Any, *, tags: Any = None, evidence: Any = None) -> Reply:
    """Return a chat completion that says this."""
    content = json.dumps({"level": level, "tags": tags or ["1B"], "evidence": evidence or ["我要报名"]})
    return completion(content)


def completion(content: str) -> Reply:
    return Reply(body=json.dumps({"choices": [{"message": {"role": "assistant", "content": content}}]}).encode())


async def talks(
    database: Database, clock: ManualClock, *texts: tuple[str, ...], llm_type: int | None = 1, **fields: Any
) -> list[dict[str, Any]]:
    """Write a task with ended calls in which this was said."""
    config = None if llm_type is None else await add_config(database, llm_type=llm_type)
    task = await add_task(database, llm_intention_id=config, **fields)
    calls = [await add_record(database, task, clock.now(), conversations=said(clock.now(), *each)) for each in texts]
    await end(database, clock.now(), *calls)
    return calls


async def intention_of(database: Database, call: dict[str, Any]) -> dict[str, Any]:
    found = await rows(
        database,
        "SELECT i.*, c.intention AS of_call, n.intention AS of_number FROM call_intention i"
        " JOIN outbound_call c ON c.id = i.call_id JOIN task_number n ON n.id = c.number_id WHERE i.call_id = $1",
        call["id"],
    )
    return found[0]


async def read(reader: TalkReader) -> None:
    await reader.read_new()
    await reader.ask_model()
