"""Recordings from the provider to the listener: copied, linked to, handed out, removed."""

import asyncio
import io
import wave
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest
from fastapi import FastAPI
from pydantic import SecretStr

from app.clock import ManualClock
from app.config import Settings
from app.gateways.dialer import Dialer
from app.gateways.dialer.factory import make_dialer
from app.gateways.recordings.folder import FolderStore
from app.main import create_app
from app.repositories import recordings as repository
from app.services.calls import recordings
from app.services.context import Context
from tests.aliyun import aliyun
from tests.outboundbot import Fault, OutboundBot

DAY = timedelta(hours=24)


@pytest.fixture
def context(app: FastAPI) -> Context:
    found: Context = app.state.context
    return found


@pytest.fixture
def store(app: FastAPI) -> FolderStore:
    found: FolderStore = app.state.recordings
    return found


@pytest.fixture
def dialer(settings: Settings, clock: ManualClock) -> Dialer:
    return make_dialer(settings, clock)


async def add_call(context: Context, phone: str = "+8613800009001", number: int = 1, **fields: Any) -> tuple[int, str]:
    """Write a call that was over five minutes after it was made, which is now; its recording is due."""
    made_at = context.clock.now() - timedelta(minutes=5)
    job_id = f"{int(made_at.timestamp() * 1000)}-4d90-ab26-{number:012x}"
    values: dict[str, Any] = {
        "job_id": job_id,
        "provider": "simulator",
        "placement": "placed",
        "status": "Succeeded",
        "instance_id": "simulator",
        "script_id": "follow_up",
        "call_type": "follow_up",
        "phone": phone,
        "is_automatic": True,
        "created_at": made_at,
        "gives_up_at": context.clock.now(),
        "ended_at": context.clock.now(),
        "recording_state": "pending",
        "recording_due_at": context.clock.now(),
    } | fields
    names, marks = ", ".join(values), ", ".join(f"${place}" for place in range(1, len(values) + 1))
    async with context.database.connection() as connection:
        call_id: int = await connection.fetchval(
            f"INSERT INTO outbound_call ({names}) VALUES ({marks}) RETURNING id", *values.values()
        )
    return call_id, values["job_id"]


async def state_of(context: Context, call_id: int) -> tuple[str, int | None, Any]:
    async with context.database.connection() as connection:
        row = await connection.fetchrow(
            "SELECT recording_state, recording_bytes, recording_due_at FROM outbound_call WHERE id = $1", call_id
        )
    return row["recording_state"], row["recording_bytes"], row["recording_due_at"]


async def link(context: Context, job_id: str, base: str = "http://localhost") -> str:
    async with context.database.connection() as connection:
        return (await recordings.links(context, connection, base)).link_for(job_id)


def files(settings: Settings) -> list[Path]:
    return [path for path in (settings.data_dir / "recordings").rglob("*") if path.is_file()]


async def kept(context: Context, dialer: Dialer, store: FolderStore) -> tuple[int, str]:
    call_id, job_id = await add_call(context)
    assert await recordings.copy_due(context, dialer, store) == 1
    return call_id, job_id


# --- copying -------------------------------------------------------------------------------------------------


async def test_recording_is_copied_when_the_call_is_over_and_heard_without_a_key(
    context: Context, dialer: Dialer, store: FolderStore, client: httpx2.AsyncClient, settings: Settings
) -> None:
    call_id, job_id = await kept(context, dialer, store)
    state, size, due_at = await state_of(context, call_id)
    assert (state, due_at) == ("stored", None)
    [path] = files(settings)
    assert path.stat().st_size == size
    assert path.name == f"{job_id}.wav"
    answer = await client.get(await link(context, job_id))
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "audio/wav"
    assert answer.headers["accept-ranges"] == "bytes"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["cross-origin-resource-policy"] == "cross-origin"
    with wave.open(io.BytesIO(answer.content)) as sound:
        assert (sound.getframerate(), sound.getsampwidth(), sound.getnchannels()) == (8000, 2, 1)
        assert sound.getnframes() > 8000
    assert await recordings.copy_due(context, dialer, store) == 0


async def test_many_processes_copy_each_recording_once(context: Context, dialer: Dialer, store: FolderStore) -> None:
    calls = [(await add_call(context, number=number, phone=f"+86138{number:04d}9002"))[0] for number in range(40)]
    counts = await asyncio.gather(*(recordings.copy_due(context, dialer, store) for _ in range(4)))
    assert sum(counts) == 40
    assert {(await state_of(context, call_id))[0] for call_id in calls} == {"stored"}


async def test_a_process_that_died_leaves_its_recordings_to_others_after_its_lease(
    context: Context, dialer: Dialer, store: FolderStore, clock: ManualClock
) -> None:
    call_id, _ = await add_call(context)
    async with context.database.transaction() as connection:
        await repository.claim(connection, clock.now(), 10, clock.now() + timedelta(minutes=10))
    assert await recordings.copy_due(context, dialer, store) == 0
    clock.advance(timedelta(minutes=10))
    assert await recordings.copy_due(context, dialer, store) == 1
    assert (await state_of(context, call_id))[0] == "stored"


async def test_recording_that_cannot_be_fetched_is_tried_ever_more_rarely_and_lost_after_a_day(
    context: Context, dialer: Dialer, store: FolderStore, clock: ManualClock
) -> None:
    call_id, _ = await add_call(context, phone="+8613800009024")  # a number that the simulator forgets
    ended_at, pauses = clock.now(), []
    while True:
        assert await recordings.copy_due(context, dialer, store) == 1
        state, _, due_at = await state_of(context, call_id)
        if state != "pending":
            break
        pauses.append((due_at - clock.now()).total_seconds())
        clock.set(due_at)
    assert (state, due_at) == ("lost", None)
    assert ended_at + DAY <= clock.now() < ended_at + DAY + timedelta(minutes=30)
    assert pauses[:8] == [30, 60, 120, 240, 480, 960, 1800, 1800]


