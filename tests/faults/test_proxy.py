"""Two replicas behind the proxies of deploy/: both are asked, a dead one is left out, nothing is repeated."""

import asyncio
import os
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
import yaml

from tests.faults.service import ROOT, connected, running_service
from tests.servers import free_port

KEY = "a-key-of-the-proxy-test"
HEADERS = {"Authorization": f"Bearer {KEY}"}
CADDY, NGINX = shutil.which("caddy"), shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")


def composed(name: str) -> dict[str, Any]:
    """Read a file for Compose, whose tag that takes something away stands for what is left: nothing."""
    read: dict[str, Any] = yaml.safe_load((ROOT / name).read_text().replace("!reset ", ""))
    return read


@asynccontextmanager
async def caddy(folder: Path, *upstreams: str) -> AsyncIterator[str]:
    """Lend the address of a Caddy with the Caddyfile of deploy/."""
    site = f"http://127.0.0.1:{free_port()}"
    env = os.environ | {"HUIYIN_SITE": site, "HUIYIN_UPSTREAMS": " ".join(upstreams)}
    env |= {"XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder), "HOME": str(folder)}
    command = ["caddy", "run", "--config", str(ROOT / "deploy" / "Caddyfile")]
    process = await asyncio.create_subprocess_exec(*command, env=env, stderr=asyncio.subprocess.DEVNULL)
    try:
        yield site
    finally:
        process.terminate()
        await process.wait()


async def answer(client: httpx2.AsyncClient, method: str, path: str, **more: Any) -> httpx2.Response:
    """Ask until the proxy answers with something of the service; GET only is asked again."""
    async with asyncio.timeout(60):
        while True:
            try:
                got = await client.request(method, path, **more)
            except httpx2.TransportError:
                await asyncio.sleep(0.1)
                continue
            if got.status_code not in {502, 503}:
                return got
            await asyncio.sleep(0.1)


@pytest.mark.skipif(CADDY is None, reason="NO PROXY WAS TRIED: caddy is not installed")
async def test_two_replicas_behind_caddy(database_url: str, tmp_path: Path) -> None:
    settings = {"API_KEYS": KEY, "TRUSTED_PROXIES": "127.0.0.1"}
    async with running_service(database_url, **settings) as one, running_service(database_url, **settings) as two:
        upstreams = [service.url.removeprefix("http://") for service in (one, two)]
        async with (
            caddy(tmp_path, *upstreams) as site,
            httpx2.AsyncClient(base_url=site, timeout=30) as client,
        ):
            assert (await answer(client, "GET", "/api/contacts", headers=HEADERS)).status_code == 200
            assert (await client.get("/api/contacts")).status_code == 401
            assert (await client.get("/metrics", headers=HEADERS)).status_code == 404
            made = [await client.post("/api/contacts", json={"name": f"{n}"}, headers=HEADERS) for n in range(10)]
            assert {got.status_code for got in made} == {201}
            assert '"/api/contacts"' in one.log
            assert '"/api/contacts"' in two.log
            await one.kill()
            later = [
                await answer(client, "POST", "/api/contacts", json={"name": "x"}, headers=HEADERS) for _ in range(10)
            ]
            assert {got.status_code for got in later} == {201}
            async with connected(database_url) as connection:
                assert await connection.fetchval("SELECT count(*) FROM contact WHERE name = 'x'") == 10


@asynccontextmanager
async def nginx(folder: Path, upstream: str) -> AsyncIterator[str]:
    """Lend the address of an nginx with the configuration of deploy/, but for the places on this machine."""
    port, text = free_port(), (ROOT / "deploy" / "nginx.conf").read_text()
    places = {"listen 8080": f"listen 127.0.0.1:{port}", "127.0.0.1:8001": upstream}
    places["/tmp/"] = f"{folder}/"  # noqa: S108 - replaced, not used
    for given, taken in places.items():
        assert given in text
        text = text.replace(given, taken)
    text = "".join(line for line in text.splitlines(keepends=True) if "127.0.0.1:8002" not in line)
    (folder / "nginx.conf").write_text(text)
    command = [str(NGINX), "-p", str(folder), "-c", str(folder / "nginx.conf"), "-g", "daemon off;"]
    process = await asyncio.create_subprocess_exec(*command)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        await process.wait()


@pytest.mark.skipif(NGINX is None, reason="NO PROXY WAS TRIED: nginx is not installed")
async def test_a_browser_behind_nginx_may_change_things(database_url: str, tmp_path: Path) -> None:
    """The service compares a page's origin with the address that was called, port included."""
    settings = {"API_KEYS": KEY, "TRUSTED_PROXIES": "127.0.0.1"}
    async with (
        running_service(database_url, **settings) as service,
        nginx(tmp_path, service.url.removeprefix("http://")) as site,
        httpx2.AsyncClient(base_url=site, timeout=30, auth=("", KEY)) as client,
    ):
        made = await answer(client, "POST", "/api/contacts", json={"name": "x"}, headers={"Origin": site})
        assert made.status_code == 201, made.text
        foreign = await client.post("/api/contacts", json={"name": "x"}, headers={"Origin": "https://evil.example"})
        assert foreign.status_code == 403
        assert (await client.get("/readyz")).status_code == 404


@pytest.mark.skipif(NGINX is None, reason="NO PROXY WAS TRIED: nginx is not installed")
def test_the_configuration_of_nginx_is_read(tmp_path: Path) -> None:
    command = [str(NGINX), "-t", "-p", str(tmp_path), "-c", str(ROOT / "deploy" / "nginx.conf")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_replicas_are_as_strict_as_the_service_alone() -> None:
    base, over = composed("compose.yaml"), composed("compose.replicas.yaml")
    assert base["services"]["huiyin"]["read_only"]
    assert over["services"]["huiyin-2"]["extends"] == {"file": "compose.yaml", "service": "huiyin"}
    assert over["services"]["huiyin"]["ports"] == over["services"]["huiyin-2"]["ports"] == []
    subnet = over["networks"]["default"]["ipam"]["config"][0]["subnet"]
    settings = over["services"]["huiyin"]["environment"]
    assert settings["HUIYIN_TRUSTED_PROXIES"] == subnet
    assert settings["HUIYIN_PUBLIC_URL"] == "${HUIYIN_PUBLIC_URL:-https://${HUIYIN_SITE}}"
