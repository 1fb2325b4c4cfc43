#!/usr/bin/env python3
"""Everything a developer does from a checkout, with Python and nothing else.

`run` starts the service, `test` runs every check of the project, `bench` measures, `soak` loads a service for minutes,
`image` builds and runs the container image, `lock` renews the locks, `schema` writes what a new database is made from.
Each command first makes sure that `.venv` holds exactly what its lock file says:

- The stamp inside `.venv` names the Python, the place and the hashes of the lock files that were installed.
  It is written last and removed first, so an interrupted installation never looks finished.
- A `.venv` without a fitting stamp (interrupted, of another Python, moved or copied) is made anew.
- The lock for development holds all that the one for running holds: a `.venv` for development serves `run`
  too and is never narrowed.
- Two of these commands at once wait for each other while installing.
"""

import argparse
import contextlib
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple


def platform_problem(platform: str, major: int, minor: int) -> str:
    """Say why this machine cannot run the project; an empty text if it can."""
    if platform == "win32":
        return "Huiyin runs on Linux and macOS. On Windows use WSL, or the container image (see Dockerfile)."
    if (major, minor) < (3, 11):
        return f"Huiyin needs Python 3.11 or newer; this is {major}.{minor}. Call this script with a newer one."
    return ""


# Stands before all newer syntax, so that an old Python gets this far.
PROBLEM = platform_problem(sys.platform, sys.version_info[0], sys.version_info[1])
if PROBLEM:
    sys.exit(PROBLEM)

import fcntl  # noqa: E402 - absent on Windows, which is told so above

ROOT = Path(__file__).resolve().parent.parent
RUN_LOCK = "requirements.lock"
DEV_LOCK = "requirements-dev.lock"
EXTRAS_LOCK = "requirements-extras.lock"
"""The one for running with the optional extras; whoever wants them installs it by hand."""
COVERAGE_PERCENT = 90
DOMAIN_COVERAGE_PERCENT = 100
BROWSER = Path("/usr/bin/chromium")
NO_BROWSER = "HUIYIN_TEST_NO_BROWSER"
SCHEMA = "alembic/schema.sql"
# Files of tests side by side, in the order of collection: tests/conftest.py puts the longest first.
SIDE_BY_SIDE = ("--numprocesses=auto", "--dist=loadfile", "--no-loadscope-reorder")


# --- the virtual environment --------------------------------------------------------------------------------