async def test_throttled_provider_is_left_alone_for_as_long_as_it_wants(
    context: Context, store: FolderStore, clock: ManualClock, settings: Settings
) -> None:
    busy = make_dialer(settings.model_copy(update={"simulator_faults": "throttle=1"}), clock)
    call_id, _ = await add_call(context)
    await recordings.copy_due(context, busy, store)
    assert await state_of(context, call_id) == ("pending", None, clock.now() + timedelta(seconds=10))


async def test_recording_that_does_not_exist_is_lost_at_once(
    context: Context, dialer: Dialer, store: FolderStore, settings: Settings
) -> None:
    call_id, _ = await add_call(context, phone="+8613800009011")  # nobody answers
    await recordings.copy_due(context, dialer, store)
    assert await state_of(context, call_id) == ("lost", None, None)
    assert files(settings) == []


async def test_recording_at_another_provider_waits_for_that_provider(
    context: Context, dialer: Dialer, store: FolderStore, clock: ManualClock
) -> None:
    call_id, _ = await add_call(context, provider="aliyun")
    await recordings.copy_due(context, dialer, store)
    assert await state_of(context, call_id) == ("pending", None, clock.now() + timedelta(seconds=30))


async def test_store_that_fails_loses_nothing_and_holds_up_no_other_call(
    context: Context, dialer: Dialer, store: FolderStore, clock: ManualClock, settings: Settings
) -> None:
    call_id, _ = await add_call(context)
    yesterday = clock.now() - timedelta(hours=20)
    other, _ = await add_call(context, number=2, phone="+8613800019001", created_at=yesterday)
    blocked = settings.data_dir / "recordings" / f"{clock.now():%Y/%m/%d}"
    blocked.parent.mkdir(parents=True)
    blocked.write_text("in the way")
    await recordings.copy_due(context, dialer, store)
    assert (await state_of(context, call_id))[0] == "pending"
    assert (await state_of(context, other))[0] == "stored"
    blocked.unlink()
    clock.advance(timedelta(seconds=30))
    await recordings.copy_due(context, dialer, store)
    assert (await state_of(context, call_id))[0] == "stored"


# --- removing ------------------------------------------------------------------------------------------------


async def remove(context: Context, call_id: int) -> None:
    async with context.database.transaction() as connection:
        await repository.remove(connection, context.clock.now(), [call_id])


async def test_removed_recording_is_out_of_reach_at_once_and_out_of_the_store_soon(
    context: Context, dialer: Dialer, store: FolderStore, client: httpx2.AsyncClient, settings: Settings
) -> None:
    call_id, job_id = await kept(context, dialer, store)
    url = await link(context, job_id)
    await remove(context, call_id)
    assert (await client.get(url)).status_code == 410
    assert len(files(settings)) == 1
    await recordings.copy_due(context, dialer, store)
    assert files(settings) == []
    assert await state_of(context, call_id) == ("removed", None, None)
    assert (await client.get(url)).status_code == 410


async def test_deletion_is_tried_until_it_is_done(
    context: Context, dialer: Dialer, store: FolderStore, clock: ManualClock, settings: Settings
) -> None:
    call_id, _ = await kept(context, dialer, store)
    [path] = files(settings)
    path.unlink()
    path.mkdir()
    await remove(context, call_id)
    clock.advance(2 * DAY)
    await recordings.copy_due(context, dialer, store)
    assert (await state_of(context, call_id))[::2] == ("removed", clock.now() + timedelta(seconds=60))
    path.rmdir()
    clock.advance(timedelta(minutes=1))
    await recordings.copy_due(context, dialer, store)
    assert await state_of(context, call_id) == ("removed", None, None)


@pytest.fixture
async def bot() -> AsyncIterator[OutboundBot]:
    async with OutboundBot() as opened:
        yield opened


async def test_recording_that_is_removed_while_it_is_fetched_is_not_kept(
    context: Context, store: FolderStore, clock: ManualClock, settings: Settings, bot: OutboundBot
) -> None:
    provider = aliyun(bot.endpoint, clock)
    call_id, job_id = await add_call(context, provider="aliyun", instance_id="instance", provider_job_id="job-1")
    job = bot.add(job_id)
    bot.end(job, "SucceededFinish")
    async with context.database.connection() as connection:
        await connection.execute("UPDATE outbound_call SET provider_job_id = $1", job.job_id)
    bot.recordings[f"task-{job.job_id}"] = b"sound"
    bot.fail("recording", Fault(200, b"sound", seconds=0.3))
    copying = asyncio.create_task(recordings.copy_due(context, provider, store))
    await bot.arrived("DownloadRecording")
    await remove(context, call_id)
    await copying
    await provider.close()
    assert files(settings) == []
    state, size, due_at = await state_of(context, call_id)
    assert (state, size) == ("removed", None)
    assert due_at == clock.now() + timedelta(minutes=10)  # looked at once more when whoever fetched it must be done


# --- handing out ---------------------------------------------------------------------------------------------


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
    transport = httpx2.ASGITransport(app=service, client=("203.0.113.9", 1))
    async with (
        service.router.lifespan_context(service),
        httpx2.AsyncClient(transport=transport, base_url="https://calls.example.com") as stranger,
    ):
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
