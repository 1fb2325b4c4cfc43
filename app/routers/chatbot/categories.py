"""``…/faq/categories``: the tree of categories."""

from typing import Annotated, Any

from fastapi import Path

from app.repositories import faq_categories
from app.repositories.faq_categories import CategoryTree
from app.routers.chatbot.door import BotDep
from app.routers.chatbot.part import Part
from app.routers.deps import ContextDep
from app.schemas.chatbot.base import Answer, ok
from app.schemas.chatbot.faq import NodeChange, NodeIn, NodeMade, NodeOut
from app.schemas.common import Storable
from app.services.chatbot import categories

part = Part()

NodePath = Annotated[
    Storable, Path(alias="categoryId", min_length=1, max_length=64, description="分类标识 (category id)")
]


@part.operation(
    "POST /faq/categories",
    Answer[NodeMade],
    "创建知识库分类 Make a category",
    "同级同名时 rc 2。rc 2 where there is one of this name beside it.",
)
async def add(body: NodeIn, context: ContextDep, bot: BotDep) -> dict[str, Any]:
    """Make a category."""
    value, tree = await categories.add(context, bot["id"], body.label, body.parent_id)
    return ok({"value": value, "categories": _nodes(tree)})


@part.operation(
    "GET /faq/categories", Answer[list[NodeOut]], "获取知识库分类信息 Read the categories", "树状结构。The whole tree."
)
async def read(context: ContextDep, bot: BotDep) -> dict[str, Any]:
    """Read the tree of categories."""
    async with context.database.connection() as connection:
        return ok(_nodes(await faq_categories.load(connection, bot["id"])))


@part.operation(
    "PUT /faq/categories",
    Answer[list[NodeOut]],
    "更新知识库分类 Rename a category",
    "返回整棵树。Answers the whole tree.",
)
async def rename(body: NodeChange, context: ContextDep, bot: BotDep) -> dict[str, Any]:
    """Rename a category."""
    return ok(_nodes(await categories.rename(context, bot["id"], body.value, body.label)))


@part.operation(
    "DELETE /faq/categories/{categoryId}",
    Answer[list[NodeOut]],
    "删除知识库分类 Delete a category",
    "连同下级分类;其中的问答对保留,变为无分类。With those below; entries in it stay, in no category.",
)
async def remove(category_id: NodePath, context: ContextDep, bot: BotDep) -> dict[str, Any]:
    """Delete a category."""
    return ok(_nodes(await categories.remove(context, bot["id"], category_id)))


def _nodes(tree: CategoryTree, parent_id: int | None = None) -> list[dict[str, Any]]:
    nodes: list[dict[str, Any]] = []
    for category in tree.children(parent_id):
        node: dict[str, Any] = {"value": category.value, "label": category.label}
        below = _nodes(tree, category.id)
        nodes.append(node | {"children": below} if below else node)
    return nodes
