"""Contact details that people gave."""

from http import HTTPStatus
from typing import Annotated

from fastapi import Query

from app.repositories import contact_records as repository
from app.routers.actors import ActorDep
from app.routers.deps import ContextDep, PageDep, PathId, QueryId, SessionDep
from app.routers.families import FamilyRouter
from app.routers.responses import problems
from app.routers.tags import Tag
from app.schemas.contacts import ContactRecordPage, DetailKind
from app.services import contact_records as service

router = FamilyRouter(prefix="/api/contact-records", tags=[Tag.CONTACT_RECORDS])


@router.get("", summary="联系方式列表 List contact details", responses=problems())
async def list_contact_records(
    session: SessionDep,
    page: PageDep,
    contact_id: QueryId = None,
    kind: Annotated[DetailKind | None, Query(description="类型 (kind)")] = None,
) -> ContactRecordPage:
    """从聊天中识别出的联系方式,最新在前。Details found in chats, newest first."""
    total, rows = await repository.page(session, contact_id=contact_id, kind=kind, offset=page.offset, limit=page.size)
    return ContactRecordPage.model_validate(
        {"total": total, "page": page.number, "page_size": page.size, "results": rows}, from_attributes=True
    )


@router.delete(
    "/{record_id}",
    status_code=HTTPStatus.NO_CONTENT,
    summary="撤销联系方式 Undo a contact detail",
    responses=problems(HTTPStatus.NOT_FOUND),
)
async def undo_contact_record(record_id: PathId, context: ContextDep, actor: ActorDep) -> None:
    """撤销误识别的联系方式;已转化的复聊状态不变。Undoes a wrong detail.

    The state of a converted enrollment stays.
    """
    await service.undo(context, record_id, actor=actor)