class Venv:
    """The virtual environment of a checkout: `root/.venv`, its stamp and its lock file."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.path = root / ".venv"
        self.bin = self.path / "bin"
        self.python = self.bin / "python"
        self.stamp = self.path / "huiyin-installed.json"

    def identity(self) -> str:
        """Name the Python that is running and the place; a `.venv` serves only where both are the same."""
        interpreter = f"{sys.implementation.cache_tag}{sys.abiflags}"
        return f"{interpreter} {sys.platform} {os.uname().machine} {self.path}"

    def digest(self, lock: str) -> str:
        """SHA-256 of a lock file of this checkout."""
        return hashlib.sha256((self.root / lock).read_bytes()).hexdigest()

    def installed(self) -> dict[str, str]:
        """Lock names and hashes that the stamp vouches for; empty if this `.venv` cannot be used."""
        try:
            stamp = json.loads(self.stamp.read_text(encoding="utf-8"))
            fits = stamp.pop("identity") == self.identity() and self.python.exists()
        except (OSError, ValueError, TypeError, AttributeError, KeyError):
            return {}
        return stamp if fits else {}

    def serves(self, lock: str) -> bool:
        """Tell whether all of the lock is installed."""
        return self.installed().get(lock) == self.digest(lock)

    def record(self, lock: str) -> None:
        """Write the stamp: the lock is installed, and with that for development also the one for running."""
        locks = {RUN_LOCK, lock}
        stamp = {"identity": self.identity()} | {name: self.digest(name) for name in sorted(locks)}
        draft = self.stamp.with_suffix(".tmp")
        draft.write_text(json.dumps(stamp, indent=1), encoding="utf-8")
        draft.replace(self.stamp)

    def ensure(self, lock: str) -> None:
        """Install the lock unless it is there already."""
        if self.serves(lock):
            return
        with exclusive(self.root / ".venv.lock") as hold:
            if not self.serves(lock):
                self._install(lock, hold)

    def _install(self, lock: str, hold: int) -> None:
        before = self.installed()
        wanted = DEV_LOCK if DEV_LOCK in before else lock
        if not before:
            remove(self.path)
            make_venv(self.path, hold)
        self.stamp.unlink(missing_ok=True)
        say(f"Installing {wanted}; this takes a minute the first time.")
        install(self.python, "--require-hashes", "--no-deps", "-r", str(self.root / wanted), hold=hold)
        compile_service(self.python, self.root)
        self.record(wanted)


@contextlib.contextmanager
def exclusive(path: Path) -> Iterator[int]:
    """Hold the lock file, after waiting for whoever holds it now.

    Children that inherit the descriptor hold it too: a pip that outlives a killed dev.py is waited for.
    """
    with path.open("w", encoding="utf-8") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("Another dev.py is installing into .venv; waiting for it.")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield handle.fileno()


def remove(path: Path) -> None:
    """Remove a `.venv`, or the link to one, if there is any."""
    if path.is_symlink():
        path.unlink()
    elif path.exists():
        say(f"{path.name} is unfinished, moved, or of another Python: making it anew.")
        shutil.rmtree(path)


def make_venv(path: Path, *hold: int) -> None:
    """Make an empty virtual environment with pip in it."""
    base = getattr(sys, "_base_executable", sys.executable)
    if subprocess.run([base, "-m", "venv", str(path)], pass_fds=hold, check=False).returncode:
        sys.exit(f"{base} cannot make virtual environments. On Debian and Ubuntu: apt-get install python3-venv")


def install(python: Path, *arguments: str, hold: int | None = None) -> None:
    """Call pip; which index it asks is the user's own configuration."""
    command = [str(python), "-m", "pip", "install", "--no-input", "--disable-pip-version-check", *arguments]
    env = os.environ | {"PIP_USER": "0"}
    if code := subprocess.run(command, env=env, pass_fds=() if hold is None else [hold], check=False).returncode:
        sys.exit(f"pip ended with {code}; see above. Nothing was started.")


def compile_service(python: Path, root: Path) -> None:
    """Make byte code of the service, as pip did of the libraries, so that not even the first start compiles it.

    A checkout that cannot be written to, or a file that cannot be read, is told by what follows, if it matters.
    """
    subprocess.run([str(python), "-m", "compileall", "-qq", str(root / "app")], check=False)


def say(text: str) -> None:
    """Tell the user at once, in order with what child processes print."""
    print(text, file=sys.stderr, flush=True)


# --- run, bench, lock ---------------------------------------------------------------------------------------


def run_arguments(options: argparse.Namespace) -> list[str]:
    """Hand on the options that were given; paths are those of the caller's directory."""
    arguments: list[str] = []
    for name in ("host", "port"):
        if (value := getattr(options, name)) is not None:
            arguments += [f"--{name}", str(value)]
    if options.data_dir is not None:
        arguments += ["--data-dir", str(Path(options.data_dir).expanduser().absolute())]
    return arguments + (["--no-demo"] if options.no_demo else [])


def become(venv: Venv, *arguments: str) -> int:
    """Go on as the Python of `.venv` in the root of the checkout: one process, signals arrive there."""
    os.chdir(venv.root)
    os.execv(venv.python, [str(venv.python), *arguments])  # noqa: S606 - no shell is wanted


def run(venv: Venv, options: argparse.Namespace) -> int:
    """Start the service."""
    venv.ensure(RUN_LOCK)
    return become(venv, "-m", "app", "run", *run_arguments(options))


def bench(venv: Venv, options: argparse.Namespace) -> int:
    """Run benchmarks by name, or all of them."""
    venv.ensure(DEV_LOCK)
    os.environ["PYTHONPATH"] = str(venv.root)
    return become(venv, "scripts/bench/main.py", *options.names, *(["--full"] if options.full else []))


def soak(venv: Venv, options: argparse.Namespace) -> int:
    """Load a service for minutes and look what it becomes."""
    venv.ensure(DEV_LOCK)
    return become(venv, "scripts/soak/main.py", "--minutes", str(options.minutes))


