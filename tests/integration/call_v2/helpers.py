"""A case with two parties, and numbers that mean something to the simulator."""

import re
from typing import Any

import httpx2

from tests.cases import make_case, party

JOB_ID = re.compile(r"\d{13}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
JOB_FIELDS = ["jobId", "instanceId", "jobGroupId", "scriptId", "callStatus"]
TALKS, RINGS_OUT, REFUSES, THROTTLES, LOSES, FORGETS = (
    f"1391234{ending}" for ending in ("9001", "9011", "9021", "9022", "9023", "9024")
)


async def two_parties(client: httpx2.AsyncClient, case_id: str = "K-1", **fields: Any) -> dict[str, Any]:
    parties = [
        party(f"{case_id}-a", "王小明", TALKS, honorific="先生"),
        party(f"{case_id}-b", "李大海", RINGS_OUT, personType=1),
    ]
    return await make_case(client, case_id, **{"parties": parties, **fields})
