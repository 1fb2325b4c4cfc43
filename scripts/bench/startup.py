"""S1: from the command to the first answered request. S2: memory of the idle service."""

import asyncio
import compileall
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import psutil

from app.gateways.embedded_postgres.binaries import find_binaries, reachable_binaries
from app.gateways.embedded_postgres.runner import choose_runner
from scripts.bench.databases import fresh_database
from scripts.bench.report import Row
from scripts.bench.servers import ROOT, asgi_server, free_port, our_server

ROUNDS = 3
PAUSE = 0.002
START_SECONDS = 60.0
IDLE_SECONDS = 3.0
EMPTY = "scripts.bench.startup_empty:app"

# What the running service has loaded, without its own modules: all that a program with these libraries must import.
LIST_MODULES = """
import sys
import app.serving
own = ("app.", "__main__")
print(" ".join(sorted(m for m in sys.modules if m != "app" and not m.startswith(own))))
"""
IMPORT_ALL = """
import importlib, sys
for name in sys.argv[1].split():
    try:
        importlib.import_module(name)
    except ImportError:
        pass
"""


async def first_answer() -> list[Row]:
    """S1: with a data directory of an earlier start beside imports alone, and without one beside PostgreSQL alone.

    The service has byte code as the libraries have, which an installation makes (`dev.py`, the image).
    """
    compileall.compile_dir(ROOT / "app", quiet=2)
    modules = subprocess.run(  # noqa: ASYNC221 - nothing else runs
        [sys.executable, "-c", LIST_MODULES], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.strip()
    direct = [sys.executable, "-m", "app", "run"]
    command = [sys.executable, "scripts/dev.py", "run"]
    seen: dict[str, list[float]] = {}

    def note(name: str, seconds: float) -> None:
        seen.setdefault(name, []).append(seconds)

    with tempfile.TemporaryDirectory(prefix="huiyin-bench-") as folder:
        place = Path(folder)
        place.chmod(0o755)  # noqa: ASYNC240 - nothing else runs
        _start(direct, place / "kept")
        for number in range(ROUNDS):
            note("imports", _imports(modules))
            note("kept", _start(direct, place / "kept"))
            note("kept, dev.py", _start(command, place / "kept"))
            note("postgres", _postgres_alone(place / f"raw-{number}"))
            note("fresh", _start(direct, place / f"fresh-{number}"))
            note("fresh, dev.py", _start(command, place / f"fresh-command-{number}"))
    imports, postgres = (statistics.median(seen[name]) for name in ("imports", "postgres"))
    rows = []
    for name, limit, reach in (("kept", imports, 2.0), ("fresh", postgres, 1.5)):
        beside = "importing the libraries" if name == "kept" else "initdb + postgres"
        for variant, label in ((name, "python -m app run"), (f"{name}, dev.py", "scripts/dev.py run")):
            ours = statistics.median(seen[variant])
            work = f"{label}, {'data directory there' if name == 'kept' else 'no data directory'}, beside {beside}"
            rows.append(Row("S1", work, f"{ours:.2f} s", f"{limit:.2f} s", ours / limit, reach, at_most=True))
    return rows


async def idle_memory() -> list[Row]:
    """S2: memory that is the process's own, and its share of what it shares."""
    async with fresh_database() as url, _idle_service(url) as ours, asgi_server(EMPTY, {"BENCH_URL": url}) as empty:
        await asyncio.sleep(IDLE_SECONDS)
        a, b = ours.memory_full_info(), empty.process.memory_full_info()
    mega = 1024 * 1024
    return [
        Row("S2", f"{name} of the idle service", f"{x / mega:.0f} MB", f"{y / mega:.0f} MB", x / y, 1.5, at_most=True)
        for name, x, y in (("USS", a.uss, b.uss), ("PSS", a.pss, b.pss))
    ]


@asynccontextmanager
async def _idle_service(url: str) -> AsyncIterator[psutil.Process]:
    """Run the service with its scheduler."""
    async with our_server(url, jobs=True) as server:
        yield server.process


def _start(command: list[str], data_dir: Path) -> float:
    """Return the seconds from the command to the first answer; the service is stopped again."""
    port = free_port()
    environment = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    began = time.perf_counter()
    process = subprocess.Popen(
        [*command, "--no-demo", "--port", str(port), "--data-dir", str(data_dir)],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait(process, lambda: _answers(port), began)
        return time.perf_counter() - began
    finally:
        process.terminate()
        process.wait()


def _imports(modules: str) -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", IMPORT_ALL, modules], cwd=ROOT, check=True)
    return time.perf_counter() - began


def _postgres_alone(data_dir: Path) -> float:
    """Return the seconds that initdb and the server need by themselves, with the service's own options."""
    runner = choose_runner(data_dir)
    binaries = reachable_binaries(find_binaries(), runner)
    data_dir.mkdir()
    runner.own(data_dir)
    locale = ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C", "--lc-ctype=C.UTF-8"]
    options = ["--username=huiyin", "--auth=trust", "--encoding=UTF8", *locale, "--no-sync", "--no-instructions"]
    identity: dict[str, Any] = {"user": runner.uid, "group": runner.gid, "extra_groups": []} if runner.switched else {}
    cluster = data_dir / "cluster"
    began = time.perf_counter()
    subprocess.run(
        [binaries / "initdb", "-D", cluster, *options], cwd=data_dir, stdout=subprocess.DEVNULL, check=True, **identity
    )
    process = subprocess.Popen(
        [binaries / "postgres", "-D", cluster, "-h", "", "-k", data_dir],
        cwd=data_dir,
        stderr=subprocess.DEVNULL,
        **identity,
    )
    try:
        _wait(process, lambda: _is_ready(cluster / "postmaster.pid"), began)
        return time.perf_counter() - began
    finally:
        process.send_signal(2)
        process.wait()


def _wait(process: subprocess.Popen[bytes], is_done: Callable[[], bool], began: float) -> None:
    while not is_done():
        assert process.poll() is None, f"it ended with {process.returncode}"
        assert time.perf_counter() - began < START_SECONDS, "it does not answer"
        time.sleep(PAUSE)


def _is_ready(pid_file: Path) -> bool:
    try:
        lines = pid_file.read_text(encoding="utf-8").splitlines()
    except OSError:
        return False
    return len(lines) > 7 and lines[7].strip() == "ready"


def _answers(port: int) -> bool:
    import http.client  # noqa: PLC0415 - as in the programs that are measured, nothing is loaded that is not needed

    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=START_SECONDS)
    try:
        connection.request("GET", "/api/followup-configs")
        return connection.getresponse().status == http.client.OK
    except OSError:
        return False
    finally:
        connection.close()
