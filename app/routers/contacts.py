"""People: cards, import, history, mute, erasure."""

from http import HTTPStatus
from typing import Annotated, Any

from fastapi import Query, Request
from pydantic import StringConstraints

from app.errors import NotFoundError
from app.repositories import contacts as repository
from app.repositories import timeline
from app.routers import cursors
from app.routers.actors import ActorDep
from app.routers.deps import ContextDep, PageDep, PathId, SessionDep
from app.routers.families import FamilyRouter
from app.routers.files import check_file, parts
from app.routers.responses import problems
from app.routers.tags import Tag
from app.schemas.common import Storable
from app.schemas.contacts import (
    ContactCreate,
    ContactCreated,
    ContactOut,
    ContactPage,
    ContactUpdate,
    ImportOut,
    State,
    TimelineOut,
)
from app.services import contacts as service
from app.services import csv_import, erasure
from app.services.contacts import NewContact

router = FamilyRouter(prefix="/api/contacts", tags=[Tag.CONTACTS])

LISTED_NOTICE = "该联系人在勿扰名单上,不会被主动联系 (on the do-not-contact list: no channel will reach out)"
_CSV = "user_id,姓名,岗位,手机号,备注\nzhaopin-20931,林晓,Python开发,13800138000,工作日晚上方便\n"
_CSV_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "CSV 文件本身,UTF-8 或 GB18030 (the file itself, UTF-8 or GB18030)",
        "content": {"text/csv": {"schema": {"type": "string"}, "example": _CSV}},
    }
}

SearchQuery = Annotated[
    Annotated[Storable, StringConstraints(max_length=128)] | None,
    Query(description="在姓名、电话、用户 id、备注中查找 (searched in name, phone, user id, note)", examples=["林"]),
]
PositionQuery = Annotated[
    Annotated[Storable, StringConstraints(max_length=64)] | None,
    Query(description="岗位,全角半角与大小写不计 (position, whatever its case and width)", examples=["Python开发"]),
]
StateQuery = Annotated[
    State | None, Query(description="最近一次复聊的状态,none 为从未加入 (state of the newest enrollment, or none)")
]


async def shown(session: SessionDep, contact_id: int) -> Any:
    """Return a person as lists show them; 404 where there is none."""
    row = await repository.get(session, contact_id)
    if row is None:
        raise NotFoundError(f"没有 id 为 {contact_id} 的联系人 (no contact {contact_id})")
    return row


@router.get("", summary="联系人列表 List contacts", responses=problems())
async def list_contacts(
    session: SessionDep,
    page: PageDep,
    q: SearchQuery = None,
    position: PositionQuery = None,
    state: StateQuery = None,
) -> ContactPage:
    """按最近创建在前列出联系人。People, newest first."""
    filters = repository.Filters(q, position, state)
    total, rows = await repository.page(session, filters, offset=page.offset, limit=page.size)
    return ContactPage.model_validate(
        {"total": total, "page": page.number, "page_size": page.size, "results": rows}, from_attributes=True
    )


@router.post(
    "", status_code=HTTPStatus.CREATED, summary="新建联系人 Create a contact", responses=problems(HTTPStatus.CONFLICT)
)
async def create_contact(
    body: ContactCreate, context: ContextDep, session: SessionDep, actor: ActorDep
) -> ContactCreated:
    """新建联系人;标识在勿扰名单上的,建成后即受保护。Writes a person down.

    Without `user_id` one is made that nobody can guess. Whoever is on the do-not-contact list is
    created with `do_not_contact: true`, and `notice` says so. 409 names the contact who has this user id already.
    """
    contact_id, is_listed = await service.create(context, NewContact(**dict(body)), actor=actor)
    created = ContactCreated.model_validate(await shown(session, contact_id), from_attributes=True)
    created.notice = LISTED_NOTICE if is_listed else None
    return created


@router.post(
    "/import",
    status_code=HTTPStatus.CREATED,
    summary="导入 CSV Import a CSV file",
    openapi_extra=_CSV_BODY,
    responses=problems(),
)
async def import_contacts(
    request: Request,
    context: ContextDep,
    actor: ActorDep,
    dry_run: Annotated[bool, Query(description="仅预演,不写入 (count only, write nothing)")] = False,
) -> ImportOut:
    """边上传边导入;先按(渠道, 用户 id)匹配,再按电话匹配,有歧义的行会报错,其余照常导入。Imports as it arrives.

    `curl -H 'Content-Type: text/csv' --data-binary @contacts.csv http://localhost:8000/api/contacts/import`

    Columns: `bot` `user_id` `name`/姓名 `position`/岗位 `phone`/手机号 `note`/备注, in any order, separated by comma,
    semicolon or tab. A line is matched by (bot, user_id), then by phone. Empty cells leave what is known. Broken and
    ambiguous lines are reported by number and all others imported, 1,000 at a time.
    """
    check_file(request)
    report = await csv_import.run(context, parts(request), actor=actor, dry_run=dry_run)
    errors = [{"line": line, "error": error} for line, error in report.errors]
    return ImportOut.model_validate(
        {name: getattr(report, name) for name in ImportOut.model_fields} | {"errors": errors}
    )


