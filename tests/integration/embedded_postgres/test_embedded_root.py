"""Root runs the embedded server as somebody else."""

import os
import shutil
import stat
import subprocess
import tempfile
from pathlib import Path

import pytest

from app.gateways.embedded_postgres import EmbeddedPostgres, binaries
from tests.integration.embedded_postgres.helpers import StartService, answers, ask, needs_root, postmaster


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
