"""People for tests, written straight into the tables: enrollments, sends, details, messages."""

import uuid
from datetime import datetime
from typing import Any

import httpx2

from app.repositories.database import Database


async def new_contact(client: httpx2.AsyncClient, **fields: Any) -> dict[str, Any]:
    """Create a contact through the API and return it."""
    response = await client.post("/api/contacts", json=fields)
    assert response.status_code == 201, response.text
    created: dict[str, Any] = response.json()
    return created


async def enroll(
    database: Database,
    contact_id: int,
    now: datetime,
    *,
    state: str = "active",
    reason: str | None = "interval",
    due_at: datetime | None = None,
) -> int:
    """Write an enrollment as the engine leaves it; returns its id."""
    async with database.transaction() as connection:
        enrollment_id: int = await connection.fetchval(
            "INSERT INTO follow_up_enrollment (contact_id, bot_id, state, reason, due_at, enrolled_at)"
            " SELECT id, bot_id, $2, $3, $4, $5 FROM contact WHERE id = $1 RETURNING id",
            contact_id,
            state,
            reason,
            due_at,
            now,
        )
    return enrollment_id


async def send(database: Database, contact_id: int, content: str, at: datetime, **fields: Any) -> int:
    """Write a record of a sent message; returns its id."""
    async with database.transaction() as connection:
        record_id: int = await connection.fetchval(
            "INSERT INTO follow_up_record (bot_id, contact_id, kind, status, key, content, reserved_at, sent_at,"
            " got_reply, reply_content, error) VALUES (1, $1, 'manual', $2, $3, $4, $5, $5, $6, $7, $8) RETURNING id",
            contact_id,
            fields.get("status", "sent"),
            uuid.uuid4(),
            content,
            at,
            fields.get("reply") is not None,
            fields.get("reply"),
            fields.get("error"),
        )
    return record_id


async def say(
    database: Database, contact_id: int, text: str, at: datetime, *, ordinal: int, record_id: int | None = None
) -> int:
    """Write a message of a person's history, ours where it carries a record; returns its id."""
    async with database.transaction() as connection:
        message_id: int = await connection.fetchval(
            "INSERT INTO chat_message (bot_id, contact_id, ordinal, direction, text, record_id, sent_at, created_at)"
            " VALUES (1, $1, $2, $3, $4, $5, $6, $6) RETURNING id",
            contact_id,
            ordinal,
            "outbound" if record_id else "inbound",
            text,
            record_id,
            at,
        )
    return message_id


async def add_detail(database: Database, contact_id: int, kind: str, value: str, at: datetime) -> int:
    """Write a contact detail; returns its id."""
    async with database.transaction() as connection:
        record_id: int = await connection.fetchval(
            "INSERT INTO contact_record (contact_id, kind, value, rule, confidence, created_at)"
            " VALUES ($1, $2, $3, 'wechat_cue', 0.98, $4) RETURNING id",
            contact_id,
            kind,
            value,
            at,
        )
    return record_id


async def rows(database: Database, statement: str, *arguments: Any) -> list[dict[str, Any]]:
    """Return the rows of a statement as dictionaries."""
    async with database.connection() as connection:
        return [dict(row) for row in await connection.fetch(statement, *arguments)]


async def value(database: Database, statement: str, *arguments: Any) -> Any:
    """Return the first value of a statement."""
    async with database.connection() as connection:
        return await connection.fetchval(statement, *arguments)


async def execute(database: Database, statement: str, *arguments: Any) -> None:
    """Run a statement that returns nothing."""
    async with database.transaction() as connection:
        await connection.execute(statement, *arguments)


async def everything(database: Database) -> str:
    """Every row of every table as one text."""
    tables = await rows(
        database, "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public' ORDER BY 1"
    )
    texts = [
        str(await value(database, f"SELECT string_agg(t::text, E'\\n') FROM \"{row['table_name']}\" t"))
        for row in tables
    ]
    return "\n".join(texts)
