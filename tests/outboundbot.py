"""Alibaba Cloud OutboundBot as far as this service speaks with it: a real HTTP server on loopback.

It checks signatures, keeps jobs, counts what was assigned by number and by reference, and fails as it is told to. Made
after the models of the official SDK and the public reference; nothing here was recorded from the real service.
"""

import asyncio
import hashlib
import hmac
import itertools
import json
import uuid
from collections import Counter, defaultdict, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import quote

from aiohttp import web

KEY_ID = "an-example-key-id"
KEY_SECRET = "an-example-key-secret"
_MAX_LINE = 256 * 1024
_SIGNED = {"host", "x-acs-action", "x-acs-version", "x-acs-date", "x-acs-signature-nonce", "x-acs-content-sha256"}
_ENDED = {"Succeeded", "Failed", "Cancelled"}


@dataclass(frozen=True)
class Fault:
    """How one request goes wrong; ``is_late``: what was asked for is done all the same."""

    status: int = 200
    body: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    """How long it waits before it answers, or in the middle of half an answer."""
    wait_for: asyncio.Event | None = None
    """What it waits for first."""
    is_cut: bool = False
    """The connection is closed; after half an answer if there is a body."""
    is_late: bool = False


def refusal(status: int, code: str, message: str = "no", **headers: str) -> Fault:
    """Answer with an error of OutboundBot's own."""
    body = json.dumps({"RequestId": "r", "Code": code, "Message": message, "HttpStatusCode": status}).encode()
    return Fault(status, body, {name.replace("_", "-"): value for name, value in headers.items()})


@dataclass
class Job:
    """A job that the stub keeps."""

    job_id: str
    group_id: str
    instance_id: str
    contact: dict[str, Any]
    extras: list[dict[str, str]]
    status: str = "Scheduling"
    failure_reason: str | None = None
    tasks: list[dict[str, Any]] = field(default_factory=list)
    reference: str | None = None
    """What the job tells as its reference; tests change it."""

    def wire(self, *, with_talk: bool) -> dict[str, Any]:
        """Return it as the API does; lists of jobs tell of talks without their actions."""
        contact = {"ReferenceId": self.reference, "PhoneNumber": self.contact.get("phoneNumber"), "ContactId": "c"}
        return {
            "JobId": self.job_id,
            "JobGroupId": self.group_id,
            "Status": self.status,
            "FailureReason": self.failure_reason,
            "ReferenceId": self.reference,
            "Contacts": [contact],
            "Extras": [{"Key": extra["key"], "Value": extra["value"]} for extra in self.extras],
            "Tasks": [self._task(task, with_talk=with_talk) for task in self.tasks],
        }

    def _task(self, task: dict[str, Any], *, with_talk: bool) -> dict[str, Any]:
        if with_talk:
            return task
        bare = [{k: v for k, v in line.items() if k != "Action"} for line in task.get("Conversation", [])]
        return task | {"Conversation": bare}


