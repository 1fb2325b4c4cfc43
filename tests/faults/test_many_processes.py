"""Four processes on one PostgreSQL: the same totals as one, also when one of them dies in the middle."""

from contextlib import AsyncExitStack

from tests.faults.gateway import SECRET, Reply, running_gateway
from tests.faults.service import (
    SETTLED,
    connected,
    enroll_people,
    eventually,
    eventually_equal,
    make_due,
    running_service,
    unknown_people,
    use_gateway,
)

PROCESSES = 4
POOL = "2"


async def test_four_processes_share_web_chats(database_url: str) -> None:
    people = 10_000
    await enroll_people(database_url, people)
    async with connected(database_url) as connection, AsyncExitStack() as stack:
        await connection.execute("CREATE TABLE worker (pid int)")
        await connection.execute(
            "CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN INSERT INTO worker VALUES (pg_backend_pid()); RETURN NULL; END $$"
        )
        await connection.execute(
            "CREATE TRIGGER note AFTER INSERT ON follow_up_record FOR EACH STATEMENT EXECUTE FUNCTION note()"
        )
        for _ in range(PROCESSES):
            await stack.enter_async_context(running_service(database_url, DISPATCH_BATCH="50", POOL_SIZE=POOL))
        await make_due(connection)
        await eventually_equal(connection, SETTLED, people)
        doubles = await connection.fetchval(
            "SELECT count(*) FROM contact c"
            " WHERE 1 <> (SELECT count(*) FROM follow_up_record r WHERE r.contact_id = c.id)"
            " OR 1 <> (SELECT count(*) FROM chat_message m WHERE m.contact_id = c.id) OR c.message_count <> 1"
        )
        assert doubles == 0
        assert await connection.fetchval("SELECT count(DISTINCT status) FROM follow_up_record") == 1
        workers = await connection.fetchval("SELECT count(DISTINCT pid) FROM worker")
        assert workers > int(POOL), "only one process worked"


async def test_one_of_four_processes_dies_while_a_gateway_is_written_to(database_url: str) -> None:
    people = 2000
    await enroll_people(database_url, people)
    async with running_gateway() as gateway, connected(database_url) as connection, AsyncExitStack() as stack:
        gateway.default = Reply(delay=0.1)
        await use_gateway(database_url, gateway.url, SECRET)
        services = [
            await stack.enter_async_context(running_service(database_url, POOL_SIZE=POOL, GATEWAY_CONCURRENCY="50"))
            for _ in range(PROCESSES)
        ]
        await make_due(connection)
        await eventually(lambda: len(gateway.arrivals) >= people // 5 and gateway.in_flight > 0)
        await services[0].kill()
        assert len(gateway.arrivals) < people, "killed too late"
        # Those of the dead one come back when its lease ends, and are taken over by the others.
        await eventually_equal(connection, SETTLED, people)
        assert set(gateway.per_contact.values()) == {1}, "somebody was written to twice"
        listed = await unknown_people(services[1])
        sent = {row["contact_id"] for row in await connection.fetch(
            "SELECT contact_id FROM follow_up_record WHERE status = 'sent'"
        )}  # fmt: skip
        assert len(sent) + len(listed) == people == len(sent | set(listed))
        assert sent <= set(gateway.per_contact)
        assert await connection.fetchval("SELECT count(*) FROM follow_up_enrollment WHERE claim_token IS NOT NULL") == 0
        assert gateway.bad_signatures == 0
