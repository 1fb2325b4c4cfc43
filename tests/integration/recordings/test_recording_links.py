"""Recordings from the store to the listener: links that prove themselves, ranges, what is gone."""

import asyncio
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest
from pydantic import SecretStr

from app.clock import ManualClock
from app.config import Settings
from app.gateways.dialer import Dialer
from app.gateways.recordings.folder import FolderStore
from app.main import create_app
from app.services.calls import recordings
from app.services.context import Context
from tests.recordings import add_call, files, kept, link
from tests.running import running

DAY = timedelta(hours=24)


async def test_ranges_and_head(
    context: Context, dialer: Dialer, store: FolderStore, client: httpx2.AsyncClient
) -> None:
    _, job_id = await kept(context, dialer, store)
    url = await link(context, job_id)
    whole = (await client.get(url)).content
    size = len(whole)
    head = await client.head(url)
    assert (head.status_code, head.content, head.headers["content-length"]) == (200, b"", str(size))
    tag = head.headers["etag"]
    for given, start, end in (
        ("bytes=0-43", 0, 44),
        ("bytes=100000-", 100_000, size),
        ("bytes=-7", size - 7, size),
        (f"bytes=0-{size * 2}", 0, size),
    ):
        part = await client.get(url, headers={"Range": given, "If-Range": tag})
        assert (part.status_code, part.content) == (206, whole[start:end])
        assert part.headers["content-range"] == f"bytes {start}-{end - 1}/{size}"
        assert part.headers["content-length"] == str(end - start)
        asked = await client.head(url, headers={"Range": given})
        assert (asked.status_code, asked.headers["content-range"]) == (206, part.headers["content-range"])
    for headers in ({"Range": "bytes=0-0,5-6"}, {"Range": "words=1-2"}, {"Range": "bytes=0-3", "If-Range": '"other"'}):
        assert (await client.get(url, headers=headers)).content == whole
    missing = await client.get(url, headers={"Range": f"bytes={size}-"})
    assert missing.status_code == 416
    assert missing.headers["content-range"] == f"bytes */{size}"
    assert missing.json()["code"] == 416


async def test_link_ends_and_a_fresh_one_is_good(
    context: Context, dialer: Dialer, store: FolderStore, client: httpx2.AsyncClient, clock: ManualClock
) -> None:
    _, job_id = await kept(context, dialer, store)
    url = await link(context, job_id)
    clock.advance(DAY - timedelta(seconds=1))
    assert (await client.get(url)).status_code == 200
    clock.advance(timedelta(seconds=1))
    answer = await client.get(url)
    assert (answer.status_code, answer.json()["code"]) == (410, 410)
    assert (await client.get(await link(context, job_id))).status_code == 200


async def test_forged_links_are_refused_whatever_is_there(
    context: Context, dialer: Dialer, store: FolderStore, client: httpx2.AsyncClient
) -> None:
    before = await client.get(f"{recordings.PATH}/anything?expires=9999999999&signature=x")
    assert before.status_code == 403
    _, job_id = await kept(context, dialer, store)
    _, other = await add_call(context, number=2, phone="+8613800019001")
    path, _, query = (await link(context, job_id)).partition("?")
    expires, signature = (part.split("=")[1] for part in query.split("&"))
    for forged in (
        path,
        f"{path}?expires={expires}",
        f"{path}?expires={int(expires) + 1}&signature={signature}",
        f"{path}?expires={expires}&signature={signature[:-1]}",
        f"{path.replace(job_id, other)}?{query}",
        f"{path.replace(job_id, 'nobody')}?{query}",
        f"{path}?expires=soon&signature={signature}",
    ):
        answer = await client.get(forged)
        assert (answer.status_code, answer.json()["code"], answer.json()["data"]) == (403, 403, None)


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"recording_state": "none", "recording_due_at": None}, 404),
        ({"recording_state": "pending"}, 404),
        ({"recording_state": "lost", "recording_due_at": None}, 410),
        ({"recording_state": "removed"}, 410),
        ({"recording_state": "stored", "recording_due_at": None}, 410),  # and its file is gone
    ],
)
async def test_good_link_to_what_is_not_there(
    context: Context, client: httpx2.AsyncClient, fields: dict[str, Any], status: int
) -> None:
    _, job_id = await add_call(context, **fields)
    answer = await client.get(await link(context, job_id))
    assert (answer.status_code, answer.json()["code"]) == (status, status)


async def test_good_link_to_a_call_that_nobody_knows_is_404(context: Context, client: httpx2.AsyncClient) -> None:
    assert (await client.get(await link(context, "1772706600471-none"))).status_code == 404


async def test_store_that_is_away_is_503(
    context: Context, dialer: Dialer, store: FolderStore, client: httpx2.AsyncClient, settings: Settings
) -> None:
    _, job_id = await kept(context, dialer, store)
    [path] = files(settings)
    path.unlink()
    path.symlink_to(path.name)
    answer = await client.get(await link(context, job_id))
    assert (answer.status_code, answer.json()["code"]) == (503, 503)
    assert answer.headers["retry-after"]


async def test_link_begins_with_the_services_own_address_where_it_is_set(
    settings: Settings, clock: ManualClock, dialer: Dialer
) -> None:
    keyed = settings.model_copy(
        update={
            "public_url": "https://calls.example.com/",
            "api_keys": (SecretStr("a-key"),),
            "recording_link_seconds": 60,
        }
    )
    service = create_app(keyed, clock=clock)
    async with running(service, "203.0.113.9", "https://calls.example.com", raises=True) as stranger:
        context = service.state.context
        _, job_id = await kept(context, dialer, service.state.recordings)
        url = await link(context, job_id, base="http://10.0.0.1:8000")
        assert url.startswith(f"https://calls.example.com/api/v1/outbound-bot/recordings/{job_id}?expires=")
        assert (await stranger.get(url)).status_code == 200
        clock.advance(timedelta(seconds=60))
        assert (await stranger.get(url)).status_code == 410
        assert (await stranger.get(urlsplit(url).path + "/..")).status_code in {401, 403, 404}


async def test_key_of_links_is_made_once(context: Context) -> None:
    urls = await asyncio.gather(*(link(context, "1772706600471-a") for _ in range(5)))
    assert len(set(urls)) == 1
    async with context.database.connection() as connection:
        assert await connection.fetchval("SELECT count(*) FROM secret WHERE name = 'recording_links'") == 1
