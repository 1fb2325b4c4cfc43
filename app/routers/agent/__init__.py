"""The agent family: accounts, what they own, and what a new task can be made of."""

from app.routers.agent import (
    accounts,
    bridge_groups,
    dial_times,
    imports,
    intentions,
    lines,
    numbers,
    outbound_groups,
    rules,
    seats,
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
    accounts.router,
)

__all__ = ["routers"]
