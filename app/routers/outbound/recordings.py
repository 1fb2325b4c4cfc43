"""``/api/v1/outbound-bot/recordings``: the sound of calls, by links that carry their own proof."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from http import HTTPStatus
from typing import Annotated

import asyncpg
from fastapi import Header, Path, Query, Request, Response
from fastapi.responses import StreamingResponse

from app.domain.recordings import Span, Unsatisfiable, read_range
from app.errors import AppError, GoneError, UnavailableError
from app.gateways.recordings import RecordingStore, StoreError
from app.routers.deps import ContextDep
from app.routers.dialects import dialect_of
from app.routers.families import FamilyRouter
from app.routers.outbound.responses import refusals_beside_a_stream
from app.routers.tags import Tag
from app.services.calls import recordings as service
from app.services.context import Context

router = FamilyRouter(prefix="/api/v1/outbound-bot/recordings", tags=[Tag.OUTBOUND])

_WAV = "audio/wav"
# Browsers show sound by a page of their own, and pages of other systems play it: the link is the proof.
_POLICY = "default-src 'none'; media-src 'self'; style-src 'unsafe-inline'; frame-ancestors 'none'"
_SOUND = {"content": {_WAV: {"schema": {"type": "string", "format": "binary"}, "example": "RIFF…WAVEfmt …"}}}
_RANGE = {"description": "bytes 0-1023/736044", "schema": {"type": "string"}}

Expires = Annotated[str, Query(max_length=20, description="链接到期时间,秒 (when the link ends, seconds)")]
Signature = Annotated[str, Query(max_length=64, description="链接签名 (the link's signature)")]


class _RangeError(AppError):
    """The recording has none of the bytes that were asked for."""

    status = HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE
    code = "range_not_satisfiable"


async def links_of(request: Request, context: Context, connection: asyncpg.Connection) -> service.Links:
    """Return what makes links to recordings for the answer to a request."""
    return await service.links(context, connection, str(request.base_url))


@router.head("/{jobId}", include_in_schema=False)
@router.get(
    "/{jobId}",
    summary="下载录音 Download a recording",
    description="链接来自 conversation-log 的 recordUrl,自带签名,不需要密钥;支持 Range。"
    "By the link that conversation-log gives as recordUrl: it carries its own signature and needs no key. Answers "
    "ranges (one at a time), If-Range and HEAD.",
    response_class=StreamingResponse,
    responses=refusals_beside_a_stream(
        HTTPStatus.NOT_FOUND, HTTPStatus.GONE, HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE
    )
    | {
        HTTPStatus.OK: {"description": "录音 (the recording)", **_SOUND},
        HTTPStatus.PARTIAL_CONTENT: {
            "description": "录音的一部分 (a part of it)",
            "headers": {"Content-Range": _RANGE},
            **_SOUND,
        },
    },
)
async def read_recording(
    job_id: Annotated[
        str,
        Path(
            alias="jobId",
            min_length=1,
            max_length=64,
            description="工作ID (the call's job id)",
            examples=["1772706600471-447e-96ea-97523c61189b"],
        ),
    ],
    request: Request,
    context: ContextDep,
    expires: Expires = "",
    signature: Signature = "",
    wanted: Annotated[str | None, Header(alias="Range", description="字节范围 (bytes that are wanted)")] = None,
) -> Response:
    """Hand a recording out, or a part of it."""
    key = await service.key_behind(context, job_id, expires, signature)
    store: RecordingStore = request.app.state.recordings
    size = await _size(store, key)
    headers = {
        "Accept-Ranges": "bytes",
        "Content-Security-Policy": _POLICY,
        "Cross-Origin-Resource-Policy": "cross-origin",
        "Content-Disposition": f'inline; filename="{job_id}.wav"',
        "ETag": f'"{job_id}-{size}"',
    }
    if request.headers.get("if-range", headers["ETag"]) != headers["ETag"]:
        wanted = None
    try:
        span = read_range(wanted, size)
    except Unsatisfiable:
        return _unsatisfiable(request, size)
    if span is not None:
        headers["Content-Range"] = span.content_range(size)
    return await _answer(request, store, key, span or Span(0, size), headers)


async def _answer(request: Request, store: RecordingStore, key: str, span: Span, headers: dict[str, str]) -> Response:
    status = HTTPStatus.PARTIAL_CONTENT if "Content-Range" in headers else HTTPStatus.OK
    headers["Content-Length"] = str(span.length)
    if request.method == "HEAD":
        return Response(status_code=status, headers=headers, media_type=_WAV)
    return StreamingResponse(_pieces(store, key, span), status, headers, _WAV)


async def _size(store: RecordingStore, key: str) -> int:
    try:
        size = await store.size(key)
    except StoreError as error:
        raise UnavailableError("录音存储暂时不可用 (the store of recordings is away)", retry_after=30) from error
    if size is None:
        raise GoneError("录音已不存在 (this recording is not kept any more)")
    return size


async def _pieces(store: RecordingStore, key: str, span: Span) -> AsyncIterator[bytes]:
    async with aclosing(store.read(key, span.start, span.end)) as pieces:
        async for piece in pieces:
            yield piece


def _unsatisfiable(request: Request, size: int) -> Response:
    error = _RangeError("请求的范围超出录音 (the recording has no such bytes)")
    response = dialect_of(request.url.path).error(error)
    response.headers["Content-Range"] = f"bytes */{size}"
    return response
