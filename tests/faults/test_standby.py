"""DATABASE_URL leads to a server that takes no writes: a standby, which becomes the primary while the service runs."""

import shutil
from pathlib import Path

import httpx2

from tests.cases import CASES, party
from tests.faults.service import (
    PATIENCE,
    SENT,
    connected,
    enroll_people,
    eventually_equal,
    make_due,
    migrated,
    running_service,
)
from tests.servers import found_servers, free_port, make_cluster, serving, unprivileged

PEOPLE = 20
WRITES = [
    ("/api/followup-configs", {"name": "另一个"}),
    ("/api/messages/inbound", {"messages": [{"message_id": "m", "contact_id": 1, "fromId": 0, "content": "您好"}]}),
    (CASES, {"caseId": "K-1", "title": "工资支付纠纷", "nodeId": 5, "parties": [party("p-1", phone="13912340001")]}),
    ("/api/chatbot/conversation/query", {"fromUserId": "u", "textMessage": "您好"}),
    ("/agent-api/user", {"name": "某人"}),
]


async def test_a_standby_is_read_from_and_written_to_when_it_is_promoted(room: Path) -> None:
    programs, port = found_servers()[-1], free_port()
    make_cluster(programs, room)
    with serving(programs, room, port) as server:
        url = server.url()
        await migrated(url)
        await enroll_people(url, PEOPLE)
        async with connected(url) as connection:
            await make_due(connection)
    (room / "data" / "standby.signal").touch()
    if owner := unprivileged(room):
        shutil.chown(room / "data" / "standby.signal", owner)
    with serving(programs, room, port):
        async with (
            running_service(url, TICK_SECONDS="0.2") as service,
            httpx2.AsyncClient(base_url=service.url, timeout=PATIENCE) as client,
            connected(url) as connection,
        ):
            ready = await client.get("/readyz")
            assert (ready.status_code, ready.json()["checks"]["database"]["ok"]) == (503, False)
            assert (await client.get("/api/followup-configs")).json()[0]["name"] == "测试"
            for path, body in WRITES:
                answer = await client.post(path, json=body)
                assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2"), answer.text
                assert "数据库暂时不可用" in answer.text
            await service.several_looks()
            assert await connection.fetchval(SENT) == 0
            assert await connection.fetchval("SELECT pg_promote()")
            await eventually_equal(connection, SENT, PEOPLE)
            assert await connection.fetchval("SELECT count(DISTINCT contact_id) FROM chat_message") == PEOPLE
            assert (await client.post(WRITES[0][0], json=WRITES[0][1])).status_code == 201
            assert (await client.get("/readyz")).status_code == 200
