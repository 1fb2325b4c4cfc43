"""The agent family: accounts, what they own, and what a new task can be made of."""

from app.routers.agent import (
    accounts,
    bridge_groups,
    dial_times,
    intentions,
    lines,
    notices,
    outbound_groups,
    records,
    rules,
    seats,
    summary,
    task_init,
)

routers = (
    task_init.router,
    lines.router,
    dial_times.router,
    outbound_groups.router,
    bridge_groups.router,
    seats.router,
    rules.router,
    intentions.router,
    records.router,
    summary.router,
    notices.router,
    notices.secrets,
    accounts.router,
)

__all__ = ["routers"]
