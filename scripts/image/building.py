"""Builds the image of the Dockerfile without a Docker daemon: Debian's buildah over a base made here by debootstrap."""

import json
import os
import platform
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[2]
PLACE = ROOT / "build" / "image"
NAME = "localhost/huiyin:check"
PROGRAMS = ("buildah", "debootstrap", "runc")
MINUTES = 10
# What pip of this machine needs to reach its index; mounted while building, so that nothing of it stays in the image.
_BORROWED = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pip.conf")


class ImageError(Exception):
    """Something that was tried did not work; the text says what."""


class Image(NamedTuple):
    """A built image, unpacked: where its files are and what its configuration says."""

    files: Path
    config: dict[str, Any]


def say(text: str) -> None:
    """Tell what happens, at once."""
    print(text, flush=True)


def call(command: Sequence[str | Path], *, minutes: float = MINUTES, log: Path | None = None) -> str:
    """Run a program and return what it printed.

    Raises:
        ImageError: it failed or took too long; the end of its output is in the text.
    """
    try:
        done = subprocess.run(
            command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60 * minutes, check=False
        )
    except subprocess.TimeoutExpired:
        raise ImageError(f"{command[0]} took more than {minutes} minutes") from None
    said = done.stdout.decode("utf-8", "replace")
    if log is not None:
        log.write_text(said, encoding="utf-8")
    if done.returncode:
        raise ImageError(f"{' '.join(map(str, command[:6]))} … ended with {done.returncode}:\n{said[-2000:]}")
    return said


def provide_programs() -> None:
    """Install buildah, debootstrap and runc where they are missing.

    Raises:
        ImageError: they are missing and cannot be installed from here.
    """
    if os.geteuid() != 0:
        raise ImageError("building and running the image here needs root (chroot, mounts, namespaces)")
    missing = [name for name in PROGRAMS if shutil.which(name) is None]
    if not missing:
        return
    if shutil.which("apt-get") is None:
        raise ImageError(f"missing: {', '.join(missing)}, and there is no apt-get to install them")
    os.environ["DEBIAN_FRONTEND"] = "noninteractive"
    call(["apt-get", "-q", "update"])
    call(["apt-get", "-q", "install", "-y", "--no-install-recommends", *missing])


def buildah(*arguments: str | Path, minutes: float = MINUTES, log: Path | None = None) -> str:
    """Call buildah on a store of our own, which nothing else on the machine sees."""
    store = PLACE / "store"
    places = ["--root", str(store / "root"), "--runroot", str(store / "run")]
    return call(["buildah", "--storage-driver", "vfs", *places, *arguments], minutes=minutes, log=log)


def build(*, from_registry: bool) -> Image:
    """Build the image of the Dockerfile and unpack it.

    Args:
        from_registry: Take the base that the Dockerfile names from its registry, instead of a base made here.
    """
    arguments: list[str] = []
    if not from_registry:
        arguments = ["--pull-never", "--build-arg", f"PYTHON_VERSION={_local_base()}"]
    for path in _BORROWED:
        if Path(path).exists():
            arguments += ["--volume", f"{path}:{path}:ro"]
    say("build: buildah bud, chroot isolation, network of the host (only to install the hash-pinned lock)")
    shape = ["--isolation", "chroot", "--network", "host", "--format", "docker"]
    buildah("bud", *shape, *arguments, "--tag", NAME, str(ROOT), log=PLACE / "build.log")
    described = json.loads(buildah("inspect", "--type", "image", NAME))
    container = buildah("from", "--pull-never", NAME).split()[-1]
    image = Image(Path(buildah("mount", container).split()[-1]), described["Docker"]["config"])
    mebibytes = sum(path.lstat().st_size for path in image.files.rglob("*")) / 2**20
    say(f"build: {NAME}, {mebibytes:.0f} MiB of files, user {image.config['User']}; log in {PLACE / 'build.log'}")
    return image


def clean() -> None:
    """Remove containers and images of our store; the base stays for the next time."""
    buildah("rm", "--all")
    buildah("rmi", "--all", "--force")


def _local_base() -> str:
    """Make a base from this machine's Debian under the name that the Dockerfile asks for; return its Python version."""
    release = platform.freedesktop_os_release()
    suite = release.get("VERSION_CODENAME", "")
    tree = PLACE / f"base-{suite}"
    complete = PLACE / f"base-{suite}.complete"
    if not complete.exists():
        say(f"base: debootstrap of {release.get('PRETTY_NAME', suite)} with its own Python, about a minute")
        shutil.rmtree(tree, ignore_errors=True)
        packages = "python3,python3-venv,python3-pip,python-is-python3,ca-certificates,tzdata"
        call(["debootstrap", "--variant=minbase", f"--include={packages}", suite, tree], log=PLACE / "debootstrap.log")
        shutil.rmtree(tree / "var/cache/apt", ignore_errors=True)
        complete.touch()
    said = call(["chroot", tree, "python", "-c", "import sys; print('%d.%d' % sys.version_info[:2])"])
    version = said.strip()
    container = buildah("from", "scratch").split()[-1]
    buildah("copy", "--quiet", container, str(tree), "/")
    buildah("commit", "--quiet", "--format", "docker", "--rm", container, f"docker.io/library/python:{version}-slim")
    say(
        f"base: {release.get('PRETTY_NAME')} with Python {version} stands in for python:3.13-slim, which is not fetched"
    )
    return version
