"""``/api/v1/mediation/cases``: the cases that calls are about."""

from http import HTTPStatus
from typing import Annotated, Any

import asyncpg
from fastapi import Path, Request

from app.domain.dialing.numbers import is_dialable
from app.domain.identifiers import masked_phone, national_phone
from app.repositories import call_log
from app.repositories.call_log import Reader
from app.repositories.cases import CaseFilter
from app.routers.actors import ActorDep
from app.routers.deps import ContextDep
from app.routers.families import FamilyRouter
from app.routers.outbound.responses import refusals
from app.routers.queries import Query
from app.routers.tags import Tag
from app.schemas.outbound import Envelope, answered
from app.schemas.outbound.base import CaseId, local_moment, local_or_none
from app.schemas.outbound.cases import Agreement, CaseCreate, CaseOut, CasePage, CaseQuery, CaseUpdate
from app.services import cases as service
from app.services.cases import CaseView, NewCase, NewParty
from app.services.context import Context

router = FamilyRouter(prefix="/api/v1/mediation/cases", tags=[Tag.MEDIATION])
_page = Query(CaseQuery)

CasePath = Annotated[CaseId, Path(alias="caseId", description="案件ID,特殊字符需百分号编码 (percent-encoded)")]
CASE = "/{caseId:path}"

_LISTED = "在勿扰名单上,不会被呼叫 (on the do-not-contact list: will not be called)"
_NO_PHONE = "没有电话号码,呼叫时会被拒绝 (no phone number: calls to this party will be refused)"
_NO_NUMBER = "不是有效的电话号码,呼叫时会被拒绝 (not a valid phone number: calls to this party will be refused)"


@router.post(
    "",
    status_code=HTTPStatus.CREATED,
    summary="新建案件 Create a case",
    description="当事人按 personId 成为默认渠道的联系人,已有的联系人只补全空白的姓名与电话;勿扰名单同样适用。"
    "没有可拨打号码的当事人可以建立,见其 notice。"
    "Parties become contacts of the default bot under their personId; of a known contact only an empty name or phone "
    "is filled. The do-not-contact list holds. A party without a number to dial is taken; its `notice` says so. 409 "
    "where the caseId is there already.",
    response_model=Envelope[CaseOut],
    responses=refusals(HTTPStatus.CONFLICT),
)
async def create_case(body: CaseCreate, context: ContextDep, actor: ActorDep) -> dict[str, Any]:
    """Write a case down."""
    parties = [NewParty(p.person_id, p.name, p.phone_number, p.person_type, p.honorific) for p in body.parties]
    new = NewCase(body.case_id, body.title, body.node_id, body.mediation_type, _agreement(body.agreement), parties)
    await service.create(context, new, actor=actor)
    told = _told(context, await service.read(context, body.case_id))
    return answered(told, status=HTTPStatus.CREATED, message="案件已创建")


@router.get(
    "",
    summary="案件列表 List cases",
    description="最近创建的在前;电话号码隐去中间几位。Newest first; phones with their middle hidden.",
    response_model=Envelope[CasePage],
    responses=refusals(),
    openapi_extra=_page.documentation,
)
async def list_cases(request: Request, context: ContextDep) -> dict[str, Any]:
    """List cases."""
    wanted = _page.read(request)
    filters = CaseFilter(wanted.person_id, wanted.node_id, wanted.closed, wanted.q)
    total, views = await service.page(
        context, filters, offset=(wanted.page - 1) * wanted.page_size, limit=wanted.page_size
    )
    results = [_told(context, view, is_masked=True) for view in views]
    return answered({"total": total, "page": wanted.page, "pageSize": wanted.page_size, "results": results})


@router.get(
    CASE,
    summary="案件详情 Read a case",
    description="案件、当事人与协议;查看会留下审计记录。The case with its parties and agreement. The look "
    "at their numbers is written into the audit trail.",
    response_model=Envelope[CaseOut],
    responses=refusals(HTTPStatus.NOT_FOUND),
)
async def read_case(case_id: CasePath, context: ContextDep, actor: ActorDep) -> dict[str, Any]:
    """Read a case."""
    view = await service.read(context, case_id)
    await _note_look(context, view, actor)
    return answered(_told(context, view))


@router.patch(
    CASE,
    summary="修改案件 Change a case",
    description="移到其他节点、更新协议、结案或重新打开;未给出的字段保持不变。移动或结案会取消之前节点已计划的呼叫轮次,"
    "进行中的通话不受影响。回答含完整号码,会留下审计记录。"
    "Move it to another node, give it a new agreement, close or open it; a missing field stays. "
    "Moving or closing cancels the rounds that were planned; a call that is under way goes on. The "
    "answer has whole numbers, and that look is written into the audit trail.",
    response_model=Envelope[CaseOut],
    responses=refusals(HTTPStatus.NOT_FOUND),
)
async def change_case(case_id: CasePath, body: CaseUpdate, context: ContextDep, actor: ActorDep) -> dict[str, Any]:
    """Change a case."""
    changes = {name: getattr(body, name) for name in body.model_fields_set}
    if "agreement" in changes:
        changes["agreement"] = _agreement(changes["agreement"])
    view = await service.update(context, case_id, changes, actor=actor)
    await _note_look(context, view, actor)
    return answered(_told(context, view), message="案件已更新")


async def _note_look(context: Context, view: CaseView, actor: str) -> None:
    async with context.database.connection() as connection:
        await call_log.note_case_look(connection, view.row["mediation_id"], Reader(actor, context.clock.now()))


def _agreement(given: Agreement | None) -> tuple[str | None, str | None]:
    return (given.agree_id, given.agree_content) if given is not None else (None, None)


def _told(context: Context, view: CaseView, *, is_masked: bool = False) -> dict[str, Any]:
    row, zone = view.row, context.settings.zone
    agreement = {"agreeId": row["agree_id"], "agreeContent": row["agree_content"]} if row["agree_id"] else None
    return {
        "caseId": row["case_id"],
        "mediationId": row["mediation_id"],
        "title": row["title"],
        "nodeId": row["node_id"],
        "taskName": row["task_name"],
        "mediationType": row["mediation_type"],
        "agreement": agreement,
        "parties": [_party(party, is_masked=is_masked) for party in view.parties],
        "plannedRounds": row["planned_rounds"],
        "createTime": local_moment(row["created_at"], zone),
        "modifyTime": local_moment(row["updated_at"], zone),
        "closedTime": local_or_none(row["closed_at"], zone),
    }


def _party(row: asyncpg.Record, *, is_masked: bool) -> dict[str, Any]:
    phone = national_phone(row["phone"] or "")
    return {
        "personId": row["person_id"],
        "name": row["name"],
        "phoneNumber": masked_phone(phone) if is_masked else phone,
        "personType": row["person_type"],
        "honorific": row["honorific"],
        "contactId": row["contact_id"],
        "doNotContact": row["do_not_contact"],
        "notice": _notice(row),
    }


def _notice(row: asyncpg.Record) -> str | None:
    if row["do_not_contact"]:
        return _LISTED
    if row["phone"] is None:
        return _NO_PHONE
    return None if is_dialable(row["phone"]) else _NO_NUMBER
