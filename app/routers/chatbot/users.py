"""``…/users``: who spoke with the bot, whether they are muted, their profiles."""

from typing import Annotated, Any

import asyncpg
from fastapi import Path, Request

from app.routers.chatbot import paging
from app.routers.chatbot.door import ActorDep, BotDep
from app.routers.chatbot.part import Part
from app.routers.deps import ContextDep
from app.routers.queries import Query
from app.schemas.chatbot.base import DONE, MAX_USER_ID, NOT_BLANK, Answer, Done, Empty, Paged, ok
from app.schemas.chatbot.users import MessageIn, MuteOut, ProfileIn, ProfileOut, UserOut, UsersQuery, WrittenOut
from app.schemas.common import Storable
from app.services.chatbot import users

part = Part()
_users = Query(UsersQuery)

UserPath = Annotated[
    Storable,
    Path(
        alias="userId",
        min_length=1,
        max_length=MAX_USER_ID,
        pattern=NOT_BLANK,
        description="用户唯一标识,特殊字符需百分号编码 (the user's id, percent-encoded)",
        examples=["postman9"],
    ),
]
USER = "/users/{userId:path}"


@part.operation(
    "GET /users",
    Paged[UserOut],
    "获取用户列表 List users",
    "与机器人有过消息往来或被屏蔽的用户,最近沟通的在前。People with a message or a mute, the latest to speak first.",
    openapi_extra=_users.documentation,
)
async def list_users(request: Request, context: ContextDep, bot: BotDep) -> dict[str, Any]:
    """List the users of a bot."""
    wanted = _users.read(request)
    if wanted.cursor is not None:
        after = paging.read_user_place(wanted.cursor)
        walk = await users.walk_users(context, bot["id"], wanted.sortby, after, wanted.limit)
        key = "lasttime" if wanted.sortby.endswith("lasttime") else "seen_at"
        place = [walk.rows[-1][key].isoformat(), walk.rows[-1]["id"]] if walk.rows else []
        return paging.walked(walk, map(_user, walk.rows), place)
    listing = await users.list_users(context, bot["id"], limit=wanted.limit, page=wanted.page, order=wanted.sortby)
    return paging.paged(listing, map(_user, listing.rows))


@part.operation(
    f"POST {USER}/mute",
    Answer[Empty],
    "屏蔽用户 Mute a user",
    "立即停止机器人与复聊对该用户的消息;可以在第一条消息之前屏蔽。"
    "Stops bot and follow-ups for this user at once; may come before the first message.",
)
async def mute(user_id: UserPath, context: ContextDep, bot: BotDep, actor: ActorDep) -> dict[str, Any]:
    """Mute a user."""
    await users.mute(context, bot["id"], user_id, actor=actor)
    return ok({})


@part.operation(
    f"POST {USER}/unmute", Answer[Empty], "取消屏蔽 Unmute a user", "用户不存在时 rc 3。rc 3 for an unknown user."
)
async def unmute(user_id: UserPath, context: ContextDep, bot: BotDep, actor: ActorDep) -> dict[str, Any]:
    """Lift a mute."""
    await users.unmute(context, bot["id"], user_id, actor=actor)
    return ok({})


@part.operation(
    f"POST {USER}/ismute", Answer[MuteOut], "是否被屏蔽 Whether a user is muted", "返回 data.mute。Answers data.mute."
)
async def is_muted(user_id: UserPath, context: ContextDep, bot: BotDep) -> dict[str, Any]:
    """Tell whether a user is muted."""
    return ok({"mute": (await users.find(context, bot["id"], user_id))["muted"]})


@part.operation(
    f"GET {USER}/profile",
    Answer[ProfileOut],
    "获取用户画像信息 Read a profile",
    "用户不存在时 rc 3。rc 3 for an unknown user.",
)
async def read_profile(user_id: UserPath, context: ContextDep, bot: BotDep) -> dict[str, Any]:
    """Read a user's profile."""
    return ok(_profile(await users.find(context, bot["id"], user_id)))


@part.operation(
    f"PUT {USER}/profile",
    Answer[ProfileOut],
    "合并用户画像 Merge into a profile",
    "只修改给出的字段,null 删除该字段。Changes the fields that are given; null removes one.",
)
async def merge_profile(
    user_id: UserPath, body: ProfileIn, context: ContextDep, bot: BotDep, actor: ActorDep
) -> dict[str, Any]:
    """Merge fields into a user's profile."""
    card = {"name": body.name} if "name" in body.model_fields_set else {}
    return ok(_profile(await users.merge_profile(context, bot["id"], user_id, body.profile, card, actor=actor)))


@part.operation(
    f"DELETE {USER}",
    Done,
    "删除用户 Erase a user",
    "删除该用户的资料与全部消息,不可恢复;之后不会再主动联系此人。"
    "Erases the user's data everywhere, for good; nobody will reach out to this person again.",
)
async def erase(user_id: UserPath, context: ContextDep, bot: BotDep, actor: ActorDep) -> dict[str, Any]:
    """Erase a user."""
    await users.erase(context, bot["id"], user_id, actor=actor)
    return DONE


@part.operation(
    f"POST {USER}/messages",
    Answer[WrittenOut],
    "人工发送消息 Write as an operator",
    "以人工客服身份发送,自动消息暂停一段时间;被屏蔽的用户也可以发送,免打扰的不可以 (rc 2)。"
    "Automation rests for a while; muted people can be written to, those who must not be contacted cannot (rc 2).",
)
async def write(
    user_id: UserPath, body: MessageIn, context: ContextDep, bot: BotDep, actor: ActorDep
) -> dict[str, Any]:
    """Write to a user by hand."""
    record, moment = await users.write_by_hand(context, bot["id"], user_id, body.text_message, actor=actor)
    return ok({"textMessage": record["content"], "status": record["status"], "created": moment})


def _user(row: asyncpg.Record) -> dict[str, Any]:
    return {"userId": row["user_id"], "lasttime": row["lasttime"], "created": row["seen_at"]}


def _profile(row: asyncpg.Record) -> dict[str, Any]:
    return {
        "userId": row["user_id"],
        "name": row["name"],
        "lasttime": row["lasttime"],
        "created": row["seen_at"],
        "profile": row["profile"],
        "mute": row["muted"],
    }