def image(venv: Venv, options: argparse.Namespace) -> int:
    """Build the image and run it, with buildah and runc; nothing of `.venv` is needed."""
    given = [f"--{name}" for name in ("pull", "keep") if getattr(options, name)]
    return call(venv.root, [sys.executable, "scripts/image/main.py", *given], os.environ)


def lock(venv: Venv, options: argparse.Namespace) -> int:
    """Write the lock files from pyproject.toml, with uv from a virtual environment that is thrown away."""
    shape = [
        "export",
        "--frozen",
        "--format",
        "requirements-txt",
        "--no-header",
        "--no-emit-project",
        "--quiet",
    ]
    with tempfile.TemporaryDirectory() as folder:
        make_venv(Path(folder, "venv"))
        install(Path(folder, "venv", "bin", "python"), "--quiet", "uv")
        uv = [str(Path(folder, "venv", "bin", "uv")), "--no-python-downloads"]
        drafts = {
            RUN_LOCK: ["--no-dev"],
            EXTRAS_LOCK: ["--no-dev", "--all-extras"],
            DEV_LOCK: ["--all-groups", "--all-extras"],
        }
        commands = [[*uv, "lock", *(["--upgrade"] if options.upgrade else [])]]
        commands += [[*uv, *shape, *groups, "-o", str(Path(folder, name))] for name, groups in drafts.items()]
        for command in commands:
            if code := call(venv.root, command, os.environ):
                return code
        for name in drafts:
            (venv.root / name).write_bytes(Path(folder, name).read_bytes())
    return 0


def all_migrations(python: Path, root: Path, env: Mapping[str, str]) -> str:
    """Return the SQL of all migrations, without the blanks that its generator leaves at the ends of lines."""
    command = [str(python), "-m", "alembic", "upgrade", "head", "--sql"]
    done = subprocess.run(command, cwd=root, env=env, stdout=subprocess.PIPE, text=True, encoding="utf-8", check=True)
    return re.sub(r"[ \t]+$", "", done.stdout.strip(), flags=re.MULTILINE) + "\n"


def schema(venv: Venv, _options: argparse.Namespace) -> int:
    """Write the SQL of all migrations into one file, from which the embedded PostgreSQL makes a new database."""
    venv.ensure(DEV_LOCK)
    (venv.root / SCHEMA).write_text(all_migrations(venv.python, venv.root, os.environ), encoding="utf-8")
    return 0


# --- test ---------------------------------------------------------------------------------------------------


class Check(NamedTuple):
    """A step of `test`: its name in the summary and what it does; the work answers an exit code."""

    name: str
    work: Callable[[], int]


class Outcome(NamedTuple):
    """How a check ended; `seconds` is its wall time."""

    name: str
    result: str
    seconds: float


def call(root: Path, command: Sequence[str | Path], env: Mapping[str, str]) -> int:
    """Run a program in the root of the checkout; 127 if there is no such program."""
    try:
        return subprocess.run(command, cwd=root, env=env, check=False).returncode
    except FileNotFoundError:
        say(f"{command[0]} is not there.")
        return 127


