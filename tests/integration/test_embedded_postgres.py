"""The embedded server against everything that has been seen to break one, with real processes."""

import asyncio
import importlib.util
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from app.gateways.embedded_postgres import EmbeddedPostgres, EmbeddedPostgresError, binaries, cluster, locks, places
from app.gateways.embedded_postgres.logfile import LogFile

ROOT = Path(__file__).parents[2]
SERVICE = """
import sys
from pathlib import Path
from app.gateways.embedded_postgres import EmbeddedPostgres, EmbeddedPostgresError

server = EmbeddedPostgres(Path(sys.argv[1]))
try:
    print(server.start(), flush=True)
except EmbeddedPostgresError as error:
    sys.exit(f"refused: {error}")
print(*(name for name in ("embedded_postgres", "asyncpg") if name in sys.modules), flush=True)
sys.stdin.read()
"""
# A backend that never waits for anything does not notice that its postmaster is gone.
BUSY = "SELECT count(*) FROM generate_series(1, 100000000000) AS n WHERE n % 7 = 0"
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root has to become somebody else")
needs_linux = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")


def until(condition: Callable[[], bool]) -> None:
    """Waits for something that must happen, far longer than it should take."""
    deadline = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.01)


def ask(url: str, *statements: str) -> Any:
    """The value that the last statement gives."""

    async def run() -> Any:
        connection = await asyncpg.connect(url.replace("+asyncpg", ""), timeout=120)
        try:
            for statement in statements[:-1]:
                await connection.execute(statement)
            return await connection.fetchval(statements[-1])
        finally:
            await connection.close()

    loop = asyncio.new_event_loop()
    try:
        return loop.run_until_complete(run())
    finally:
        loop.close()


def answers(url: str) -> bool:
    with suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
        return bool(ask(url, "SELECT 1") == 1)
    return False


def socket_directory(url: str) -> Path:
    return Path(parse_qs(urlsplit(url).query)["host"][0])


def postmaster(data_dir: Path) -> int:
    return int((data_dir / "cluster" / "postmaster.pid").read_text().split()[0])


