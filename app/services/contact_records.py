"""Undoing a contact detail that was found wrongly."""

import asyncpg

from app.errors import NotFoundError
from app.repositories import audit
from app.repositories import contact_records as repository
from app.services.context import Context
from app.services.transactions import in_transaction


async def undo(context: Context, record_id: int, *, actor: str) -> None:
    """Delete a contact detail and write who did; the state of a converted enrollment stays."""
    now = context.clock.now()

    async def work(connection: asyncpg.Connection) -> None:
        row = await repository.delete(connection, record_id)
        if row is None:
            raise NotFoundError(f"没有 id 为 {record_id} 的联系方式 (no contact record {record_id})")
        facts = {"record_id": record_id, "kind": row["kind"], "rule": row["rule"], "message_id": row["message_id"]}
        entry = audit.Entry(row["contact_id"], detail=facts)
        await audit.write(connection, now, actor=actor, action="detail_undone", entries=[entry])

    await in_transaction(context, work)
