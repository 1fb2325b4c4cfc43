"""Notices as operators see them, and the secrets that sign them."""

from collections.abc import Sequence

import asyncpg

from app.domain.urls import Reach, receiver_url
from app.errors import ConflictError, InvalidInputError, NotFoundError
from app.gateways.signing import new_secret
from app.repositories import agent_secrets
from app.repositories import call_notices as store
from app.services.agent.owners import Owner, writing
from app.services.agent.task_lookups import account_of, task_of
from app.services.context import Context


def reach_of(context: Context) -> Reach:
    """Return where notices may go, as the settings say."""
    settings = context.settings
    return Reach(frozenset(host.lower() for host in settings.notify_hosts), settings.notify_private)


def check_receiver(context: Context, url: str | None) -> None:
    """Refuse an address to which no notice may go, for who writes a task; what its name stands for is looked at later.

    Raises:
        InvalidInputError: 422 that names ``call_notify_url``.
    """
    if url is None:
        return
    try:
        receiver_url(url, reach_of(context))
    except ValueError as error:
        raise InvalidInputError(str(error), field=("body", "call_notify_url")) from None


async def page(
    context: Context, owner: Owner, task_id: int, *, status: str | None, offset: int, limit: int
) -> tuple[int, Sequence[asyncpg.Record]]:
    """Return how many notices a task has and a page of them; 404 where the account has no such task."""
    await task_of(context, owner, task_id)
    async with context.database.connection() as connection:
        return await store.page(connection, task_id, status, offset=offset, limit=limit)


async def resend(context: Context, owner: Owner, task_id: int, notice_id: int) -> asyncpg.Record:
    """Send a delivered or dead notice once more, under the same ``webhook-id``; 409 where it is being sent anyway."""
    await task_of(context, owner, task_id)
    async with context.database.transaction() as connection:
        notice = await store.lock(connection, task_id, notice_id)
        if notice is None:
            raise NotFoundError(f"任务 {task_id} 没有 id 为 {notice_id} 的回调 (the task has no such notice)")
        if notice["status"] == "pending":
            raise ConflictError(f"回调 {notice_id} 正在发送,无需重发 (it is being sent already)")
        await store.resend(connection, notice_id, context.clock.now())
        found = await store.lock(connection, task_id, notice_id)
    if found is None:
        raise NotFoundError(f"任务 {task_id} 没有 id 为 {notice_id} 的回调 (the task has no such notice)")
    return found


async def secret(context: Context, owner: Owner) -> str:
    """Return the secret that signs an account's notices, made when it is first asked for."""
    account_id = await account_of(context, owner)
    async with context.database.transaction() as connection:
        return await agent_secrets.ensure(connection, account_id, new_secret(), context.clock.now())


async def renew_secret(context: Context, owner: Owner) -> str:
    """Give an account another secret; what leaves from now on is signed with it, notices that are tried again too."""
    async with writing(context, owner) as (_, account):
        account.notify_secret = new_secret()
        account.updated_at = context.clock.now()
        return account.notify_secret