class OutboundBot:
    """The server. ``async with OutboundBot() as bot:`` starts it on a free port."""

    def __init__(self, *, latency: float = 0.0, checks_signature: bool = True) -> None:
        self.latency = latency
        """Seconds before each answer."""
        self.jobs: dict[str, Job] = {}
        self.groups: list[dict[str, str]] = []
        self.rung: Counter[str] = Counter()
        """How often each number was assigned."""
        self.assigned: Counter[str] = Counter()
        """How often each reference was assigned."""
        self.actions: Counter[str] = Counter()
        self.seen: deque[tuple[str, dict[str, str], dict[str, str]]] = deque(maxlen=1000)
        """Action, parameters and headers of the newest requests."""
        self.recordings: dict[str, bytes] = {}
        """By task id."""
        self.at_once = 0
        self.most_at_once = 0
        """How many requests were under way at the busiest moment."""
        self.dead_links = False
        self.shuffles = False
        """Answer the ids of assigned jobs in another order than that of the request."""
        self._faults: dict[str, deque[Fault]] = defaultdict(deque)
        self._checks_signature = checks_signature
        self._numbers = itertools.count(1)
        self._arrival = asyncio.Event()
        self._runner: web.AppRunner | None = None
        self.endpoint = ""

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_post("/", self._answer)
        app.router.add_get("/recordings/{task_id}", self._recording)
        self._runner = web.AppRunner(
            app, access_log=None, max_line_size=_MAX_LINE, max_field_size=_MAX_LINE, shutdown_timeout=0.1
        )
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.endpoint = f"127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._runner is not None
        await self._runner.cleanup()

    def fail(self, action: str, fault: Fault, times: int = 1) -> None:
        """Let the next requests of a kind go wrong; ``recording`` stands for downloads."""
        self._faults[action].extend([fault] * times)

    def job(self, reference: str) -> Job:
        """Return the job with a reference."""
        return next(job for job in self.jobs.values() if job.contact.get("referenceId") == reference)

    def add(self, reference: str, phone: str = "13800000001", instance_id: str = "instance") -> Job:
        """Keep a job without any request."""
        job_id = f"job-{next(self._numbers)}-{uuid.uuid4()}"
        contact = {"referenceId": reference, "phoneNumber": phone}
        self.jobs[job_id] = Job(job_id, "group", instance_id, contact, [], reference=reference)
        return self.jobs[job_id]

    def attempt(self, job: Job, status: str, talk: Sequence[Mapping[str, Any]] = (), **more: Any) -> None:
        """Let a job have an attempt, whatever becomes of it."""
        task = {"TaskId": f"task-{job.job_id}", "JobId": job.job_id, "Status": status, "ActualTime": 1, **more}
        job.tasks.append(task | {"Conversation": [dict(line) for line in talk]})
        job.status = "Executing"

    def end(self, job: Job, status: str, talk: Sequence[Mapping[str, Any]] = (), **more: Any) -> None:
        """Let a job come to its end with one attempt."""
        self.attempt(job, status, talk, **more)
        job.status = "Succeeded" if status.startswith("Succeeded") else "Failed"

    async def arrived(self, action: str, count: int = 1) -> None:
        """Wait until so many requests of a kind have come."""
        while self.actions[action] < count:
            self._arrival.clear()
            await self._arrival.wait()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        self.at_once += 1
        self.most_at_once = max(self.at_once, self.most_at_once)
        try:
            return await self._judge(request)
        finally:
            self.at_once -= 1

    async def _judge(self, request: web.Request) -> web.StreamResponse:
        action = request.headers.get("x-acs-action", "")
        self.actions[action] += 1
        self._arrival.set()
        self.seen.append((action, dict(request.query), {k.lower(): v for k, v in request.headers.items()}))
        if self.latency:
            await asyncio.sleep(self.latency)
        if self._checks_signature and not is_signed(request):
            return self._sent(refusal(400, "SignatureDoesNotMatch"))
        fault = self._faults[action].popleft() if self._faults[action] else None
        if fault is not None and not fault.is_late:
            return await self._failed(request, fault)
        answer = getattr(self, f"_{action}")(request.query)
        if fault is not None:
            return await self._failed(request, fault)
        return web.json_response({"RequestId": "r", "HttpStatusCode": 200, **answer})

    async def _failed(self, request: web.Request, fault: Fault) -> web.StreamResponse:
        if fault.wait_for is not None:
            await fault.wait_for.wait()
        if fault.body is None or not fault.is_cut:
            await asyncio.sleep(fault.seconds)
        if not fault.is_cut:
            return self._sent(fault)
        assert request.transport is not None
        if fault.body is not None:
            response = web.StreamResponse(status=fault.status)
            response.content_length = len(fault.body)
            await response.prepare(request)
            await response.write(fault.body[: len(fault.body) // 2])
            await asyncio.sleep(fault.seconds)
            request.transport.close()
        else:
            request.transport.abort()
        return web.Response()

    def _sent(self, fault: Fault) -> web.Response:
        return web.Response(status=fault.status, body=fault.body or b"", headers=dict(fault.headers))

    def _CreateJobGroup(self, query: Mapping[str, str]) -> dict[str, Any]:  # noqa: N802 - the action's name
        self.groups.append(dict(query))
        return ok(JobGroup={"JobGroupId": f"group-{len(self.groups)}", "JobGroupName": query["JobGroupName"]})

    def _AssignJobs(self, query: Mapping[str, str]) -> dict[str, Any]:  # noqa: N802 - the action's name
        placed = []
        for text in listed(query, "JobsJson"):
            given = json.loads(text)
            contact = given["contacts"][0]
            job = Job(
                f"job-{next(self._numbers)}", query["JobGroupId"], query["InstanceId"], contact, given.get("extras", [])
            )
            job.reference = contact.get("referenceId")
            self.jobs[job.job_id] = job
            self.rung[contact["phoneNumber"]] += 1
            self.assigned[contact["referenceId"]] += 1
            placed.append(job.job_id)
        return ok(JobsId=placed[::-1] if self.shuffles else placed, JobGroupId=query["JobGroupId"])

    def _ListJobs(self, query: Mapping[str, str]) -> dict[str, Any]:  # noqa: N802 - the action's name
        found = [self.jobs[job_id] for job_id in listed(query, "JobId") if job_id in self.jobs]
        return ok(Jobs=[job.wire(with_talk=False) for job in found])

    def _DescribeJob(self, query: Mapping[str, str]) -> dict[str, Any]:  # noqa: N802 - the action's name
        job = self.jobs.get(query["JobId"])
        return ok(Job=job.wire(with_talk=True)) if job else no("Parameter.JobNotFound")

    def _QueryJobs(self, query: Mapping[str, str]) -> dict[str, Any]:  # noqa: N802 - the action's name
        page, size = int(query["PageNumber"]), int(query["PageSize"])
        found = [job for job in self.jobs.values() if job.contact.get("phoneNumber") == query["PhoneNumber"]]
        found = [job for job in found if job.instance_id == query["InstanceId"]]
        own = [job.wire(with_talk=False) for job in found[(page - 1) * size : page * size]]
        return ok(Jobs={"List": own, "PageNumber": page, "PageSize": size, "TotalCount": len(found)})

    def _CancelJobs(self, query: Mapping[str, str]) -> dict[str, Any]:  # noqa: N802 - the action's name
        assert query["All"].lower() == "false"
        jobs = [self.jobs.get(job_id) for job_id in listed(query, "JobId")]
        if any(job is None or job.status in _ENDED for job in jobs):
            return no("Parameter.JobStatusIllegal")
        for job in jobs:
            assert job is not None
            job.status = "Cancelled"
        return ok()

    def _DownloadRecording(self, query: Mapping[str, str]) -> dict[str, Any]:  # noqa: N802 - the action's name
        task_id = query["TaskId"]
        url = f"http://{self.endpoint}/recordings/{task_id}?Expires=1&Signature=example"
        return ok(DownloadParams={"FileName": task_id, "SignatureUrl": url if task_id in self.recordings else None})

    async def _recording(self, request: web.Request) -> web.StreamResponse:
        if self._faults["recording"]:
            return await self._failed(request, self._faults["recording"].popleft())
        if self.dead_links:
            return web.Response(status=403, text="<Error><Code>AccessDenied</Code></Error>", content_type="text/xml")
        return web.Response(body=self.recordings[request.match_info["task_id"]], content_type="audio/wav")


def ok(**parts: Any) -> dict[str, Any]:
    """Return the body of a request that succeeded."""
    return {"Code": "OK", "Success": True, "Message": "Success", **parts}


def no(code: str) -> dict[str, Any]:
    """Return the body of a request that was turned down with HTTP 200."""
    return {"Code": code, "Success": False, "Message": "no"}


def listed(query: Mapping[str, str], name: str) -> list[str]:
    """Return a list that was flattened into ``Name.1``, ``Name.2``, …"""
    return list(itertools.takewhile(bool, (query.get(f"{name}.{index}", "") for index in itertools.count(1))))


def is_signed(request: web.Request) -> bool:
    """Tell whether a request carries a signature (ACS3-HMAC-SHA256) made with the stub's key over what arrived."""
    algorithm, _, rest = request.headers.get("Authorization", "").partition(" ")
    parts = dict(part.split("=", 1) for part in rest.split(",") if "=" in part)
    if algorithm != "ACS3-HMAC-SHA256" or parts.get("Credential") != KEY_ID:
        return False
    names = parts["SignedHeaders"].split(";")
    canonical = "\n".join(
        [
            request.method,
            "/",
            "&".join(f"{_quoted(key)}={_quoted(value)}" for key, value in sorted(request.query.items())),
            *(f"{name}:{request.headers[name].strip()}" for name in names),
            "",
            ";".join(names),
            hashlib.sha256(b"").hexdigest(),
        ]
    )
    text = f"{algorithm}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    expected = hmac.new(KEY_SECRET.encode(), text.encode(), hashlib.sha256).hexdigest()
    return hmac.compare_digest(expected, parts["Signature"]) and set(names) >= _SIGNED


def _quoted(text: str) -> str:
    return quote(text, safe="-_.~")
