"""The embedded server starts and stops, alone or beside others, and says why it cannot."""

import asyncio
import importlib.util
import os
import threading
import time
from pathlib import Path

import asyncpg
import pytest

from app.gateways.embedded_postgres import EmbeddedPostgres, EmbeddedPostgresError, cluster
from app.gateways.embedded_postgres.logfile import LogFile
from tests.integration.embedded_postgres.helpers import (
    StartService,
    answers,
    ask,
    nothing_left,
    postmaster,
)


def test_data_stays_from_one_start_to_the_next(data_dir: Path) -> None:
    with EmbeddedPostgres(data_dir) as server:
        ask(server.url, "CREATE TABLE kept (n int)", "INSERT INTO kept VALUES (7)")
    with EmbeddedPostgres(data_dir) as server:
        assert ask(server.url, "SELECT n FROM kept") == 7


def test_start_and_stop_may_be_repeated(lent_dir: Path) -> None:
    server = EmbeddedPostgres(lent_dir)
    server.stop()
    with pytest.raises(EmbeddedPostgresError, match="not started"):
        _ = server.url
    url = server.start()
    assert server.start() == url
    server.stop()
    server.stop()
    assert nothing_left(lent_dir)
    assert server.start() == url
    assert ask(url, "SELECT word FROM kept") == "回音"
    server.stop()


def test_a_dropped_database_is_made_again(old_dir: Path) -> None:
    with EmbeddedPostgres(old_dir) as server:
        ask(server.url.replace("@/huiyin", "@/template1"), "DROP DATABASE huiyin", "SELECT 1")
    with EmbeddedPostgres(old_dir) as server:
        assert ask(server.url, "SHOW server_encoding") == "UTF8"


def test_a_script_fills_a_database_that_is_made_and_no_other(data_dir: Path, tmp_path: Path) -> None:
    script = tmp_path / "fill.sql"
    script.write_text("BEGIN; CREATE TABLE filled (word text); INSERT INTO filled VALUES ('回音'); COMMIT;")
    for _ in range(2):
        with EmbeddedPostgres(data_dir, script=script) as server:
            assert ask(server.url, "SELECT string_agg(word, ',') FROM filled") == "回音"
            assert ask(
                server.url, "SELECT string_agg(datname, ',' ORDER BY oid) FROM pg_database WHERE datallowconn"
            ) == ("template1,huiyin")
    with EmbeddedPostgres(data_dir) as server:
        ask(server.url.replace("@/huiyin", "@/template1"), "DROP DATABASE huiyin", "SELECT 1")
    with EmbeddedPostgres(data_dir, script=script) as server:
        assert ask(server.url, "SELECT string_agg(word, ',') FROM filled") == "回音"


def test_a_script_that_fails_leaves_an_empty_database_and_says_why(data_dir: Path, tmp_path: Path) -> None:
    script = tmp_path / "fill.sql"
    script.write_text("BEGIN; CREATE TABLE filled (word text); SELECT 1 / 0; COMMIT;")
    with pytest.raises(EmbeddedPostgresError, match="division by zero"):
        EmbeddedPostgres(data_dir, script=script).start()
    with EmbeddedPostgres(data_dir) as server:
        assert ask(server.url, "SELECT to_regclass('filled')") is None


def test_begin_returns_at_once_and_start_waits(data_dir: Path) -> None:
    server = EmbeddedPostgres(data_dir)
    server.begin()
    with pytest.raises(EmbeddedPostgresError, match="not started"):
        _ = server.url
    server.begin()
    assert answers(server.start())
    server.stop()
    assert nothing_left(data_dir)


def test_stop_is_orderly_even_with_an_open_transaction(old_dir: Path, service: StartService) -> None:
    running = service(old_dir)
    url = running.url()
    loop = asyncio.new_event_loop()
    connection = loop.run_until_complete(asyncpg.connect(url.replace("+asyncpg", "")))
    loop.run_until_complete(connection.execute("BEGIN; DELETE FROM kept"))
    assert running.end() == 0  # nobody called stop: the interpreter's end does
    connection.terminate()
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()
    assert "database system is shut down" in (old_dir / "postgres.log").read_text().splitlines()[-1]
    with EmbeddedPostgres(old_dir) as server:
        assert ask(server.url, "SELECT word FROM kept") == "回音"


def test_the_start_imports_neither_the_wheel_nor_the_driver(lent_dir: Path, service: StartService) -> None:
    running = service(lent_dir)
    running.url()
    assert running.line() == ""


def test_it_outlives_the_thread_that_called_start(lent_dir: Path) -> None:
    server = EmbeddedPostgres(lent_dir)
    caller = threading.Thread(target=server.start)
    caller.start()
    caller.join()
    before = postmaster(lent_dir)
    time.sleep(0.3)  # a death signal would come at once
    assert answers(server.url)
    assert postmaster(lent_dir) == before
    server.stop()


def test_a_second_starter_is_told_what_to_do(lent_dir: Path, service: StartService) -> None:
    first = service(lent_dir)
    url = first.url()
    refusal = service(lent_dir).refusal()
    assert "refused:" in refusal
    for hint in (str(lent_dir), f"process {first.process.pid}", "another data directory", "DATABASE_URL"):
        assert hint in refusal
    assert answers(url)


def test_a_second_starter_in_the_same_process_is_refused_too(lent_dir: Path) -> None:
    with EmbeddedPostgres(lent_dir) as first:
        with pytest.raises(EmbeddedPostgresError, match="in use"):
            EmbeddedPostgres(lent_dir).start()
        assert answers(first.url)


def test_a_server_that_was_started_by_hand_is_left_alone(lent_dir: Path) -> None:
    with EmbeddedPostgres(lent_dir) as server:
        with pytest.raises(EmbeddedPostgresError, match="already runs"):
            cluster.discard_stale_pid_file(lent_dir / "cluster")
        assert (lent_dir / "cluster" / "postmaster.pid").exists()
        assert answers(server.url)


def test_the_reason_why_it_does_not_start_is_told(lent_dir: Path) -> None:
    with pytest.raises(EmbeddedPostgresError, match='invalid value for parameter "shared_buffers"'):
        EmbeddedPostgres(lent_dir, settings={"shared_buffers": "nonsense"}).start()
    with EmbeddedPostgres(lent_dir) as server:
        assert answers(server.url)


def test_wrong_and_missing_programs_are_named(lent_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PG_BINDIR", str(tmp_path))
    with pytest.raises(EmbeddedPostgresError, match="no runnable postgres and no initdb"):
        EmbeddedPostgres(lent_dir).start()
    monkeypatch.delenv("PG_BINDIR")
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(EmbeddedPostgresError, match="DATABASE_URL"):
        EmbeddedPostgres(lent_dir).start()


def test_a_data_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(EmbeddedPostgresError, match=f"cannot make the data directory {tmp_path}/file/data"):
        EmbeddedPostgres(tmp_path / "file" / "data").start()


def test_a_user_without_a_name_is_told_so() -> None:
    with pytest.raises(EmbeddedPostgresError, match="has no name"):
        cluster._require_name(3_999_999_999)


def test_the_log_stays_small(tmp_path: Path) -> None:
    log = LogFile(tmp_path / "postgres.log", limit=10)
    descriptor = log.open()
    os.write(descriptor, b"a long first message")
    log.bound()
    os.write(descriptor, b"second")
    log.bound()
    os.close(descriptor)
    assert log.path.read_text() == "second"
    assert (tmp_path / "postgres.log.1").read_text() == "a long first message"
