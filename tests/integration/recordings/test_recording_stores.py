"""Both stores of recordings keep the same promises; the folder also on a full disk."""

import asyncio
import os
import sys
import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from pathlib import Path

import pytest
from obstore.store import LocalStore, MemoryStore

from app.config import Settings
from app.errors import StartupError
from app.gateways.recordings import (
    RecordingStore,
    RecordingTooLargeError,
    StoreError,
    StoreFullError,
    factory,
    make_store,
)
from app.gateways.recordings import store as stores
from app.gateways.recordings.bucket import BucketStore
from app.gateways.recordings.folder import FolderStore
from tests.disks import may_mount, read_only, small_disk
from tests.s3 import Bucket

NEEDS_MOUNT = "a disk that can be filled has to be mounted; the limit of the process that is tried below needs none"
KEY = "2026/03/05/1772706600471-447e-96ea-97523c61189b.wav"


@pytest.fixture(params=["folder", "bucket in memory", "bucket on disk"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> RecordingStore:
    if request.param == "folder":
        return FolderStore(tmp_path / "recordings")
    return BucketStore(MemoryStore() if "memory" in request.param else LocalStore(tmp_path))


async def pieces(*given: bytes | Exception) -> AsyncGenerator[bytes, None]:
    for piece in given:
        if isinstance(piece, Exception):
            raise piece
        yield piece


async def read(store: RecordingStore, start: int, end: int, key: str = KEY) -> bytes:
    return b"".join([piece async for piece in store.read(key, start, end)])


async def test_what_is_saved_is_read_in_whole_and_in_part(store: RecordingStore) -> None:
    sound = os.urandom(3_000_000)
    assert await store.size(KEY) is None
    assert await store.save(KEY, pieces(*(sound[at : at + 16_000] for at in range(0, len(sound), 16_000)))) == len(
        sound
    )
    assert await store.size(KEY) == len(sound)
    assert await read(store, 0, len(sound)) == sound
    assert await read(store, 1_234_567, 1_234_568) == sound[1_234_567:1_234_568]
    assert await read(store, 2_999_000, 3_000_000) == sound[2_999_000:]


async def test_recording_is_replaced_and_deleted(store: RecordingStore) -> None:
    await store.save(KEY, pieces(b"first, and longer"))
    assert await store.save(KEY, pieces(b"second")) == 6
    assert await read(store, 0, 6) == b"second"
    await store.delete(KEY)
    assert await store.size(KEY) is None
    await store.delete(KEY)
    with pytest.raises(StoreError):
        await read(store, 0, 6)


async def test_empty_recording_is_kept(store: RecordingStore) -> None:
    assert await store.save(KEY, pieces()) == 0
    assert await store.size(KEY) == 0


@pytest.mark.parametrize("error", [LookupError("the line broke"), ValueError("rubbish"), OSError("reset")])
async def test_recording_that_breaks_off_leaves_nothing_and_says_why(store: RecordingStore, error: Exception) -> None:
    await store.save(KEY, pieces(b"what was there before"))
    with pytest.raises(type(error), match=str(error)):
        await store.save(KEY, pieces(b"x" * 6_000_000, error))
    assert await read(store, 0, 21) == b"what was there before"


async def test_recording_without_an_end_is_refused(store: RecordingStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stores, "MAX_BYTES", 1_000_000)
    with pytest.raises(RecordingTooLargeError):
        await store.save(KEY, pieces(*(b"x" * 100_000 for _ in range(11))))
    assert await store.size(KEY) is None


async def test_short_file_is_an_error_and_no_short_answer(store: RecordingStore) -> None:
    await store.save(KEY, pieces(b"12345"))
    with pytest.raises(StoreError):
        await read(store, 0, 6)


@pytest.mark.parametrize(
    "key",
    ["", "/etc/passwd", "../x", "a/../b", "a//b", "a/", "./a", ".a", "a\\..\\b", "a\0b", "录音", "a/.b", "a" * 129],
)
async def test_no_key_leads_out_of_the_store(store: RecordingStore, key: str) -> None:
    with pytest.raises(ValueError, match="no key"):
        await store.save(key, pieces(b"x"))
    with pytest.raises(ValueError, match="no key"):
        await store.size(key)
    with pytest.raises(ValueError, match="no key"):
        await read(store, 0, 1, key)
    with pytest.raises(ValueError, match="no key"):
        await store.delete(key)


# --- the folder ----------------------------------------------------------------------------------------------


async def test_nobody_else_can_look_and_nothing_is_left_beside(tmp_path: Path) -> None:
    await FolderStore(tmp_path / "r").save(KEY, pieces(b"x"))
    assert (tmp_path / "r" / KEY).stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "r/2026/03/05").stat().st_mode & 0o777 == 0o700
    assert len(list((tmp_path / "r/2026/03/05").iterdir())) == 1


async def test_reader_sees_the_old_or_the_new_and_nothing_between(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    old, new = b"o" * 1_000_000, b"n" * 1_000_000
    await store.save(KEY, pieces(old))
    reached, go_on = asyncio.Event(), asyncio.Event()

    async def slowly() -> AsyncIterator[bytes]:
        yield new[:500_000]
        reached.set()
        await go_on.wait()
        yield new[500_000:]

    saving = asyncio.create_task(store.save(KEY, slowly()))
    await reached.wait()
    assert await read(store, 0, len(old)) == old
    go_on.set()
    await saving
    assert await read(store, 0, len(new)) == new


async def test_cancelled_save_leaves_nothing(tmp_path: Path) -> None:
    reached = asyncio.Event()

    async def endless() -> AsyncIterator[bytes]:
        yield b"x" * 500_000
        reached.set()
        await asyncio.Event().wait()

    saving = asyncio.create_task(FolderStore(tmp_path).save(KEY, endless()))
    await reached.wait()
    saving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await saving
    assert list((tmp_path / "2026/03/05").iterdir()) == []


async def test_what_a_killed_process_left_is_cleared_by_the_next_try(tmp_path: Path) -> None:
    folder = tmp_path / "2026/03/05"
    folder.mkdir(parents=True)
    name = Path(KEY).name
    old, young = folder / f".{name}.aaaa.part", folder / f".{name}.bbbb.part"
    for part in (old, young):
        part.write_bytes(b"half")
    os.utime(old, (time.time() - 7200,) * 2)
    await FolderStore(tmp_path).save(KEY, pieces(b"whole"))
    assert sorted(path.name for path in folder.iterdir()) == sorted([young.name, name])


async def test_link_in_place_of_a_recording_is_not_followed(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    await store.save(KEY, pieces(b"x"))
    (tmp_path / KEY).unlink()
    (tmp_path / KEY).symlink_to("/etc/passwd")
    with pytest.raises(StoreError):
        await read(store, 0, 1)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of one megabyte."""
    with small_disk(tmp_path / "disk", megabytes=1) as folder:
        yield folder


@pytest.mark.skipif(not may_mount(), reason=NEEDS_MOUNT)
async def test_full_disk_is_told_and_leaves_room_again(disk: Path) -> None:
    store = FolderStore(disk)
    await store.save(KEY, pieces(b"kept"))
    with pytest.raises(StoreFullError):
        await store.save("2026/03/05/too-large.wav", pieces(*(b"x" * 300_000 for _ in range(10))))
    assert await read(store, 0, 4) == b"kept"
    assert await store.save("2026/03/05/small.wav", pieces(b"x" * 300_000)) == 300_000


@pytest.mark.skipif(not may_mount(), reason=NEEDS_MOUNT)
async def test_disk_that_became_read_only_is_told_and_read_from(disk: Path) -> None:
    store = FolderStore(disk)
    await store.save(KEY, pieces(b"kept"))
    with read_only(disk):
        with pytest.raises(StoreFullError):
            await store.save("2026/03/05/another.wav", pieces(b"x"))
        with pytest.raises(StoreError):
            await store.delete(KEY)
        assert await read(store, 0, 4) == b"kept"
    await store.delete(KEY)
    assert await store.size(KEY) is None


async def test_file_over_the_limit_of_the_process_is_told_as_full(tmp_path: Path) -> None:
    script = f"""
import asyncio, resource, signal, sys
from pathlib import Path
from app.gateways.recordings import StoreFullError
from app.gateways.recordings.folder import FolderStore
from tests.s3 import Bucket
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
async def pieces():
    for _ in range(10):
        yield b"x" * 300_000
async def main():
    try:
        await FolderStore(Path({str(tmp_path)!r})).save({KEY!r}, pieces())
    except StoreFullError:
        sys.exit(7)
asyncio.run(main())
"""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", script, cwd=Path.cwd(), env={"PYTHONPATH": "."}
    )
    assert await process.wait() == 7
    assert list((tmp_path / "2026/03/05").iterdir()) == []


# --- what the settings name ----------------------------------------------------------------------------------


def test_folder_beside_the_data_is_the_default_and_not_made_before_it_is_needed(tmp_path: Path) -> None:
    assert isinstance(make_store(Settings(data_dir=tmp_path)), FolderStore)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("url", ["s3://", "s3:bucket", "https://bucket/prefix", "bucket", "file:///tmp"])
def test_url_that_names_no_store_is_refused_at_start(url: str) -> None:
    with pytest.raises(StartupError, match=r"s3://bucket/prefix"):
        make_store(Settings(recordings_url=url))


def test_bucket_is_opened_by_its_url() -> None:
    assert isinstance(make_store(Settings(recordings_url="s3://calls/recordings")), BucketStore)


def test_missing_extra_is_named_at_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "obstore", None)
    monkeypatch.delitem(sys.modules, "app.gateways.recordings.bucket")
    with pytest.raises(StartupError, match=r"requirements-extras\.lock"):
        factory.make_store(Settings(recordings_url="s3://calls/recordings"))


# --- S3 ------------------------------------------------------------------------------------------------------


@pytest.fixture
async def bucket(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Bucket]:
    async with Bucket() as opened:
        for name, value in {
            "AWS_ENDPOINT": opened.url,
            "AWS_ALLOW_HTTP": "true",
            "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "example",
            "AWS_SECRET_ACCESS_KEY": "example",
        }.items():
            monkeypatch.setenv(name, value)
        yield opened


async def test_s3_keeps_recordings_of_one_part_and_of_several(bucket: Bucket) -> None:
    store = make_store(Settings(recordings_url="s3://calls/kept/here"))
    large = os.urandom(20_000_000)
    await store.save(KEY, pieces(b"small"))
    assert bucket.objects == {f"kept/here/{KEY}": b"small"}
    await store.save(KEY, pieces(*(large[at : at + 100_000] for at in range(0, len(large), 100_000))))
    assert bucket.objects == {f"kept/here/{KEY}": large}
    assert not bucket.uploads
    assert await store.size(KEY) == len(large)
    assert await read(store, 1_000_000, 1_000_010) == large[1_000_000:1_000_010]
    await store.delete(KEY)
    assert await store.size(KEY) is None
    assert bucket.is_signed


async def test_s3_upload_that_breaks_off_is_given_up(bucket: Bucket) -> None:
    store = make_store(Settings(recordings_url="s3://calls"))
    with pytest.raises(LookupError):
        await store.save(KEY, pieces(*(b"x" * 1_000_000 for _ in range(20)), LookupError("the line broke")))
    assert not bucket.objects
    assert not bucket.uploads


async def test_s3_that_fails_is_asked_again_and_then_told_as_an_error(bucket: Bucket) -> None:
    store = make_store(Settings(recordings_url="s3://calls"))
    bucket.failures = 1
    await store.save(KEY, pieces(b"sound"))
    bucket.failures = 100
    with pytest.raises(StoreError):
        await store.size(KEY)
    with pytest.raises(StoreError):
        await store.save(KEY, pieces(b"sound"))
    with pytest.raises(StoreError):
        await store.delete(KEY)
