"""The agent family: accounts, what they own, and what a new task can be made of."""

from app.routers.agent import (
    accounts,
    bridge_groups,
    dial_times,
    imports,
    intentions,
    lines,
    notices,
    numbers,
    outbound_groups,
    records,
    rules,
    seats,
    summary,
    task_init,
    tasks,
)

routers = (
    task_init.router,
    imports.router,
    numbers.router,
    tasks.router,
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
