"""Whether the service lives, whether it can work, and how it does."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Protocol

import structlog
from fastapi import Request, Response
from pydantic import BaseModel, Field
from starlette.datastructures import State

from app.gathering import Gathering
from app.models.revision import HEAD
from app.repositories.migrations import current_revision
from app.routers.families import FamilyRouter
from app.routers.responses import problems
from app.routers.tags import Tag
from app.services import calendar
from app.services.context import Context
from app.services.holding import Holding

CHECK_SECONDS = 3.0
_MOST_TOGETHER = 1 << 20
LATE_SECONDS = 60.0
"""A pass may take this long beyond its turn: a full batch through a slow gateway does."""

Check = Callable[[], Awaitable[str | None]]
"""Answers None if all is well, else in a few words why not; an exception counts as not well."""
Readiness = dict[str, Check]
"""Named checks; ``app.state.readiness`` holds those of a service, and more may be put in before it starts."""

log = structlog.get_logger(__name__)
router = FamilyRouter(tags=[Tag.OPERATION])


class Health(BaseModel):
    """The process answers."""

    status: str = Field("ok", examples=["ok"])


class CheckResult(BaseModel):
    """One thing that the service needs."""

    ok: bool
    detail: str | None = Field(None, description="原因 (why not)", examples=[None])


class ReadinessAnswer(BaseModel):
    """Whether requests should be sent here, check by check."""

    status: str = Field(description="ready 或 (or) not ready", examples=["ready"])
    checks: dict[str, CheckResult] = Field(
        description="各项检查 (each check)", examples=[{"database": {"ok": True}, "migrations": {"ok": True}}]
    )
    warnings: dict[str, str] | None = Field(
        None,
        description="不影响就绪、但应处理的事项 (what somebody should see to, though requests are served)",
        examples=[{"calendar": "没有 2027 年的节假日数据 (no holidays are known for 2027)"}],
    )


def default_checks(context: Context) -> Readiness:
    """Return the checks that every service has."""

    async def database() -> str | None:
        async with context.database.connection() as connection:
            is_read_only = await connection.fetchval("SELECT current_setting('transaction_read_only') = 'on'")
        return "the server takes no writes: is it a standby?" if is_read_only else None

    async def migrations() -> str | None:
        revision = await current_revision(context.database)
        return None if revision == HEAD else f"revision {revision}, needed {HEAD}: run `python -m app migrate`"

    async def stopping() -> str | None:
        return "the service is stopping" if context.stopping.is_set() else None

    return {"database": database, "migrations": migrations, "stopping": stopping}


def default_warnings(context: Context) -> Readiness:
    """Return the checks that leave a service ready; what they answer is a warning."""

    async def holidays() -> str | None:
        return await calendar.warning(context)

    return {"calendar": holidays}


def held_warning(holding: Holding) -> Check:
    """Return the warning that automatic messages and calls are held back."""

    async def held() -> str | None:
        return holding.reason

    return held


class Heartbeat(Protocol):
    """When a loop last came to its end, by the clock of the event loop, and how often it should."""

    every_seconds: float
    last_end: float


def _is_late(beat: Heartbeat, now: float) -> bool:
    return 0 < beat.last_end < now - LATE_SECONDS - 3 * beat.every_seconds


def loops_check(heartbeats: Mapping[str, Heartbeat]) -> Check:
    """Return the check that every background loop has come to an end lately.

    A loop that fails ends too, and is tried again; one that has not begun yet (0) is not late.
    """

    async def loops() -> str | None:
        now = asyncio.get_running_loop().time()
        late = [name for name, beat in heartbeats.items() if _is_late(beat, now)]
        return f"late: {', '.join(late)}" if late else None

    return loops


@router.get("/healthz", summary="存活检查 Liveness")
async def healthz() -> Health:
    """进程在运行即返回 200;无需密钥。Answers 200 while the process runs; no key needed."""
    return Health()


@router.get(
    "/readyz",
    summary="就绪检查 Readiness",
    response_model_exclude_none=True,
    responses={503: {"model": ReadinessAnswer, "description": "有检查未通过 (a check fails)"}},
)
async def readyz(request: Request, response: Response) -> ReadinessAnswer:
    """数据库可用、迁移已完成、后台循环在运行时返回 200,否则 503;无需密钥。 Readiness.

    Answers 200 when the database answers, its migrations are current and the loops tick, else 503; no key needed.
    `warnings` has what somebody should see to, such as holidays that are missing: the status stays 200.
    """
    answer: ReadinessAnswer = await request.app.state.looks(None)
    if answer.status != "ready":
        response.status_code = HTTPStatus.SERVICE_UNAVAILABLE
        response.headers["Retry-After"] = "2"
    return answer


@router.get(
    "/metrics",
    summary="指标 Metrics",
    response_class=Response,
    responses={
        **problems(),
        200: {
            "description": "Prometheus 文本格式 (text format of Prometheus)",
            "content": {"text/plain": {"schema": {"type": "string"}, "example": "huiyin_http_requests_total 42.0\n"}},
        },
    },
)
async def metrics(request: Request) -> Response:
    """请求数、耗时、发送结果、积压、进行中的通话、连接池、后台循环等 Prometheus 指标,不含个人数据。 Metrics.

    Requests, durations, sends by outcome, lags, active calls, pools and loops for Prometheus, without personal data.
    """
    await request.app.state.metrics.refresh()
    return Response(request.app.state.metrics.render(), media_type="text/plain; version=0.0.4; charset=utf-8")


def looks_of(state: State) -> Gathering[None, ReadinessAnswer]:
    """Return what looks whether a service is ready; whoever asks while it looks shares the next look.

    Everybody may ask, and a look takes connections to the database: a crowd must not leave none for others.
    """

    async def look(asking: Sequence[None]) -> list[ReadinessAnswer]:
        answer, said = await asyncio.gather(_run_checks(state.readiness), _run_checks(state.warnings))
        answer.warnings = {name: check.detail for name, check in said.checks.items() if check.detail} or None
        return [answer] * len(asking)

    return Gathering(look, most=_MOST_TOGETHER, name="readiness")


async def _run_checks(checks: Readiness) -> ReadinessAnswer:
    results = await asyncio.gather(*(_run_check(name, check) for name, check in checks.items()))
    ready = all(result.ok for result in results)
    return ReadinessAnswer(status="ready" if ready else "not ready", checks=dict(zip(checks, results, strict=True)))


async def _run_check(name: str, check: Check) -> CheckResult:
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            detail = await check()
    except Exception as error:  # noqa: BLE001 - whatever fails, the service is not ready
        # The answer is open to everybody: it names the kind of error and no address, the log has the rest.
        log.warning("a readiness check failed", check=name, error=repr(error))
        detail = type(error).__name__
    return CheckResult(ok=detail is None, detail=detail)