def alive(process: int) -> bool:
    """Whether a process runs; one that only waits for its parent's notice does not."""
    try:
        return ") Z " not in Path(f"/proc/{process}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


def nothing_left(data_dir: Path) -> bool:
    """Whether every process of the server is gone: they hold this lock."""
    descriptor = locks.take(data_dir / "postmaster.lock")
    if descriptor is None:
        return False
    os.close(descriptor)
    return True


class Service:
    """A process that does what the service does: start the server, work, stop when told."""

    def __init__(self, data_dir: Path, *, prefix: tuple[str, ...] = (), cwd: Path = ROOT, **environment: str) -> None:
        self.process = subprocess.Popen(
            [*prefix, sys.executable, "-c", SERVICE, str(data_dir)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            cwd=cwd,
            env={
                **os.environ,
                "PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, sys.path)]),
                "PYTHONIOENCODING": "utf-8",
                **environment,
            },
        )

    def url(self) -> str:
        assert self.process.stdout is not None
        line = self.process.stdout.readline().strip()
        assert line, self.refusal()
        return line

    def line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def refusal(self) -> str:
        return self.process.communicate(timeout=120)[1]

    def kill(self, how: signal.Signals = signal.SIGKILL) -> None:
        self.process.send_signal(how)
        self.process.communicate(timeout=120)

    def end(self) -> int:
        self.process.communicate("", timeout=120)
        return self.process.returncode


StartService = Callable[..., Service]


@pytest.fixture
def service() -> Iterator[StartService]:
    started: list[Service] = []

    def start(data_dir: Path, **options: Any) -> Service:
        started.append(Service(data_dir, **options))
        return started[-1]

    yield start
    for each in started:
        if each.process.poll() is None:
            each.end()


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    """A server for the tests that only ask."""
    settings = {"work_mem": "7MB", "listen_addresses": "*", "unix_socket_permissions": "0777"}
    with EmbeddedPostgres(tmp_path_factory.mktemp("shared") / "data", settings=settings) as server:
        yield server


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory with a cluster in it and no server on it; copy it."""
    home = tmp_path_factory.mktemp("made") / "data"
    with EmbeddedPostgres(home) as server:
        ask(server.url, "CREATE TABLE kept (word text)", "INSERT INTO kept VALUES ('回音')")
        until(lambda: not (home / "cluster.unflushed").exists())
    return home


@pytest.fixture
def lent_dir(made: Path, data_dir: Path) -> Iterator[Path]:
    """The same without the copying, for tests that leave it as it was, under whatever name."""
    made.rename(data_dir)
    yield data_dir
    next(path for path in data_dir.parent.iterdir() if (path / "cluster" / "PG_VERSION").exists()).rename(made)


@pytest.fixture
def old_dir(made: Path, data_dir: Path) -> Path:
    """A data directory that was used before: table `kept`, one row."""
    subprocess.run(["cp", "-a", str(made), str(data_dir)], check=True)
    return data_dir


# What the server is like


async def test_the_url_is_one_for_sqlalchemy(shared: EmbeddedPostgres) -> None:
    engine = create_async_engine(shared.url)
    async with engine.connect() as connection:
        assert (await connection.execute(text("SELECT current_database()"))).scalar_one() == "huiyin"
    await engine.dispose()


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("similarity('候选人张伟', '候选人张三') > 0.3", True),
        ("similarity('回音', '不同') = 0", True),
        ("'候选人' ~ '^[[:alpha:]]+$'", True),
        ("'张伟，你好' ~ '^\\w+$'", False),
        ("lower('ÄÉ张Ω') || upper('äé伟ω')", "äé张ωÄÉ伟Ω"),
        ("length('回音')", 2),
        ("to_tsvector('simple', '张伟 李娜') @@ to_tsquery('simple', '李娜')", True),
        ("(SELECT datlocprovider::text || datlocale FROM pg_database WHERE datname = 'huiyin')", "bC.UTF-8"),
        ("current_setting('server_encoding')", "UTF8"),
    ],
)
def test_chinese_is_text(shared: EmbeddedPostgres, expression: str, expected: object) -> None:
    assert ask(shared.url, "CREATE EXTENSION IF NOT EXISTS pg_trgm", f"SELECT {expression}") == expected


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ("work_mem", "7MB"),
        ("listen_addresses", ""),
        ("unix_socket_permissions", "0700"),
        ("fsync", "on"),
        ("synchronous_commit", "on"),
        ("full_page_writes", "on"),
        ("jit", "off"),
        ("TimeZone", "UTC"),
        ("max_connections", "60"),
    ],
)
def test_settings_can_be_given_but_not_made_public(shared: EmbeddedPostgres, setting: str, expected: str) -> None:
    assert ask(shared.url, f"SHOW {setting}") == expected


def test_only_its_user_can_reach_the_socket(shared: EmbeddedPostgres) -> None:
    assert stat.S_IMODE(socket_directory(shared.url).stat().st_mode) == 0o700


# Starting and stopping


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


# Names and languages


@pytest.mark.parametrize("name", ["my data", 'it\'s $HOME "quoted" `x`', "a,b", "回音 数据", "q" * 130, "100%+&=?#"])
def test_any_name_will_do(tmp_path: Path, lent_dir: Path, name: str) -> None:
    home = tmp_path / name
    lent_dir.rename(home)
    with EmbeddedPostgres(home) as server:
        directory = socket_directory(server.url)
        assert len(os.fsencode(directory / ".s.PGSQL.5432")) <= 100
        assert stat.S_IMODE(directory.stat().st_mode) == 0o700
        assert stat.S_IMODE(directory.parent.stat().st_mode) == 0o700
        assert ask(server.url, "SELECT word FROM kept") == "回音"
    assert not directory.exists()


@pytest.mark.parametrize("name", ["it's \"quoted\" ' twice", "q" * 130])
def test_a_cluster_can_be_made_under_such_names(tmp_path: Path, name: str) -> None:
    with EmbeddedPostgres(tmp_path / name) as server:
        assert answers(server.url)


@pytest.mark.parametrize("prepare", [lambda path: path.mkdir(mode=0o755), lambda path: path.symlink_to("/")])
def test_a_short_socket_directory_that_somebody_else_made_is_refused(
    tmp_path: Path, lent_dir: Path, monkeypatch: pytest.MonkeyPatch, prepare: Callable[[Path], None]
) -> None:
    home = tmp_path / ("q" * 130)
    lent_dir.rename(home)
    with tempfile.TemporaryDirectory(prefix="t") as short:
        monkeypatch.setattr(tempfile, "tempdir", short)
        base = places._short_name(home)
        assert base.parent == Path(short)
        prepare(base)
        with pytest.raises(EmbeddedPostgresError, match="not a private directory"):
            EmbeddedPostgres(home).start()


def test_a_relative_name_means_where_we_were(lent_dir: Path, service: StartService) -> None:
    running = service(Path(lent_dir.name), cwd=lent_dir.parent)
    assert ask(running.url(), "SELECT word FROM kept") == "回音"


@pytest.mark.parametrize(
    "environment",
    [
        {"LANG": "xx_YY.nonsense"},
        {"LC_ALL": "zh_CN.GB18030", "LANG": "zh_CN.GB18030"},
        {"LC_ALL": "C", "PGDATA": "/nowhere", "PGPORT": "1", "PGDATESTYLE": "German", "TZ": "Mars/Base"},
    ],
)
def test_the_environment_does_not_matter(data_dir: Path, service: StartService, environment: dict[str, str]) -> None:
    url = service(data_dir, **environment).url()
    assert ask(url, "CREATE EXTENSION pg_trgm", "SELECT similarity('张伟经理', '张伟') > 0")
    assert ask(url, "SELECT '张' ~ '[[:alpha:]]'")
    assert ask(url, "SELECT current_setting('TimeZone') || ' ' || current_setting('DateStyle')") == "UTC ISO, MDY"
    if sys.platform == "linux":
        assert b"PG" not in Path(f"/proc/{postmaster(data_dir)}/environ").read_bytes()
    if "nonsense" in environment.get("LANG", ""):
        assert ask(url, "SELECT datctype FROM pg_database WHERE datname = 'huiyin'") in cluster._CTYPES[:-1]


# Two of us


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


# What is left over


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


# Violence


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


# What cannot work


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


# Root


@needs_root
def test_root_runs_it_as_somebody_else_and_opens_nothing(data_dir: Path, service: StartService) -> None:
    data_dir.parent.chmod(0o700)
    parents = {path: path.stat().st_mode for path in data_dir.parents}
    url = service(data_dir).url()
    assert answers(url)
    assert Path(f"/proc/{postmaster(data_dir)}").stat().st_uid != 0
    assert {path: path.stat().st_mode for path in data_dir.parents} == parents
    assert stat.S_IMODE(data_dir.stat().st_mode) == 0o700


@needs_root
def test_root_takes_over_a_cluster_that_was_copied_back(old_dir: Path) -> None:
    subprocess.run(["chown", "-R", "0:0", str(old_dir)], check=True)
    with EmbeddedPostgres(old_dir) as server:
        assert ask(server.url, "SELECT word FROM kept") == "回音"


@needs_root
def test_root_keeps_the_owner_of_a_cluster(old_dir: Path) -> None:
    subprocess.run(["chown", "-R", "12345:12345", str(old_dir / "cluster")], check=True)
    with EmbeddedPostgres(old_dir) as server:
        assert ask(server.url, "SELECT word FROM kept") == "回音"
        assert Path(f"/proc/{postmaster(old_dir)}").stat().st_uid == 12345


@needs_root
def test_programs_that_the_user_cannot_reach_are_copied(
    data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = binaries.find_binaries().parents[1]
    hidden = tmp_path / "hidden"
    hidden.mkdir(mode=0o700)
    shutil.copytree(package, hidden / "embedded_postgres", copy_function=os.link)
    libraries = package.with_name("embedded_postgres.libs")
    shutil.copytree(libraries, hidden / libraries.name, copy_function=os.link)
    monkeypatch.setenv("PG_BINDIR", str(hidden / "embedded_postgres" / "pginstall" / "bin"))
    with tempfile.TemporaryDirectory() as public:
        Path(public).chmod(0o755)
        monkeypatch.setattr(binaries, "_COPY_PLACES", (Path(public),))
        for _ in range(2):
            with EmbeddedPostgres(data_dir) as server:
                assert ask(server.url, "CREATE EXTENSION IF NOT EXISTS pg_trgm", "SELECT 1") == 1
        assert len(list(Path(public).iterdir())) == 1
    assert stat.S_IMODE(hidden.stat().st_mode) == 0o700
