"""OutboundBot as a ``Dialer``."""

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from datetime import datetime, timedelta
from typing import Any, Final

import structlog

from app.clock import Clock
from app.gateways.dialer.aliyun import batches, reading
from app.gateways.dialer.aliyun.channel import Channel, models
from app.gateways.dialer.aliyun.trouble import Trouble, as_error, as_placement
from app.gateways.dialer.protocol import (
    CallRef,
    Dial,
    DialerError,
    NotPlaced,
    Placed,
    Placement,
    PlacementUnknown,
    Recording,
    Report,
    ThrottledError,
    Transcript,
)
from app.gateways.http import HttpClient, StatusError, TransportError

log = structlog.get_logger(__name__)

_LINK_LIVES: Final = timedelta(hours=24)
_SETTLES: Final = timedelta(seconds=90)
"""How long a call that was placed may not be listed yet, or may still be on its way."""
_SKEW: Final = timedelta(minutes=5)
"""How far the provider's clock may be off."""
_PAGE: Final = 100
_PAGES: Final = 10
_DOWNLOAD_SECONDS: Final = 120.0
_GONE: Final = frozenset({403, 404, 410})


class Aliyun:
    """Places calls through OutboundBot; ``docs/aliyun.md`` says what was tried and what was not."""

    def __init__(
        self, channel: Channel, http: HttpClient, clock: Clock, *, calling_numbers: Sequence[str], life: timedelta
    ) -> None:
        self._channel = channel
        self._http = http
        self._clock = clock
        self._calling_numbers = calling_numbers
        self._life = life

    @property
    def name(self) -> str:
        """Return ``aliyun``."""
        return "aliyun"

    @property
    def reaches_people(self) -> bool:
        """Return True: phones ring."""
        return True

    @property
    def time_scale(self) -> float:
        """Return 1."""
        return 1.0

    async def place(self, dials: Sequence[Dial]) -> Sequence[Placement]:
        """Make one group of jobs for each script, line and end of hours; assign the calls to it, 25 in a request."""
        groups: dict[tuple[str, str, str | None, datetime | None], list[Dial]] = {}
        for dial in dials:
            key = (dial.instance_id, dial.script_id, dial.calling_number, dial.latest)
            groups.setdefault(key, []).append(dial)
        parts = await asyncio.gather(*(self._place_group(group) for group in groups.values()))
        placements = {job_id: placement for part in parts for job_id, placement in part.items()}
        return [placements[dial.job_id] for dial in dials]

    async def find(self, call: CallRef) -> Placed | None:
        """Look through the jobs on this number for our reference, since there is no way to ask for a reference."""
        since = call.created_at - _SKEW
        try:
            for page in range(1, _PAGES + 1):
                answer = await self._channel.query_jobs(
                    models.QueryJobsRequest(
                        instance_id=call.instance_id,
                        phone_number=batches.local_number(call.phone),
                        start_time=int(since.timestamp() * 1000),
                        end_time=int((self._clock.now() + _SKEW).timestamp() * 1000),
                        time_alignment="job_create",
                        page_number=page,
                        page_size=_PAGE,
                    )
                )
                jobs = answer.list or []
                for job in jobs:
                    if call.job_id in await self._references(call, job):
                        return Placed(str(job.job_id), str(job.job_group_id))
                if len(jobs) < _PAGE:
                    self._require_settled(call)
                    return None
        except Trouble as trouble:
            raise as_error(trouble) from None
        raise DialerError("there are too many jobs on this number to look through")

    async def reports(self, calls: Sequence[CallRef]) -> Mapping[str, Report]:
        """Ask about 99 calls at a time."""
        parts = await asyncio.gather(
            *(self._reports(instance_id, own) for instance_id, own in batches.listed(calls)), return_exceptions=True
        )
        reports: dict[str, Report] = {}
        failures: list[DialerError] = []
        for part in parts:
            if isinstance(part, DialerError):
                failures.append(part)
            elif isinstance(part, BaseException):
                raise part
            else:
                reports.update(part)
        if failures:  # what was learnt beside them is learnt again at the next poll
            raise next((failure for failure in failures if isinstance(failure, ThrottledError)), failures[0])
        return reports

    async def transcript(self, call: CallRef) -> Transcript:
        """Fetch everything about a call that is over."""
        job = await self._described(call)
        transcript = reading.transcript_of(job)
        if transcript is None:
            raise DialerError("this call is not over")
        return transcript

    async def recording(self, call: CallRef) -> Recording | None:
        """Open the recording by a fresh link; None once links are dead for good, 24 hours after the call."""
        try:
            url = await self._channel.recording_url(
                models.DownloadRecordingRequest(instance_id=call.instance_id, task_id=await self._task_id(call))
            )
        except Trouble as trouble:
            if trouble.is_final and self._is_past(call):
                return None
            raise as_error(trouble) from None
        if url is None or not url.startswith(("https://", "http://")):
            self._require_past(call, "OutboundBot named no link to the recording")
            return None
        pieces = self._http.download(url, timeout_seconds=_DOWNLOAD_SECONDS)
        try:
            first = await anext(pieces, b"")
        except StatusError as error:
            if error.status in _GONE:
                self._require_past(call, "the link to the recording is dead")
                return None
            raise DialerError(f"the recording's store answered {error}") from None
        except TransportError as error:
            raise _broken(error) from None
        return Recording(_pieces(first, pieces))

    async def cancel(self, call: CallRef) -> bool:
        """Ask that a job be given up."""
        job_id = call.provider_job_id
        if job_id is None:
            placed = await self.find(call)
            if placed is None:
                return False
            job_id = placed.provider_job_id
        try:
            await self._cancel(call.instance_id, [job_id])
        except Trouble as trouble:
            if trouble.is_final:
                return False
            raise as_error(trouble) from None
        return True

    async def close(self) -> None:
        """Close all connections."""
        await self._http.close()

    async def _place_group(self, dials: Sequence[Dial]) -> dict[str, Placement]:
        first = dials[0]
        calling_numbers = [first.calling_number] if first.calling_number else list(self._calling_numbers)
        try:
            group_id = await self._channel.create_job_group(
                models.CreateJobGroupRequest(
                    instance_id=first.instance_id,
                    script_id=first.script_id,
                    job_group_name=f"huiyin-{first.job_id}",
                    calling_number=calling_numbers or None,
                    strategy_json=batches.strategy_json(self._clock.now(), self._life, first.latest),
                )
            )
        except Trouble as trouble:
            # Whatever became of the group: there are no calls in it.
            refused = NotPlaced(f"no job group: {trouble}", trouble.retry_after, is_final=trouble.is_final)
            return {dial.job_id: refused for dial in dials}
        parts = await asyncio.gather(*(self._assign(group_id, batch) for batch in batches.batches(dials)))
        return {job_id: placement for part in parts for job_id, placement in part.items()}

    async def _assign(self, group_id: str, batch: Sequence[tuple[Dial, str]]) -> Mapping[str, Placement]:
        instance_id = batch[0][0].instance_id
        try:
            job_ids = await self._channel.assign_jobs(
                models.AssignJobsRequest(
                    instance_id=instance_id, job_group_id=group_id, jobs_json=[job for _, job in batch]
                )
            )
        except Trouble as trouble:
            return {dial.job_id: as_placement(trouble) for dial, _ in batch}
        if len(batch) == 1 and len(job_ids) == 1:
            return {batch[0][0].job_id: Placed(job_ids[0], group_id)}
        placed = await self._whose(instance_id, group_id, job_ids)
        in_doubt = PlacementUnknown(f"{len(batch)} calls were assigned and it is not known what became of this one")
        return {dial.job_id: placed.get(dial.job_id, in_doubt) for dial, _ in batch}

    async def _whose(self, instance_id: str, group_id: str, job_ids: Sequence[str]) -> dict[str, Placement]:
        """Find out which call got which id: a transcript at the wrong person would be worse than one more request."""
        if not job_ids:
            return {}
        try:
            jobs = await self._channel.list_jobs(models.ListJobsRequest(instance_id=instance_id, job_id=list(job_ids)))
        except Trouble as trouble:
            log.warning("calls were placed and their ids could not be told apart", error=str(trouble))
            return {}
        return {
            reference: Placed(str(job.job_id), group_id)
            for job in jobs
            for reference in reading.references(job)
            if job.job_id
        }

    async def _reports(self, instance_id: str, calls: Sequence[CallRef]) -> dict[str, Report]:
        own = {call.provider_job_id: call for call in calls}
        try:
            jobs = await self._channel.list_jobs(models.ListJobsRequest(instance_id=instance_id, job_id=list(own)))
            await self._end_waiting(instance_id, jobs)
        except Trouble as trouble:
            raise as_error(trouble) from None
        reports = {}
        for job in jobs:
            call, report = own.get(job.job_id), reading.report_of(job)
            if call is not None and report is not None and _is_ours(call, job):
                reports[call.job_id] = report
        return reports

    async def _end_waiting(self, instance_id: str, jobs: Sequence[Any]) -> None:
        """Give up jobs that had their attempt and wait for another: rounds are planned here, and nowhere else."""
        waiting = [str(job.job_id) for job in jobs if reading.waits_to_redial(job)]
        if waiting:
            await self._cancel(instance_id, waiting)

    async def _cancel(self, instance_id: str, job_ids: Sequence[str]) -> None:
        await self._channel.cancel_jobs(
            models.CancelJobsRequest(all=False, instance_id=instance_id, job_id=list(job_ids))
        )

    async def _described(self, call: CallRef) -> Any:
        if call.provider_job_id is None:
            raise DialerError("this call has no id at the provider yet")
        try:
            job = await self._channel.describe_job(
                models.DescribeJobRequest(instance_id=call.instance_id, job_id=call.provider_job_id)
            )
        except Trouble as trouble:
            raise as_error(trouble) from None
        if not _is_ours(call, job):
            raise DialerError("OutboundBot tells of another call under this id")
        return job

    async def _references(self, call: CallRef, job: Any) -> set[str]:
        """Return the references of a listed job, of whose parts Alibaba Cloud says that they may go away."""
        found = reading.references(job)
        if found or not job.job_id:
            return found
        described = await self._channel.describe_job(
            models.DescribeJobRequest(instance_id=call.instance_id, job_id=job.job_id)
        )
        return reading.references(described)

    async def _task_id(self, call: CallRef) -> str:
        if call.provider_task_id is not None:
            return call.provider_task_id
        task = reading.last_task(await self._described(call))
        if task is None or not task.task_id:
            raise DialerError("OutboundBot knows no attempt of this call")
        return str(task.task_id)

    def _require_settled(self, call: CallRef) -> None:
        if self._clock.now() < call.created_at + _SETTLES:
            raise DialerError("the call is not listed, but may be on its way")

    def _require_past(self, call: CallRef, why: str) -> None:
        if not self._is_past(call):
            raise DialerError(why)

    def _is_past(self, call: CallRef) -> bool:
        """Tell whether no link to this call's recording can be good any more."""
        return self._clock.now() > call.created_at + self._life + _LINK_LIVES


def _is_ours(call: CallRef, job: Any) -> bool:
    """Tell whether a job carries our reference; one that carries none is taken by its id."""
    found = reading.references(job)
    if found and call.job_id not in found:
        log.error("OutboundBot tells of another call under an id of ours", job_id=call.job_id)
        return False
    return True


def _broken(error: TransportError) -> DialerError:
    return DialerError(f"the recording could not be read: {error.failure.value}")


async def _pieces(first: bytes, pieces: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    async with aclosing(pieces):
        try:
            yield first
            async for piece in pieces:
                yield piece
        except TransportError as error:
            raise _broken(error) from None
