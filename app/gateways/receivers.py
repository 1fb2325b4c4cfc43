"""The way to receivers whose addresses accounts give: nowhere that the settings do not allow.

A name is resolved once, everything that it stands for is looked at, and the connection goes to what was looked at: who
owns a name cannot answer differently a moment later (DNS rebinding). Redirects are not followed.
"""

import asyncio
import socket
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from time import monotonic
from typing import Final

from app.domain.urls import Reach, allowed_address, host_of, receiver_url
from app.gateways.http import Answer, Failure, HttpClient, TransportError

Resolve = Callable[[str], Awaitable[list[str]]]

_RESOLVE_SECONDS: Final = 5.0
_REMEMBERED_SECONDS: Final = 10.0
_MOST_CLIENTS: Final = 64


async def resolve(host: str) -> list[str]:
    """Return the addresses that a host name stands for, by the machine's own resolver."""
    found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]).partition("%")[0] for entry in found))


@dataclass(slots=True)
class _Pinned:
    """A client that connects to one address of one host."""

    client: HttpClient
    in_use: int = 0


class Receivers:
    """Sends to receivers; safe for many at a time."""

    def __init__(
        self, reach: Reach, *, timeout_seconds: float, max_connections: int, resolve: Resolve = resolve
    ) -> None:
        self._reach = reach
        self._timeout = timeout_seconds
        self._max_connections = max_connections
        self._resolve = resolve
        self._known: dict[str, tuple[float, str]] = {}
        self._asking: dict[str, asyncio.Lock] = {}
        self._clients: OrderedDict[tuple[str, str], _Pinned] = OrderedDict()

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Send one message; raises ``TransportError`` where no answer came, or none may be asked for."""
        try:
            receiver_url(url, self._reach)
        except ValueError as error:
            raise TransportError(Failure.NOT_SENT, str(error)) from None
        host = host_of(url)
        pinned = await self._pinned(host, await self._address(host))
        pinned.in_use += 1
        try:
            return await pinned.client.request("POST", url, headers=headers, body=body)
        finally:
            pinned.in_use -= 1

    async def close(self) -> None:
        """Close all connections."""
        while self._clients:
            await self._clients.popitem()[1].client.close()

    async def _address(self, host: str) -> str:
        """Return where to connect to; names are asked for one at a time, and remembered for a moment."""
        async with self._asking.setdefault(host, asyncio.Lock()):
            ends, address = self._known.get(host, (0.0, ""))
            if monotonic() < ends:
                return address
            address = await self._look_up(host)
            self._known = {name: known for name, known in self._known.items() if monotonic() < known[0]}
            self._asking = {name: lock for name, lock in self._asking.items() if lock.locked()}
            self._known[host] = (monotonic() + _REMEMBERED_SECONDS, address)
            return address

    async def _look_up(self, host: str) -> str:
        try:
            async with asyncio.timeout(_RESOLVE_SECONDS):
                found = await self._resolve(host)
        except (OSError, UnicodeError, TimeoutError) as error:
            raise TransportError(Failure.NOT_SENT, f"the host cannot be resolved: {error!r}"[:300]) from None
        if not found or not all(allowed_address(ip_address(each), self._reach) for each in found):
            raise TransportError(
                Failure.NOT_SENT, "the host stands at an address that is not allowed; see HUIYIN_NOTIFY_PRIVATE"
            )
        return found[0]

    async def _pinned(self, host: str, address: str) -> _Pinned:
        key = (host, address)
        if key not in self._clients:
            client = HttpClient(
                timeout_seconds=self._timeout, max_connections=self._max_connections, pins={host: address}
            )
            self._clients[key] = _Pinned(client)
        self._clients.move_to_end(key)
        pinned = self._clients[key]
        for old in [key for key, each in self._clients.items() if each is not pinned and not each.in_use]:
            if len(self._clients) <= _MOST_CLIENTS:
                break
            await self._clients.pop(old).client.close()
        return pinned
