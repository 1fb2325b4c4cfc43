"""Recordings from the provider to the store: copied once, tried again, removed."""

import asyncio
import io
import wave
from datetime import timedelta

import httpx2

from app.clock import ManualClock
from app.config import Settings
from app.gateways.dialer import Dialer
from app.gateways.dialer.factory import make_dialer
from app.gateways.recordings.folder import FolderStore
from app.repositories import recordings as repository
from app.services.calls import recordings
from app.services.context import Context
from tests.aliyun import aliyun
from tests.outboundbot import Fault, OutboundBot
from tests.recordings import add_call, files, kept, link, state_of

DAY = timedelta(hours=24)


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
    removed = asyncio.Event()
    bot.fail("recording", Fault(200, b"sound", wait_for=removed))
    copying = asyncio.create_task(recordings.copy_due(context, provider, store))
    await bot.arrived("DownloadRecording")
    await remove(context, call_id)
    removed.set()
    await copying
    await provider.close()
    assert files(settings) == []
    state, size, due_at = await state_of(context, call_id)
    assert (state, size) == ("removed", None)
    assert due_at == clock.now() + timedelta(minutes=10)  # looked at once more when whoever fetched it must be done