@router.get("/{contact_id}", summary="联系人详情 Read a contact", responses=problems(HTTPStatus.NOT_FOUND))
async def get_contact(contact_id: PathId, session: SessionDep) -> ContactOut:
    """联系人的档案与当前状态。A person's card and state."""
    return ContactOut.model_validate(await shown(session, contact_id), from_attributes=True)


@router.put(
    "/{contact_id}",
    summary="修改联系人 Change a contact",
    responses=problems(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT),
)
async def update_contact(
    contact_id: PathId, body: ContactUpdate, context: ContextDep, session: SessionDep, actor: ActorDep
) -> ContactOut:
    """未给出的字段保持不变,null 表示清空;补全变量后,因缺少变量而停住的复聊会立即继续。Changes a card.

    A missing field stays, null empties it. A sequence that stood still for want of a name or position goes on. A new
    phone or user id is held against the do-not-contact list.
    """
    await service.update(context, contact_id, body.model_dump(exclude_unset=True), actor=actor)
    return ContactOut.model_validate(await shown(session, contact_id), from_attributes=True)


@router.delete(
    "/{contact_id}",
    status_code=HTTPStatus.NO_CONTENT,
    summary="抹除联系人 Erase a contact",
    responses=problems(HTTPStatus.NOT_FOUND),
)
async def erase_contact(contact_id: PathId, context: ContextDep, actor: ActorDep) -> None:
    """抹除此人的全部数据,只保留计数;其标识以加盐散列留在勿扰名单上,重新导入也不会再被联系。Erases a person.

    All data goes, counts stay. Salted hashes of their identifiers stay on the do-not-contact
    list. Contacts who share an identifier are the same person on another channel and become do-not-contact.
    """
    await erasure.erase(context, contact_id, actor=actor)


@router.get("/{contact_id}/timeline", summary="时间线 Timeline", responses=problems(HTTPStatus.NOT_FOUND))
async def get_timeline(
    contact_id: PathId,
    context: ContextDep,
    cursor: Annotated[
        str | None, Query(max_length=200, description="上一段返回的 next_cursor (next_cursor of the answer before)")
    ] = None,
    limit: Annotated[int, Query(ge=1, le=500, description="条数 (how many entries)")] = 50,
) -> TimelineOut:
    """消息、发送、通话、联系方式与决定,最新在前。Messages, sends, calls, contact details, decisions, newest first."""
    before = cursors.decode(cursor)
    async with context.database.connection() as connection:
        rows = await timeline.read(connection, contact_id, before=before, limit=limit + 1)
    if rows is None:
        raise NotFoundError(f"没有 id 为 {contact_id} 的联系人 (no contact {contact_id})")
    results = [{"type": row["type"], "id": row["id"], "at": row["at"], **row["data"]} for row in rows[:limit]]
    return TimelineOut.model_validate({"results": results, "next_cursor": cursors.after(rows, limit)})


@router.post(
    "/{contact_id}/mute",
    status_code=HTTPStatus.CREATED,
    summary="静音 Mute",
    responses=problems(HTTPStatus.NOT_FOUND),
)
async def mute_contact(contact_id: PathId, context: ContextDep, session: SessionDep, actor: ActorDep) -> ContactOut:
    """暂不自动发消息;复聊停在原处。No automatic messages until unmuted; the sequence stands still."""
    await service.set_muted(context, contact_id, True, actor=actor)
    return ContactOut.model_validate(await shown(session, contact_id), from_attributes=True)


@router.post(
    "/{contact_id}/unmute",
    status_code=HTTPStatus.CREATED,
    summary="取消静音 Unmute",
    responses=problems(HTTPStatus.NOT_FOUND),
)
async def unmute_contact(contact_id: PathId, context: ContextDep, session: SessionDep, actor: ActorDep) -> ContactOut:
    """取消静音,复聊从原处继续。Lifts the mute; the sequence goes on from where it stands."""
    await service.set_muted(context, contact_id, False, actor=actor)
    return ContactOut.model_validate(await shown(session, contact_id), from_attributes=True)


@router.post(
    "/{contact_id}/chat-link",
    status_code=HTTPStatus.CREATED,
    summary="更换网页聊天链接 Renew the web chat link",
    responses=problems(HTTPStatus.NOT_FOUND),
)
async def renew_chat_link(contact_id: PathId, context: ContextDep, session: SessionDep, actor: ActorDep) -> ContactOut:
    """旧链接立即失效,新链接见 chat_url。The link before stops working at once; the new one is the chat_url."""
    await service.renew_chat(context, contact_id, actor=actor)
    return ContactOut.model_validate(await shown(session, contact_id), from_attributes=True)
