"""Cases for tests: made through the API, and calls written straight into the tables."""

import uuid
from datetime import datetime, timedelta
from typing import Any

import httpx2

from app.repositories.database import Database

CASES = "/api/v1/mediation/cases"
OUTBOUND = "/api/v1/outbound-bot"


def party(person_id: str, name: str = "林小满", phone: str | None = None, **fields: Any) -> dict[str, Any]:
    """Return a party as a case is given it."""
    return {"personId": person_id, "name": name, "phoneNumber": phone, "personType": 0, **fields}


async def make_case(client: httpx2.AsyncClient, case_id: str = "K-1", **fields: Any) -> dict[str, Any]:
    """Create a case through the API and return it."""
    body = {"caseId": case_id, "title": "工资支付纠纷", "nodeId": 5, "parties": [party(f"{case_id}-p1")], **fields}
    answer = await client.post(CASES, json=body)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()["data"]
    return made


def talk(at: datetime, *lines: tuple[str, str | None, str]) -> list[dict[str, Any]]:
    """Return a conversation, a second a line."""
    begin = int(at.timestamp() * 1000)
    return [
        {"timestamp": begin + number * 1000, "speaker": speaker, "script": script, "action": action}
        for number, (speaker, script, action) in enumerate(lines)
    ]


def job_id(at: datetime) -> str:
    """Return a job id as calls have it."""
    return f"{int(at.timestamp() * 1000):013d}-{str(uuid.uuid4()).split('-', 2)[2]}"


async def add_call(database: Database, at: datetime, **fields: Any) -> dict[str, Any]:
    """Write a call as the dialer leaves it: finished after a minute unless told otherwise; returns its row."""
    row: dict[str, Any] = {
        "job_id": job_id(at),
        "provider": "simulator",
        "instance_id": "simulator",
        "script_id": "follow_up",
        "call_type": "follow_up",
        "phone": "+8613900001111",
        "is_automatic": True,
        "placement": "placed",
        "status": "Succeeded",
        "created_at": at,
        "gives_up_at": at + timedelta(minutes=30),
        "ended_at": at + timedelta(minutes=1),
        **fields,
    }
    names = ", ".join(row)
    places = ", ".join(f"${number}" for number in range(1, len(row) + 1))
    async with database.transaction() as connection:
        made = await connection.fetchrow(
            f"INSERT INTO outbound_call ({names}) VALUES ({places}) RETURNING *", *row.values()
        )
    assert made is not None
    return dict(made)


async def add_round(database: Database, case: dict[str, Any], at: datetime, **fields: Any) -> int:
    """Plan a round for a case's first party; returns the record's id."""
    async with database.transaction() as connection:
        party_id = fields.pop("party_id", None) or await connection.fetchval(
            "SELECT id FROM mediation_party WHERE mediation_id = $1 ORDER BY position LIMIT 1", case["mediationId"]
        )
        row = {
            "mediation_id": case["mediationId"],
            "node_id": case["nodeId"],
            "party_id": party_id,
            "round": 1,
            "created_at": at,
            **fields,
        }
        names = ", ".join(row)
        places = ", ".join(f"${number}" for number in range(1, len(row) + 1))
        record_id: int = await connection.fetchval(
            f"INSERT INTO mediation_record ({names}) VALUES ({places}) RETURNING id", *row.values()
        )
    return record_id
