"""The tree of categories of a bot's FAQ base, small enough to be read whole."""

from dataclasses import dataclass

import asyncpg


@dataclass(frozen=True, slots=True)
class Category:
    """A node of the tree; ``value`` is its id on the wire."""

    id: int
    parent_id: int | None
    value: str
    label: str


class CategoryTree:
    """All categories of a bot, in the order in which they were made."""

    def __init__(self, categories: list[Category]) -> None:
        self.by_id = {category.id: category for category in categories}
        self.by_value = {category.value: category for category in categories}
        self._children: dict[int | None, list[Category]] = {}
        for category in categories:
            self._children.setdefault(category.parent_id, []).append(category)

    def children(self, parent_id: int | None) -> list[Category]:
        """Return what stands right under a category, or at the top."""
        return self._children.get(parent_id, [])

    def path(self, category_id: int | None) -> list[Category]:
        """Return the categories from the top to this one."""
        path: list[Category] = []
        while category_id is not None:
            category = self.by_id[category_id]
            path.append(category)
            category_id = category.parent_id
        return path[::-1]

    def branch(self, category_id: int) -> list[int]:
        """Return a category and everything under it."""
        return [category_id, *(below for child in self.children(category_id) for below in self.branch(child.id))]


async def load(connection: asyncpg.Connection, bot_id: int) -> CategoryTree:
    """Read the tree of a bot."""
    rows = await connection.fetch(
        "SELECT id, parent_id, value, label FROM faq_category WHERE bot_id = $1 ORDER BY id", bot_id
    )
    return CategoryTree([Category(row["id"], row["parent_id"], row["value"], row["label"]) for row in rows])


async def insert(
    connection: asyncpg.Connection, bot_id: int, parent_id: int | None, value: str, label: str
) -> int | None:
    """Write a category and return its id; None where its parent has one of this name."""
    category_id: int | None = await connection.fetchval(
        """
        INSERT INTO faq_category (bot_id, parent_id, value, label) VALUES ($1, $2, $3, $4)
        ON CONFLICT (bot_id, coalesce(parent_id, 0), label) DO NOTHING RETURNING id
        """,
        bot_id,
        parent_id,
        value,
        label,
    )
    return category_id


async def rename(connection: asyncpg.Connection, category_id: int, label: str) -> None:
    """Rename a category."""
    await connection.execute("UPDATE faq_category SET label = $2 WHERE id = $1", category_id, label)


async def delete(connection: asyncpg.Connection, category_id: int) -> None:
    """Delete a category with everything under it; entries that were in it are in none."""
    await connection.execute("DELETE FROM faq_category WHERE id = $1", category_id)
