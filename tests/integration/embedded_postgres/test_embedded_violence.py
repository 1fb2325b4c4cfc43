"""The embedded server against everything that has been seen to break one: leftovers, kills, crashes."""

import os
import shutil
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

import asyncpg
import pytest

from app.gateways.embedded_postgres import EmbeddedPostgres, EmbeddedPostgresError, cluster, locks, places
from tests.integration.embedded_postgres.helpers import (
    BUSY,
    ROOT,
    StartService,
    alive,
    answers,
    ask,
    needs_linux,
    nothing_left,
    postmaster,
    until,
)


def test_a_start_that_is_given_up_leaves_no_half_made_cluster(data_dir: Path) -> None:
    server = EmbeddedPostgres(data_dir)
    server.begin()
    until((data_dir / "cluster.new" / "base").exists)
    server.stop()
    until(lambda: nothing_left(data_dir))
    assert not (data_dir / "cluster").exists()
    assert not (data_dir / "cluster.new").exists()
    assert answers(server.start())
    server.stop()


@pytest.mark.parametrize("content", ["{innocent}", "{us}", "1", "99999999", "", "nonsense"])
def test_a_stale_pid_file_stops_nobody(lent_dir: Path, content: str) -> None:
    innocent = subprocess.Popen(["sleep", "600"])
    try:
        number = content.format(innocent=innocent.pid, us=os.getpid())
        lines = f"{number}\n{lent_dir}/cluster\n1700000000\n5432\n/tmp\n\n  1234567   99999\nready   \n"
        (lent_dir / "cluster" / "postmaster.pid").write_text(lines if content else "")
        run = lent_dir / "run"
        run.mkdir(exist_ok=True)
        (run / ".s.PGSQL.5432").touch()
        (run / ".s.PGSQL.5432.lock").write_text(lines)
        with EmbeddedPostgres(lent_dir) as server:
            assert ask(server.url, "SELECT word FROM kept") == "回音"
        assert innocent.poll() is None
    finally:
        innocent.kill()
        innocent.wait()


@needs_linux
def test_only_postgres_is_hastened(tmp_path: Path) -> None:
    lock = tmp_path / "postmaster.lock"
    descriptor = locks.take(lock)
    assert descriptor is not None
    innocent = subprocess.Popen(["sleep", "600"], pass_fds=[descriptor])
    os.close(descriptor)
    try:
        assert locks.take(lock) is None
        assert locks._signal(innocent.pid, lock, signal.SIGKILL) is False
        assert innocent.poll() is None
    finally:
        innocent.kill()
        innocent.wait()


def test_a_half_made_cluster_is_made_again(data_dir: Path, service: StartService) -> None:
    first = service(data_dir)
    until((data_dir / "cluster.new" / "base").exists)
    first.kill()
    until(lambda: nothing_left(data_dir))
    (data_dir / "cluster.new").mkdir(exist_ok=True)
    (data_dir / "cluster.new" / "remains").touch()
    with EmbeddedPostgres(data_dir) as server:
        assert answers(server.url)
    assert not (data_dir / "cluster.new").exists()


def test_foreign_files_are_not_overwritten(data_dir: Path) -> None:
    (data_dir / "cluster").mkdir(parents=True)
    precious = data_dir / "cluster" / "letters.txt"
    precious.write_text("keep me")
    with pytest.raises(EmbeddedPostgresError, match="holds files but no PostgreSQL cluster"):
        EmbeddedPostgres(data_dir).start()
    assert precious.read_text() == "keep me"


