"""Erasing a person: nothing that names them is left in any table, and they cannot be woken up again."""

import httpx2

from app.clock import ManualClock
from app.repositories.database import Database
from tests.people import add_detail, enroll, everything, new_contact, rows, say, send, value

PHONE = "+8613800138000"
TRACES = ("林晓", "13800138000", "linxiao_0607", "zp-secret", "不方便透露", "回我电话")


async def fill(client: httpx2.AsyncClient, database: Database, clock: ManualClock) -> int:
    contact = await new_contact(
        client, user_id="zp-secret", name="林晓", position="Python开发", phone="13800138000", note="不方便透露"
    )
    contact_id: int = contact["id"]
    await enroll(database, contact_id, clock.now(), due_at=clock.now())
    record_id = await send(database, contact_id, "林晓您好", clock.now(), reply="回我电话", error="to zp-secret")
    await say(database, contact_id, "林晓您好", clock.now(), ordinal=1, record_id=record_id)
    await say(database, contact_id, "回我电话 13800138000", clock.now(), ordinal=2)
    await add_detail(database, contact_id, "wechat", "linxiao_0607", clock.now())
    async with database.transaction() as connection:
        await connection.execute(
            "INSERT INTO outbox_event (bot_id, key, kind, contact_id, payload, due_at)"
            " VALUES (1, gen_random_uuid(), 'replied', $1, $2, now())",
            contact_id,
            {"content": "回我电话"},
        )
        await connection.execute(
            "INSERT INTO idempotency_key (scope, key, body_hash, record_id) VALUES ('send', '林晓-1', 'x', $1)",
            record_id,
        )
        await connection.execute(
            "INSERT INTO audit_entry (at, actor, action, contact_id, detail) VALUES (now(), 'x', 'y', $1, $2)",
            contact_id,
            {"phone": PHONE},
        )
    return contact_id


async def test_no_trace_is_left_but_counts_and_hashes(
    client: httpx2.AsyncClient, database: Database, clock: ManualClock
) -> None:
    contact_id = await fill(client, database, clock)
    await client.post(f"/api/contacts/{contact_id}/do-not-contact", json={"reason": "林晓来电"})
    before = await everything(database)
    assert all(trace in before for trace in TRACES)
    assert (await client.delete(f"/api/contacts/{contact_id}")).status_code == 204
    after = await everything(database)
    assert [trace for trace in TRACES if trace in after] == []
    records = await rows(database, "SELECT content, reply_content, got_reply, status FROM follow_up_record")
    assert records == [{"content": "", "reply_content": None, "got_reply": True, "status": "sent"}]
    tally = await rows(
        database, "SELECT got_reply, sum(delta)::int AS n FROM follow_up_record_tally GROUP BY 1 HAVING sum(delta) <> 0"
    )
    assert tally == [{"got_reply": True, "n": 1}]
    events = await rows(database, "SELECT status, payload FROM outbox_event")
    assert events == [{"status": "dead", "payload": {}}]
    kinds = await rows(database, "SELECT kind, count(*) FROM do_not_contact GROUP BY 1")
    assert kinds == [{"kind": "hash", "count": 3}]
    assert await value(database, "SELECT count(*) FROM chat_message") == 0
    assert await value(database, "SELECT count(*) FROM follow_up_enrollment") == 0
    last = (await rows(database, "SELECT action, contact_id FROM audit_entry ORDER BY id DESC LIMIT 1"))[0]
    assert last == {"action": "erase", "contact_id": contact_id}
    for path in ("", "/timeline"):
        assert (await client.get(f"/api/contacts/{contact_id}{path}")).status_code == 404
    assert (await client.delete(f"/api/contacts/{contact_id}")).status_code == 404


async def test_others_are_left_as_they_were(client: httpx2.AsyncClient, database: Database, clock: ManualClock) -> None:
    contact_id = await fill(client, database, clock)
    other = await new_contact(client, user_id="other", name="王强", phone="13900139000")
    await send(database, other["id"], "王强您好", clock.now())
    await say(database, other["id"], "你好", clock.now(), ordinal=1)
    await enroll(database, other["id"], clock.now(), due_at=clock.now())
    before = (await client.get(f"/api/contacts/{other['id']}")).json()
    await client.delete(f"/api/contacts/{contact_id}")
    assert (await client.get(f"/api/contacts/{other['id']}")).json() == before
    assert (
        await value(database, "SELECT content FROM follow_up_record WHERE contact_id = $1", other["id"]) == "王强您好"
    )
    assert await value(database, "SELECT count(*) FROM chat_message") == 1


async def test_an_erased_person_cannot_be_woken_up(
    client: httpx2.AsyncClient, database: Database, clock: ManualClock
) -> None:
    await client.delete(f"/api/contacts/{await fill(client, database, clock)}")
    by_phone = await new_contact(client, user_id="new", phone="138 0013 8000")
    by_user = await new_contact(client, user_id="zp-secret")
    stranger = await new_contact(client, user_id="stranger", phone="13900139000")
    assert [contact["do_not_contact"] for contact in (by_phone, by_user, stranger)] == [True, True, False]
    csv = "用户id,手机号\nimported,13800138000\nfree,13700137000\n".encode()
    report = (await client.post("/api/contacts/import", content=csv, headers={"Content-Type": "text/csv"})).json()
    assert (report["created"], report["updated"], report["error_count"]) == (1, 0, 1)
    refused = await client.delete(f"/api/contacts/{by_phone['id']}/do-not-contact")
    assert refused.status_code == 409
    assert (await client.put(f"/api/contacts/{stranger['id']}", json={"phone": PHONE})).json()["do_not_contact"] is True


async def test_a_reimport_of_an_erased_person_stays_protected(
    client: httpx2.AsyncClient, database: Database, clock: ManualClock
) -> None:
    await client.delete(f"/api/contacts/{await fill(client, database, clock)}")
    csv = b"phone,name\n13800138000,Lin\n13700137000,Wang\n"
    report = (await client.post("/api/contacts/import", content=csv, headers={"Content-Type": "text/csv"})).json()
    assert (report["created"], report["do_not_contact"]) == (2, 1)
    flags = await rows(database, "SELECT phone, do_not_contact FROM contact ORDER BY phone")
    assert [row["do_not_contact"] for row in flags] == [False, True]


async def test_the_same_person_on_another_channel_is_protected(
    client: httpx2.AsyncClient, database: Database, clock: ManualClock
) -> None:
    contact_id = await fill(client, database, clock)
    same = await new_contact(client, user_id="other-channel", phone=PHONE)
    await enroll(database, same["id"], clock.now(), due_at=clock.now())
    await client.delete(f"/api/contacts/{contact_id}")
    shown = (await client.get(f"/api/contacts/{same['id']}")).json()
    assert (shown["do_not_contact"], shown["state"], shown["phone"]) == (True, "stopped", PHONE)


async def test_two_erasures_use_one_key(client: httpx2.AsyncClient, database: Database) -> None:
    for _ in range(2):
        contact = await new_contact(client, phone=PHONE)
        await client.delete(f"/api/contacts/{contact['id']}")
    assert await value(database, "SELECT count(*) FROM secret") == 1
    # The phone was hashed to the same value both times; the two made-up users differ.
    assert await value(database, "SELECT count(*) FROM do_not_contact WHERE kind = 'hash'") == 3