def split_migrations(sql: str) -> dict[str, str]:
    """Cut what `alembic upgrade head --sql` prints into a script per revision, without BEGIN and COMMIT."""
    statements = re.sub(r"^(BEGIN|COMMIT);$", "", sql, flags=re.MULTILINE)
    parts = re.split(r"^-- Running upgrade .*?-> ([\w.-]+).*$", statements, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def lint_migrations(venv: Venv, env: Mapping[str, str]) -> int:
    """Let squawk read the SQL of every revision by itself, as each meets the tables of those before it."""
    try:
        sql = all_migrations(venv.python, venv.root, env)
    except subprocess.CalledProcessError as error:
        return error.returncode
    with tempfile.TemporaryDirectory() as folder:
        scripts = {Path(folder, f"{name}.sql"): text for name, text in split_migrations(sql).items()}
        for script, text in scripts.items():
            script.write_text(text, encoding="utf-8")
        config = ["--config", str(venv.root / ".squawk.toml")]
        return call(venv.root, [venv.bin / "squawk", *config, *scripts], env) if scripts else 0


def static_checks(venv: Venv, env: Mapping[str, str]) -> list[Check]:
    """Give the checks that read the code and do not run it."""

    def program(name: str, *command: str) -> Check:
        return Check(name, lambda: call(venv.root, [venv.bin / command[0], *command[1:]], env))

    return [
        program("ruff check", "ruff", "check"),
        program("ruff format", "ruff", "format", "--check"),
        program("mypy", "mypy"),
        program("import-linter", "lint-imports"),
        Check("squawk (migrations)", lambda: lint_migrations(venv, env)),
        program("hadolint", "hadolint", "Dockerfile"),
    ]


def test_checks(venv: Venv, env: Mapping[str, str], arguments: Sequence[str]) -> list[Check]:
    """Give pytest under coverage, and what the coverage must be when all tests ran."""
    data = Path(env["COVERAGE_FILE"])
    coverage = [str(venv.python), "-m", "coverage"]

    def measured() -> int:
        shutil.rmtree(data.parent, ignore_errors=True)
        data.parent.mkdir(parents=True)
        return call(venv.root, [*coverage, "run", "-m", "pytest", *(arguments or SIDE_BY_SIDE)], env)

    def everything() -> int:
        combined = call(venv.root, [*coverage, "combine", "--quiet"], env)
        return combined or call(venv.root, [*coverage, "report", f"--fail-under={COVERAGE_PERCENT}"], env)

    def domain() -> int:
        limits = ["--include=app/domain/*", f"--fail-under={DOMAIN_COVERAGE_PERCENT}"]
        return call(venv.root, [*coverage, "report", *limits], env)

    checks = [Check("pytest", measured)]
    if not arguments:
        checks.append(Check(f"coverage {COVERAGE_PERCENT} %", everything))
        checks.append(Check(f"coverage of app/domain {DOMAIN_COVERAGE_PERCENT} %", domain))
    return checks


def missing_packages() -> list[str]:
    """Name the Debian packages that the browser tests lack."""
    fonts = any(Path("/usr/share/fonts").glob("**/NotoSansCJK*"))
    return [*([] if BROWSER.exists() else ["chromium"]), *([] if fonts else ["fonts-noto-cjk"])]


def provide_browser() -> int:
    """Install what the browser tests need, where that is possible without asking."""
    packages = missing_packages()
    if packages and os.geteuid() == 0 and shutil.which("apt-get"):
        env = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
        apt = ["apt-get", "-q", "-o", "Acquire::Retries=3"]
        call(ROOT, [*apt, "update"], env)
        call(ROOT, [*apt, "install", "-y", "--no-install-recommends", *packages], env)
        packages = missing_packages()
    if packages:
        say(f"Browser tests need: {' '.join(packages)} (Debian packages).")
    return int(bool(packages))


def perform(check: Check, optional: str = "") -> Outcome:
    """Run one check under a heading; `optional` is the result of a failure that does not count."""
    print(f"\n===== {check.name} =====", flush=True)
    start = time.monotonic()
    failed = check.work()
    seconds = time.monotonic() - start
    result = (optional or "FAILED") if failed else "ok"
    print(f"----- {check.name}: {result}, {seconds:.1f} s", flush=True)
    return Outcome(check.name, result, seconds)


def summary(outcomes: Sequence[Outcome]) -> str:
    """Give the table at the end."""
    width = max(len(outcome.name) for outcome in outcomes)
    rows = [f"{outcome.name:<{width}}  {outcome.seconds:>7.1f} s  {outcome.result}" for outcome in outcomes]
    return "\n".join(["", "===== summary =====", *rows])


def browser_outcome(env: dict[str, str], *, fast: bool) -> Outcome:
    """Decide whether browser tests run, and tell the tests by the environment."""
    if fast or env.get(NO_BROWSER):
        env[NO_BROWSER] = "1"
        return Outcome("browser", f"SKIPPED: {'--fast' if fast else NO_BROWSER}, no browser test runs", 0.0)
    excuse = "" if env.get("CI") == "true" else "SKIPPED: not to be had here, NO BROWSER TEST RUNS"
    outcome = perform(Check("browser", provide_browser), excuse)
    if outcome.result != "ok":
        env[NO_BROWSER] = "1"
    return outcome


def test_environment(venv: Venv) -> dict[str, str]:
    """Give the environment of the checks: programs of `.venv` first, one place for all coverage data."""
    path = os.pathsep.join([str(venv.bin), os.environ.get("PATH", os.defpath)])
    data = venv.root / "build" / "coverage" / "data"
    return os.environ | {"PATH": path, "VIRTUAL_ENV": str(venv.path), "COVERAGE_FILE": str(data)}


def fast_arguments(root: Path, arguments: Sequence[str]) -> list[str]:
    """Give the arguments of pytest for `--fast`: only tests/unit, unless they name files themselves."""
    named = any((root / argument.partition("::")[0]).exists() for argument in arguments if argument)
    return [*arguments, *([] if named else ["tests/unit"])]


def test(venv: Venv, options: argparse.Namespace) -> int:
    """Run every check in order, also after a failing one, and sum up."""
    venv.ensure(DEV_LOCK)
    env = test_environment(venv)
    outcomes = [browser_outcome(env, fast=options.fast)]
    checks = static_checks(venv, env)
    if options.fast:
        chosen = fast_arguments(venv.root, options.pytest_arguments)
        checks.append(Check("pytest", lambda: call(venv.root, [venv.python, "-m", "pytest", *chosen], env)))
    else:
        checks += test_checks(venv, env, options.pytest_arguments)
    outcomes += [perform(check) for check in checks]
    if options.fast or options.pytest_arguments:
        outcomes.append(Outcome("coverage", "SKIPPED: measured when all tests run", 0.0))
    print(summary(outcomes), flush=True)
    return int(any(outcome.result == "FAILED" for outcome in outcomes))


# --- command line -------------------------------------------------------------------------------------------


def parser() -> argparse.ArgumentParser:
    """Describe the commands and their options."""
    top = argparse.ArgumentParser(prog="dev.py", description="Run, test and measure Huiyin.", allow_abbrev=False)
    commands = top.add_subparsers(required=True, metavar="COMMAND")

    command = commands.add_parser("run", help="start the service", allow_abbrev=False)
    command.add_argument("--host", help="address to listen on (default: 127.0.0.1)")
    command.add_argument("--port", type=int, help="port to listen on (default: 8000)")
    command.add_argument("--data-dir", help="directory of the embedded database and of files")
    command.add_argument("--no-demo", action="store_true", help="start without demonstration data")
    command.set_defaults(command=run)

    command = commands.add_parser(
        "test",
        help="run every check and test",
        usage="dev.py test [-h] [--fast] [PYTEST ARGUMENT ...]",
        description="Run every check and test. Other arguments go to pytest; coverage is not judged then.",
        allow_abbrev=False,
    )
    command.add_argument("--fast", action="store_true", help="only tests/unit, without coverage and browser")
    command.set_defaults(command=test)

    command = commands.add_parser("bench", help="measure speed", allow_abbrev=False)
    command.add_argument("names", nargs="*", metavar="NAME", help="benchmarks to run (default: all)")
    command.add_argument("--full", action="store_true", help="full sizes: minutes for each benchmark of the dispatcher")
    command.set_defaults(command=bench)

    command = commands.add_parser("soak", help="load a service for minutes: leaks, lag, errors", allow_abbrev=False)
    command.add_argument("--minutes", type=float, default=10.0, help="how long (default: 10)")
    command.set_defaults(command=soak)

    command = commands.add_parser("image", help="build the container image and run it (root)", allow_abbrev=False)
    command.add_argument("--pull", action="store_true", help="over the base of the Dockerfile, from its registry")
    command.add_argument("--keep", action="store_true", help="keep the image in build/image")
    command.set_defaults(command=image)

    command = commands.add_parser("lock", help="write the lock files anew", allow_abbrev=False)
    command.add_argument("--upgrade", action="store_true", help="newest versions, also where uv.lock knows older ones")
    command.set_defaults(command=lock)

    command = commands.add_parser("schema", help=f"write {SCHEMA} from the migrations", allow_abbrev=False)
    command.set_defaults(command=schema)
    return top


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line; only `test` takes arguments that are not its own, for pytest."""
    top = parser()
    options, others = top.parse_known_args(arguments)
    if others and options.command is not test:
        top.error(f"unrecognized arguments: {' '.join(others)}")
    options.pytest_arguments = others
    return options


def main() -> int:
    """Carry out the command line; the answer is the exit code."""
    options = parse()
    try:
        code: int = options.command(Venv(ROOT), options)
    except KeyboardInterrupt:
        return 130
    return code


if __name__ == "__main__":
    sys.exit(main())