def test_a_new_cluster_is_flushed_even_if_that_was_interrupted(lent_dir: Path) -> None:
    mark = lent_dir / "cluster.unflushed"
    mark.touch()
    cluster.flush(places.Places(lent_dir), lambda: True)
    assert mark.exists()
    with EmbeddedPostgres(lent_dir):
        until(lambda: not mark.exists())


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the next start ends the leftover server")
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
@pytest.mark.parametrize("prefix", [(), ("sh", "-c", "trap '' INT QUIT HUP; exec \"$@\"", "sh")], ids=["", "nohup"])
def test_postgres_does_not_outlive_us(
    old_dir: Path, service: StartService, how: signal.Signals, prefix: tuple[str, ...]
) -> None:
    first = service(old_dir, prefix=prefix)
    ask(first.url(), "INSERT INTO kept VALUES ('committed')", "SELECT 1")
    process = postmaster(old_dir)
    first.kill(how)
    until(lambda: not alive(process) and nothing_left(old_dir))
    second = service(old_dir)
    assert ask(second.url(), "SELECT count(*) FROM kept") == 2


@needs_linux
def test_what_has_no_signal_handler_yet_does_not_outlive_us_either() -> None:
    launcher = str(ROOT / "app" / "gateways" / "embedded_postgres" / "launch.py")
    script = 'trap \'\' INT; "$0" -IS "$1" $$ -1 -1 "$2" 600 >&- & echo $!; wait'
    sleep = shutil.which("sleep")
    assert sleep is not None
    command = ["sh", "-c", script, sys.executable, launcher, sleep]
    parent = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    until(lambda: Path(f"/proc/{child}/comm").read_text() == "sleep\n")
    parent.kill()
    parent.communicate()
    until(lambda: not alive(child))


def test_a_restart_right_after_a_kill_waits_for_the_rest(lent_dir: Path, service: StartService) -> None:
    first = service(lent_dir)
    first.url()
    first.kill()
    with EmbeddedPostgres(lent_dir) as server:
        assert ask(server.url, "SELECT word FROM kept") == "回音"


@needs_linux
@pytest.mark.parametrize("busy", [False, True], ids=["idle", "busy"])
def test_a_killed_postmaster_comes_back_with_its_data(old_dir: Path, busy: bool) -> None:
    said: list[str] = []
    with EmbeddedPostgres(old_dir, log=said.append) as server:
        client = _start_busy_client(server.url) if busy else None
        for round_ in range(1 if busy else 2):
            ask(server.url, "INSERT INTO kept VALUES ('again')", "SELECT 1")
            before = postmaster(old_dir)
            os.kill(before, signal.SIGKILL)
            until(lambda: len([line for line in said if line.endswith("is back")]) > round_)  # noqa: B023 - used at once
            assert postmaster(old_dir) != before
            assert ask(server.url, "SELECT count(*) FROM kept") == 2 + round_
        if client is not None:
            client.join()
    assert nothing_left(old_dir)


def _start_busy_client(url: str) -> threading.Thread:
    """A query that never looks whether its postmaster lives."""
    active = "SELECT count(*) = 1 FROM pg_stat_activity WHERE query = $$" + BUSY + "$$ AND state = 'active'"

    def run() -> None:
        with suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            ask(url, BUSY)

    client = threading.Thread(target=run)
    client.start()
    until(lambda: bool(ask(url, active)))
    return client


def test_it_keeps_trying_to_come_back(old_dir: Path) -> None:
    said: list[str] = []
    with EmbeddedPostgres(old_dir, log=said.append) as server:
        hidden = old_dir / "cluster" / "hidden_control"
        control = old_dir / "cluster" / "global" / "pg_control"
        control.rename(hidden)
        os.kill(postmaster(old_dir), signal.SIGKILL)
        until(lambda: any("next try" in line for line in said))
        hidden.rename(control)
        until(lambda: any("is back" in line for line in said))
        assert ask(server.url, "SELECT word FROM kept") == "回音"


def test_stop_ends_the_attempts_to_come_back(old_dir: Path) -> None:
    said: list[str] = []
    before = set(threading.enumerate())
    server = EmbeddedPostgres(old_dir, log=said.append)
    server.start()
    (old_dir / "cluster" / "global" / "pg_control").unlink()
    os.kill(postmaster(old_dir), signal.SIGKILL)
    until(lambda: any("next try" in line for line in said))
    server.stop()
    assert set(threading.enumerate()) == before
    assert nothing_left(old_dir)
