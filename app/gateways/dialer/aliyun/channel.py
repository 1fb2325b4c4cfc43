"""The official SDK on this service's HTTP client: its models, its wire format and its signature, our connections.

The SDK's own transport opens a new connection for each request and reads all trusted certificates anew for it (32 ms
during which nothing else runs), knows no time-out for a whole request, reads answers of any size, and does not tell
what certainly never left from what may have arrived. So only ``call_api_async``, the one way out of every operation,
is ours. It sends once: the SDK repeats nothing by itself then, and a repeated ``AssignJobs`` would ring twice.
"""

import asyncio
import hashlib
import json
from typing import Any, Final

from alibabacloud_outboundbot20191226 import models
from alibabacloud_outboundbot20191226.client import Client
from alibabacloud_tea_openapi.utils import Utils
from alibabacloud_tea_openapi.utils_models import Config
from darabonba.core import DaraCore
from darabonba.request import DaraRequest
from darabonba.runtime import RuntimeOptions
from pydantic_core import from_json

from app.clock import Clock
from app.gateways.dialer.aliyun.trouble import Trouble, judged
from app.gateways.http import Failure, HttpClient, TransportError

__all__ = ["Channel", "Config", "models"]

_ALGORITHM: Final = "ACS3-HMAC-SHA256"
_HALF: Final = rb"\ud"
_EMPTY: Final = hashlib.sha256(b"").hexdigest()


class Channel:
    """Signed requests to OutboundBot, a bounded number at a time.

    Raises ``Trouble`` for every answer but success.
    """

    def __init__(self, config: Config, http: HttpClient, clock: Clock, concurrency: int) -> None:
        self._http = http
        self._clock = clock
        self._slots = asyncio.Semaphore(concurrency)
        self._access_key_id = config.access_key_id
        self._access_key_secret = config.access_key_secret
        self._client = Client(config)
        self._client.call_api_async = self._call
        self._endpoint: str = self._client._endpoint  # noqa: SLF001 - the SDK's own reading of region and endpoint
        self._protocol: str = config.protocol
        self._runtime = RuntimeOptions()

    async def create_job_group(self, request: models.CreateJobGroupRequest) -> str:
        """Make a group of jobs and return its id."""
        answer = await self._client.create_job_group_with_options_async(request, self._runtime)
        return str(_part(_part(answer.body, "job_group"), "job_group_id"))

    async def assign_jobs(self, request: models.AssignJobsRequest) -> list[str]:
        """Place calls; return the ids that they got, which nobody promises to be in the order of the request."""
        # Not `assign_jobs_async`: that is a way to the other operation AssignJobsAsync.
        answer = await self._client.assign_jobs_with_options_async(request, self._runtime)
        return [str(job_id) for job_id in _items(answer.body, "jobs_id")]

    async def list_jobs(self, request: models.ListJobsRequest) -> list[Any]:
        """Return those of at most 99 jobs that there are."""
        answer = await self._client.list_jobs_with_options_async(request, self._runtime)
        return _items(answer.body, "jobs")

    async def query_jobs(self, request: models.QueryJobsRequest) -> Any:
        """Return a page of jobs: ``list``, ``total_count``."""
        answer = await self._client.query_jobs_with_options_async(request, self._runtime)
        return _part(answer.body, "jobs")

    async def describe_job(self, request: models.DescribeJobRequest) -> Any:
        """Return everything about a job."""
        answer = await self._client.describe_job_with_options_async(request, self._runtime)
        return _part(answer.body, "job")

    async def cancel_jobs(self, request: models.CancelJobsRequest) -> None:
        """Give jobs up."""
        await self._client.cancel_jobs_with_options_async(request, self._runtime)

    async def recording_url(self, request: models.DownloadRecordingRequest) -> str | None:
        """Return where a recording can be fetched for a while."""
        answer = await self._client.download_recording_with_options_async(request, self._runtime)
        return _part(answer.body, "download_params").signature_url or None

    async def _call(self, params: Any, request: Any, _runtime: RuntimeOptions) -> dict[str, Any]:
        """Send one request, once; the SDK makes its models of what this returns."""
        signed = self._signed(params, request)
        headers = {name: value for name, value in signed.headers.items() if name != "host"}
        async with self._slots:
            try:
                answer = await self._http.request(
                    signed.method, DaraCore.compose_url(signed), headers=headers, pause_header="x-acs-retry-after"
                )
            except TransportError as error:
                raise _without_answer(error) from None  # its text may hold the URL, and that names and numbers
        document = _parsed(answer.body)
        trouble = judged(answer.status, document, answer.retry_after)
        if trouble is not None:
            raise trouble
        return {"body": document, "headers": {}, "statusCode": answer.status}

    def _signed(self, params: Any, request: Any) -> DaraRequest:
        signed = DaraRequest()
        signed.method, signed.pathname, signed.query = params.method, params.pathname, request.query
        signed.protocol = self._protocol or params.protocol
        signed.headers = {
            "host": self._endpoint,
            "x-acs-version": params.version,
            "x-acs-action": params.action,
            "x-acs-date": f"{self._clock.now():%Y-%m-%dT%H:%M:%SZ}",
            "x-acs-signature-nonce": Utils.get_nonce(),
            "x-acs-content-sha256": _EMPTY,
            "accept": "application/json",
        }
        signed.headers["Authorization"] = Utils.get_authorization(
            signed, _ALGORITHM, _EMPTY, self._access_key_id, self._access_key_secret
        )
        return signed


def _part(body: Any, name: str) -> Any:
    """Return the part of an answer that it exists for."""
    part = getattr(body, name, None)
    if part is None:
        raise Trouble(f"an answer of OutboundBot without its {name}")
    return part


def _items(body: Any, name: str) -> list[Any]:
    """Return the list that an answer exists for."""
    items = _part(body, name)
    if not isinstance(items, list):
        raise Trouble(f"an answer of OutboundBot whose {name} are no list")
    return items


def _parsed(body: bytes) -> Any:
    try:
        return from_json(body)
    except ValueError:
        # Half a surrogate pair in one talk must not lose an answer about 99 calls: the slower reader lets it pass.
        return _parsed_leniently(body) if _HALF in body.lower() else None


def _parsed_leniently(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _without_answer(error: TransportError) -> Trouble:
    if error.failure is Failure.NOT_SENT:
        return Trouble("no connection to OutboundBot", is_taken=False, retry_after=None)
    return Trouble("no answer from OutboundBot")
