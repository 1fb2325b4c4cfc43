"""Runs containers of an unpacked image with runc, as strictly as compose.yaml asks for.

Each has a user without rights, a read-only root file system, no capabilities, no new privileges, and a network of its
own with nothing but a loopback: what is asked of a service is asked from inside its container.
"""

import contextlib
import copy
import json
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Any

from scripts.image.building import PLACE, Image, ImageError, call

STATES = PLACE / "runc"
SECONDS = 60.0
_ASK = """
import json, sys
from urllib.error import HTTPError
from urllib.request import ProxyHandler, Request, build_opener
method, path, body = sys.argv[1:4]
request = Request("http://127.0.0.1:8000" + path, body.encode() or None, method=method)
request.add_header("Authorization", "Bearer " + sys.argv[4])
request.add_header("Content-Type", "application/json")
try:
    answer = build_opener(ProxyHandler({})).open(request, timeout=20)
except HTTPError as error:
    answer = error
print(json.dumps([answer.status, answer.read().decode()]))
"""


class Container:
    """One running container; ``folder`` holds its bundle and its log."""

    def __init__(self, image: Image, name: str, key: str) -> None:
        self.image = image
        self.name = name
        self.key = key
        self.folder = PLACE / "bundles" / name
        self.log = self.folder / "log.txt"
        self._process: subprocess.Popen[bytes] | None = None

    def start(
        self, command: Sequence[str] | None = None, *, env: Mapping[str, str], mounts: Mapping[str, Path]
    ) -> None:
        """Start ``command``, or that of the image, with folders of the host under the places in ``mounts``."""
        self.folder.mkdir(parents=True, exist_ok=True)
        specification = _specification(self.image, command or self.image.config["Cmd"], env, mounts)
        (self.folder / "config.json").write_text(json.dumps(specification, indent=1), encoding="utf-8")
        with self.log.open("ab") as log:
            program = ["runc", "--root", str(STATES), "run", "--bundle", str(self.folder), self.name]
            self._process = subprocess.Popen(program, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def inside(self, *command: str, user: str | None = None) -> str:
        """Run a program in the container and return what it printed."""
        as_user = [] if user is None else ["--user", user]
        return call(["runc", "--root", STATES, "exec", *as_user, self.name, *command], minutes=1)

    def ask(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        """Ask the service from inside its container; returns the status and the answer, read as JSON if it is."""
        text = "" if body is None else json.dumps(body)
        status, answer = json.loads(self.inside("python", "-c", _ASK, method, path, text, self.key))
        try:
            return status, json.loads(answer)
        except ValueError:
            return status, answer

    def wait_until_ready(self) -> float:
        """Wait for 200 from /readyz; returns the seconds that it took."""
        start = time.monotonic()
        while True:
            with contextlib.suppress(ImageError):
                if self.ask("GET", "/readyz")[0] == HTTPStatus.OK:
                    return time.monotonic() - start
            if self.ended() is not None or time.monotonic() - start > SECONDS:
                raise ImageError(f"{self.name} did not become ready:\n{self.said()[-2000:]}")
            time.sleep(0.2)

    def stop(self) -> int:
        """Send the image's stop signal and return the exit code."""
        self._signal(self.image.config.get("StopSignal") or "SIGTERM")
        return self.wait()

    def kill(self) -> None:
        """Kill it, if it still runs, and forget it."""
        if self.ended() is None:
            self._signal("SIGKILL")
            self.wait()
        # runc forgets a container by itself when its `run` ends; this is for one whose `run` was killed.
        with contextlib.suppress(ImageError):
            call(["runc", "--root", STATES, "delete", "--force", self.name], minutes=1)

    def wait(self) -> int:
        """Wait for its end and return the exit code."""
        if self._process is None:
            raise ImageError(f"{self.name} was never started")
        try:
            return self._process.wait(SECONDS)
        except subprocess.TimeoutExpired:
            raise ImageError(f"{self.name} did not end within {SECONDS:.0f} s") from None

    def ended(self) -> int | None:
        """Return the exit code, or None while it runs."""
        return None if self._process is None else self._process.poll()

    def said(self) -> str:
        """Return its log."""
        return self.log.read_text(encoding="utf-8", errors="replace")

    def _signal(self, name: str) -> None:
        call(["runc", "--root", STATES, "kill", self.name, str(int(signal.Signals[name]))], minutes=1)


def owned(path: Path, image: Image) -> Path:
    """Make a folder that belongs to the image's user, as a volume does."""
    user, _, group = image.config["User"].partition(":")
    path.mkdir(parents=True, exist_ok=True)
    os.chown(path, int(user), int(group or user))
    path.chmod(0o700)
    return path


def _specification(
    image: Image, command: Sequence[str], env: Mapping[str, str], mounts: Mapping[str, Path]
) -> dict[str, Any]:
    shape: dict[str, Any] = copy.deepcopy(_usual())
    user, _, group = image.config["User"].partition(":")
    shape["root"] = {"path": str(image.files), "readonly": True}
    shape["hostname"] = "huiyin"
    shape["process"] |= {
        "terminal": False,
        "user": {"uid": int(user), "gid": int(group or user)},
        "args": list(command),
        "env": [*image.config["Env"], *(f"{name}={value}" for name, value in env.items())],
        "cwd": image.config["WorkingDir"],
        "capabilities": {kind: [] for kind in ("bounding", "effective", "inheritable", "permitted", "ambient")},
        "noNewPrivileges": True,
        "rlimits": [],
    }
    # Without a cgroup: limits of memory and processor are the machine's affair, not the image's.
    shape["linux"]["namespaces"] = [{"type": kind} for kind in ("pid", "network", "ipc", "uts", "mount")]
    shape["mounts"] = [mount for mount in shape["mounts"] if not mount["destination"].startswith("/sys")]
    shape["mounts"].append({"destination": "/tmp", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "nodev"]})  # noqa: S108 - the container's own, as in compose.yaml
    for place, folder in mounts.items():
        bind = {"destination": place, "type": "bind", "source": str(folder), "options": ["rbind", "rw", "nosuid"]}
        shape["mounts"].append(bind)
    return shape


def _usual() -> dict[str, Any]:
    folder = PLACE / "usual"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").unlink(missing_ok=True)
    call(["runc", "spec", "--bundle", folder], minutes=1)
    read: dict[str, Any] = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    return read
