"""The tree of FAQ categories: made by name, renamed, deleted."""

from collections.abc import Sequence

import asyncpg

from app.errors import ConflictError, InvalidInputError, NotFoundError
from app.repositories import faq, faq_categories
from app.repositories.faq_categories import Category, CategoryTree
from app.services.context import Context
from app.services.transactions import in_transaction

MOST = 2000
"""Categories of one bot: the tree travels whole."""
DEEPEST = 8


async def add(context: Context, bot_id: int, label: str, parent: str | None) -> tuple[str, CategoryTree]:
    """Make a category, at the top or under another one; returns its id and the tree."""
    value = context.ids.token()

    async def work(connection: asyncpg.Connection) -> CategoryTree:
        await faq.bump(connection, bot_id)
        tree = await faq_categories.load(connection, bot_id)
        above = None if parent is None else known(tree, parent).id
        await _make(connection, bot_id, tree, above, value, label)
        return await faq_categories.load(connection, bot_id)

    return value, await in_transaction(context, work)


async def rename(context: Context, bot_id: int, value: str, label: str) -> CategoryTree:
    """Rename a category; returns the tree."""

    async def work(connection: asyncpg.Connection) -> CategoryTree:
        await faq.bump(connection, bot_id)
        tree = await faq_categories.load(connection, bot_id)
        category = known(tree, value)
        if any(other.label == label and other is not category for other in tree.children(category.parent_id)):
            raise _taken()
        await faq_categories.rename(connection, category.id, label)
        return await faq_categories.load(connection, bot_id)

    return await in_transaction(context, work)


async def remove(context: Context, bot_id: int, value: str) -> CategoryTree:
    """Delete a category with everything under it; its entries stay, in no category."""

    async def work(connection: asyncpg.Connection) -> CategoryTree:
        await faq.bump(connection, bot_id)
        tree = await faq_categories.load(connection, bot_id)
        await faq_categories.delete(connection, known(tree, value).id)
        return await faq_categories.load(connection, bot_id)

    return await in_transaction(context, work)


async def grow_path(
    connection: asyncpg.Connection, context: Context, bot_id: int, tree: CategoryTree, labels: Sequence[str]
) -> int:
    """Return the category at the end of a path of names; what is missing of it is made. The bot's row is locked."""
    above: int | None = None
    for label in labels:
        found = None
        if above is None or above in tree.by_id:
            found = next((child.id for child in tree.children(above) if child.label == label), None)
        above = found or await _make(connection, bot_id, tree, above, context.ids.token(), label, len(labels))
    assert above is not None  # noqa: S101 - there is one label at least
    return above


def path_of_values(tree: CategoryTree, values: Sequence[str]) -> int | None:
    """Return the category that ids name, as the way from the top or by itself; None where there is none such."""
    category = tree.by_value.get(values[-1])
    if category is None:
        return None
    path = [step.value for step in tree.path(category.id)]
    return category.id if list(values) in (path, path[-1:]) else None


async def _make(
    connection: asyncpg.Connection,
    bot_id: int,
    tree: CategoryTree,
    above: int | None,
    value: str,
    label: str,
    depth: int | None = None,
) -> int:
    if len(tree.by_id) >= MOST:
        raise InvalidInputError(f"分类最多 {MOST} 个 (a bot has {MOST} categories at most)")
    if (len(tree.path(above)) + 1 if depth is None else depth) > DEEPEST:
        raise InvalidInputError(f"分类最多 {DEEPEST} 级 (categories are {DEEPEST} levels deep at most)")
    made = await faq_categories.insert(connection, bot_id, above, value, label)
    if made is None:
        raise _taken()
    return made


def known(tree: CategoryTree, value: str) -> Category:
    """Return a category by its id on the wire; raises ``NotFoundError``."""
    category = tree.by_value.get(value)
    if category is None:
        raise NotFoundError("没有这个分类 (no such category)")
    return category


def _taken() -> ConflictError:
    return ConflictError("同级已有同名分类 (there is a category of this name beside it)")
