"""``…/calls/stream``: changes of calls' statuses as they happen."""

import asyncio
import re
from collections.abc import AsyncIterable
from typing import Annotated

import asyncpg
from fastapi import Depends, Header, Query, Request
from fastapi.sse import EventSourceResponse, ServerSentEvent

from app.domain.identifiers import masked_phone, national_phone
from app.errors import InvalidInputError
from app.repositories.call_events import Place
from app.routers.deps import ContextDep
from app.routers.families import FamilyRouter
from app.routers.outbound.responses import refusals_beside_a_stream
from app.routers.tags import Tag
from app.schemas.common import Storable
from app.schemas.outbound.base import local_moment
from app.schemas.outbound.calls import EventOut
from app.services.context import Context
from app.services.live_calls import LiveCalls, Wanted

router = FamilyRouter(prefix="/api/v1/outbound-bot/calls", tags=[Tag.OUTBOUND])

WAIT_SECONDS = 15.0
_PLACE = re.compile(r"(\d{1,19})-(\d{1,19})", re.ASCII)
_MAX = 2**63 - 1
_EVENTS = (
    "event: status\n"
    'data: {"jobId":"1770604607798-4f25-a8be-32a23b347047","caseId":"202601281644031088","mediationId":1000,'
    '"nodeId":5,"personId":"2303191513081131","callType":"follow_up","phoneNumber":"138****8000",'
    '"callStatus":"Executing","result":null,"time":"2026-02-09 10:36:58"}\n'
    "id: 48213-907\n\n"
)

LastEventId = Annotated[
    str | None,
    Header(
        alias="Last-Event-ID",
        max_length=40,
        description="已收到的最后编号,浏览器自动携带 (the last id received; browsers send it by themselves)",
        examples=["48213-907"],
    ),
]


async def read_place(last_event_id: LastEventId = None) -> Place | None:
    """Return where a reader stands; before the answer begins, so that it can still be refused."""
    if last_event_id is None or not last_event_id.strip():
        return None
    match = _PLACE.fullmatch(last_event_id.strip())
    place = Place(int(match[1]), int(match[2])) if match else None
    if place is None or max(place) > _MAX:
        raise InvalidInputError(
            "编号无效,请使用收到的 id (not an id of this stream)", field=("header", "Last-Event-ID")
        )
    return place


@router.get(
    "/stream",
    summary="实时通话状态 Live statuses",
    description="服务器推送 (text/event-stream):通话状态的每次变化,不会遗漏;用 Last-Event-ID 续传,不带则从现在开始。"
    "Server-sent events: each change of a status, none missed. Resumable with Last-Event-ID; without it from now on.",
    response_class=EventSourceResponse,
    responses=refusals_beside_a_stream()
    | {200: {"description": "text/event-stream", "content": {"text/event-stream": {"example": _EVENTS}}}},
)
async def stream(
    request: Request,
    context: ContextDep,
    place: Annotated[Place | None, Depends(read_place)],
    case_id: Annotated[
        Storable | None, Query(alias="caseId", max_length=64, description="案件ID (only this case's calls)")
    ] = None,
    job_id: Annotated[
        Storable | None, Query(alias="jobId", max_length=64, description="工作ID (only this call)")
    ] = None,
) -> AsyncIterable[ServerSentEvent]:
    """Send changes behind the last one that the reader saw, then new ones as they come."""
    live: LiveCalls = request.app.state.live_calls
    wanted = Wanted(case_id or None, job_id or None)
    async with live.watch() as changed:
        seen = place or await live.present()
        while not context.stopping.is_set():
            changed.clear()
            rows, seen = await live.after(seen, wanted)
            for row in rows:
                yield _event(context, row)
            if not rows:
                await _wait(context, changed)


async def _wait(context: Context, changed: asyncio.Event) -> None:
    """Wait until something changed, the service stops, or it is time to look whether the reader is still there."""
    waits = [asyncio.create_task(changed.wait()), asyncio.create_task(context.stopping.wait())]
    try:
        await asyncio.wait(waits, timeout=WAIT_SECONDS, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()


def _event(context: Context, row: asyncpg.Record) -> ServerSentEvent:
    phone = masked_phone(national_phone(row["phone"])) if row["phone"].startswith("+") else ""
    told = EventOut(
        job_id=row["job_id"],
        case_id=row["case_id"],
        mediation_id=row["mediation_id"],
        node_id=row["node_id"],
        person_id=row["person_id"],
        call_type=row["call_type"],
        phone_number=phone,
        call_status=row["status"],
        result=row["result"],
        time=local_moment(row["at"], context.settings.zone),
    )
    return ServerSentEvent(
        data=told.model_dump(by_alias=True), id=f"{row['transaction_id']}-{row['id']}", event="status"
    )
