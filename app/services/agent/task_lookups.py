"""Tasks of an account, for who only wants to know that there is one."""

import asyncpg

from app.errors import NotFoundError
from app.repositories import task_records
from app.services.agent.owners import Owner, reading
from app.services.context import Context


async def account_of(context: Context, owner: Owner) -> str:
    """Return the id of the account that is operated on; 404 where there is none."""
    async with reading(context, owner) as (_, account):
        return account.id


async def task_of(context: Context, owner: Owner, task_id: int) -> asyncpg.Record:
    """Return a task of an account, ``id, name``; 404 where the account has no such task."""
    account_id = await account_of(context, owner)
    async with context.database.connection() as connection:
        task = await task_records.task(connection, account_id, task_id)
    if task is None:
        raise NotFoundError(f"账户 {account_id} 没有 id 为 {task_id} 的任务 (task) (the account has no such thing)")
    return task
