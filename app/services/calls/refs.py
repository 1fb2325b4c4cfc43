"""A call as the provider is asked about it."""

from app.gateways.dialer import CallRef
from app.repositories.calls import Row
from app.services.calls.source import Said


def ref_of(row: Row, said: Said | None = None) -> CallRef:
    """Read a call from its row; ``said``: what it was placed with, where that is wanted."""
    return CallRef(
        job_id=row["job_id"],
        phone=row["phone"],
        instance_id=row["instance_id"],
        provider_job_id=row["provider_job_id"],
        job_group_id=row["job_group_id"],
        provider_task_id=row["provider_task_id"],
        created_at=row["created_at"],
        placed_at=row["placed_at"],
        cancel_requested_at=row["cancel_requested_at"],
        script_id=row["script_id"],
        name=said.name if said else "",
        honorific=said.honorific if said else None,
        variables=said.words if said else {},
    )
