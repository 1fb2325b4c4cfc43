"""Calls that are over, and what became of their recordings."""

from datetime import timedelta
from pathlib import Path
from typing import Any

from app.config import Settings
from app.gateways.dialer import Dialer
from app.gateways.recordings.folder import FolderStore
from app.services.calls import recordings
from app.services.context import Context


async def add_call(context: Context, phone: str = "+8613800009001", number: int = 1, **fields: Any) -> tuple[int, str]:
    """Write a call that was over five minutes after it was made, which is now; its recording is due."""
    made_at = context.clock.now() - timedelta(minutes=5)
    job_id = f"{int(made_at.timestamp() * 1000)}-4d90-ab26-{number:012x}"
    values: dict[str, Any] = {
        "job_id": job_id,
        "provider": "simulator",
        "placement": "placed",
        "status": "Succeeded",
        "instance_id": "simulator",
        "script_id": "follow_up",
        "call_type": "follow_up",
        "phone": phone,
        "is_automatic": True,
        "created_at": made_at,
        "gives_up_at": context.clock.now(),
        "ended_at": context.clock.now(),
        "recording_state": "pending",
        "recording_due_at": context.clock.now(),
    } | fields
    names, marks = ", ".join(values), ", ".join(f"${place}" for place in range(1, len(values) + 1))
    async with context.database.connection() as connection:
        call_id: int = await connection.fetchval(
            f"INSERT INTO outbound_call ({names}) VALUES ({marks}) RETURNING id", *values.values()
        )
    return call_id, values["job_id"]


async def state_of(context: Context, call_id: int) -> tuple[str, int | None, Any]:
    async with context.database.connection() as connection:
        row = await connection.fetchrow(
            "SELECT recording_state, recording_bytes, recording_due_at FROM outbound_call WHERE id = $1", call_id
        )
    return row["recording_state"], row["recording_bytes"], row["recording_due_at"]


async def link(context: Context, job_id: str, base: str = "http://localhost") -> str:
    async with context.database.connection() as connection:
        return (await recordings.links(context, connection, base)).link_for(job_id)


def files(settings: Settings) -> list[Path]:
    return [path for path in (settings.data_dir / "recordings").rglob("*") if path.is_file()]


async def kept(context: Context, dialer: Dialer, store: FolderStore) -> tuple[int, str]:
    call_id, job_id = await add_call(context)
    assert await recordings.copy_due(context, dialer, store) == 1
    return call_id, job_id
