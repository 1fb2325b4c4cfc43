"""The do-not-contact list and the protection of single people."""

from http import HTTPStatus
from typing import Annotated

from fastapi import Body, Query

from app.repositories import protection as repository
from app.routers.actors import ActorDep
from app.routers.contacts import SearchQuery, shown
from app.routers.deps import ContextDep, PageDep, PathId, SessionDep
from app.routers.families import FamilyRouter
from app.routers.responses import problems
from app.routers.tags import Tag
from app.schemas.contacts import ContactOut
from app.schemas.protection import EntryKind, EntryPage, IdentifiersIn, ListingOut, ProtectIn
from app.services import protection as service
from app.services.protection import Wanted

router = FamilyRouter(prefix="/api", tags=[Tag.DO_NOT_CONTACT])

KindQuery = Annotated[EntryKind | None, Query(description="类型 (kind)")]


@router.post(
    "/contacts/{contact_id}/do-not-contact",
    status_code=HTTPStatus.CREATED,
    summary="设为勿扰 Protect a contact",
    responses=problems(HTTPStatus.NOT_FOUND),
)
async def protect_contact(
    contact_id: PathId,
    context: ContextDep,
    session: SessionDep,
    actor: ActorDep,
    body: Annotated[ProtectIn | None, Body()] = None,
) -> ContactOut:
    """此人及其全部标识不再被任何渠道主动联系;进行中的复聊立即停止,且不会恢复。Protects a person.

    Under every identifier: phone, bot and user id, WeChat ID, contact details found. Sequences
    stop at once and for good. Others who share an identifier are protected too.
    """
    await service.protect_contact(context, contact_id, note=body.reason if body else None, actor=actor)
    return ContactOut.model_validate(await shown(session, contact_id), from_attributes=True)


@router.delete(
    "/contacts/{contact_id}/do-not-contact",
    status_code=HTTPStatus.NO_CONTENT,
    summary="解除勿扰 Lift the protection of a contact",
    responses=problems(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT),
)
async def lift_contact(contact_id: PathId, context: ContextDep, actor: ActorDep) -> None:
    """解除勿扰并移除由此人带入名单的标识;已停止的复聊不会恢复。Lifts a protection.

    Takes off the list what came through this person. 409 where an identifier is listed for another reason; nothing is
    changed then. A stopped sequence is never started again by this.
    """
    await service.lift(context, contact_id, actor=actor)


@router.get("/do-not-contact", summary="勿扰名单 List the do-not-contact list", responses=problems())
async def list_entries(session: SessionDep, page: PageDep, q: SearchQuery = None, kind: KindQuery = None) -> EntryPage:
    """按最近列入在前。Entries, newest first; `q` searches identifiers and reasons."""
    total, rows = await repository.page(session, q=q, kind=kind, offset=page.offset, limit=page.size)
    return EntryPage.model_validate(
        {"total": total, "page": page.number, "page_size": page.size, "results": rows}, from_attributes=True
    )


@router.post(
    "/do-not-contact",
    status_code=HTTPStatus.CREATED,
    summary="批量列入勿扰 Add identifiers to the list",
    responses=problems(),
)
async def add_entries(body: IdentifiersIn, context: ContextDep, actor: ActorDep) -> ListingOut:
    """每次最多 10,000 个标识,逐个回答;与之匹配的联系人立即受保护。Adds identifiers.

    At most 10,000 identifiers, an answer for each in the same order. Everybody known under one of them is protected.
    """
    wanted = [Wanted(item.kind, item.value, item.reason) for item in body.identifiers]
    verdicts = await service.list_identifiers(context, wanted, actor=actor)
    sums = {
        status: sum(item.status == status for item in verdicts) for status in ("added", "already_listed", "refused")
    }
    return ListingOut.model_validate({**sums, "results": verdicts}, from_attributes=True)


@router.delete(
    "/do-not-contact/{entry_id}",
    status_code=HTTPStatus.NO_CONTENT,
    summary="移除名单条目 Remove an entry",
    responses=problems(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT),
)
async def remove_entry(entry_id: PathId, context: ContextDep, actor: ActorDep) -> None:
    """移除独立列入的条目;联系人自身的勿扰请在联系人处解除。Removes an entry.

    One that was listed by itself or is left of an erased person. 409 for one that belongs to a protected
    contact: lift it there. Contacts stay protected until they are lifted themselves.
    """
    await service.unlist(context, entry_id, actor=actor)
