"""Who may call, and what they may do: decided before any route; the route asks for it (`app/routers/guard.py`).

- There is no key, neither in HUIYIN_API_KEYS nor in the database: only this machine is answered, which is what a first
  start on a laptop needs. The client's address must be a loopback one; Host must name this machine, and an Origin must
  be a page of this machine, since a foreign web page can make the user's own browser send requests here (DNS
  rebinding). Whoever comes through a proxy that was not declared is not known to be here, so headers of proxies are
  refused.
- There are keys, or were: every call carries one as ``Authorization: Bearer``, as ``X-API-Key``, or as the password of
  HTTP Basic, which is how a browser opens the documentation. As browsers send Basic credentials along with whatever a
  foreign page makes them send, calls that change something are then refused to pages of other origins.
- ``OPEN`` paths are answered to everybody. Under ``PROVEN`` prefixes the token in the path or the signature is the
  proof, which is checked there. Nothing else is open; a test walks all routes.
- Keys of HUIYIN_API_KEYS permit everything and need no database. Those of the database are known for seconds only
  (`KeyRing`); where that knowledge is too old and cannot be renewed, the answer is 503 and not a guess.
- Wrong keys are counted by the caller's address, and guessing is slowed down (`app/routers/wrong_keys.py`).
- ``X-Forwarded-For`` counts only when it was written by one of the configured proxies.
"""

import base64
import binascii
from collections.abc import Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.config import Settings
from app.domain.keys import Scope as KeyScope
from app.domain.keys import digest, is_equal
from app.errors import AppError, ForbiddenError, UnauthorizedError, UnavailableError
from app.routers.dialects import dialect_of
from app.routers.grants import ANYBODY, PROVING, THIS_MACHINE, Grant, give, key_grant
from app.routers.wrong_keys import GUESSABLE, WrongKeys
from app.services.keys import KeyRing

OPEN: Final = frozenset({"/healthz", "/readyz", "/webchat/chat.css", "/webchat/chat.js", "/webchat/embed.js"})
SIGNED: Final = "/api/v1/chatbot/"
"""Calls of Chatopera's clients: ``/api/v1/chatbot/{clientId}/…``; the routes there check the signature."""
PROVEN: Final = ("/chat/", "/api/webchat/", SIGNED, "/api/v1/outbound-bot/recordings/")
"""Pages and calls of the web chat (``/chat/{token}``, ``/api/webchat/{token}/…``), signed calls, signed links."""

_LOCAL_NAMES: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_MOST_OFFERED: Final = 4
"""Keys of one request that are looked at."""
_READING: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_PROXY_HEADERS: Final = (
    "x-forwarded-for",
    "forwarded",
    "x-real-ip",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-forwarded-server",
    "x-original-forwarded-for",
    "x-envoy-external-address",
    "x-client-ip",
    "true-client-ip",
    "cf-connecting-ip",
    "via",
)
_NOT_HERE: Final = (
    "服务未设置密钥,只接受本机直接访问;请在服务端运行 python -m app keys create(或设置 HUIYIN_API_KEYS),"
    "并用 Authorization: Bearer 携带密钥 "
    "(there are no API keys, so only direct calls from the same machine are answered: run `python -m app keys create` "
    "on the server, or set HUIYIN_API_KEYS there, and send a key as Authorization: Bearer …)"
)
_FOREIGN: Final = (
    "服务未设置密钥,只接受以 localhost 或 127.0.0.1 访问的本机请求;使用其他主机名或来源请设置密钥 "
    "(there are no API keys, so Host and Origin must be localhost, 127.0.0.1 or [::1]: make a key to use others)"
)
_NO_KEY: Final = (
    "缺少密钥,请用 Authorization: Bearer 或 X-API-Key 携带 "
    "(no API key: send one as Authorization: Bearer … or X-API-Key)"
)
_WRONG_KEY: Final = "密钥无效 (this API key is not known)"
_FOREIGN_PAGE: Final = "不接受其他网站发起的修改请求 (pages of other sites may not change anything here)"

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


class Access:
    """Decides about one request from its head alone.

    Raises:
        ValueError: an entry of ``trusted_proxies`` is no address and no network.
    """

    def __init__(self, settings: Settings, ring: KeyRing) -> None:
        self._bootstrap = tuple(
            (
                digest(key := secret.get_secret_value().encode()),
                key_grant(f"bootstrap-{number}", frozenset({KeyScope.ADMIN})),
                len(key) < GUESSABLE,
            )
            for number, secret in enumerate(settings.api_keys, start=1)
        )
        self._ring = ring
        self._wrong = WrongKeys()
        self._proxies: tuple[Network, ...] = tuple(
            ip_network(entry, strict=False) for entry in settings.trusted_proxies
        )
        self._public_host = urlsplit(settings.public_url or "").netloc

    async def admit(self, scope: Scope) -> Grant:
        """Return what the caller of a request may do.

        Raises:
            UnauthorizedError: it may not call at all.
            TooManyRequestsError: too many wrong keys came from its address.
            ForbiddenError: it may not call from there.
            UnavailableError: nobody knows, as the database is away.
        """
        path: str = scope["path"]
        if path in OPEN:
            return ANYBODY
        if path.startswith(PROVEN) and not is_account_call(scope):
            return PROVING
        headers = Headers(scope=scope)
        if not self._bootstrap:
            await self._ring.ready()
            if not self._ring.has_any:
                return self._local(scope, headers)
        offered, remembered = _offered(headers)
        given = [*offered, *remembered][:_MOST_OFFERED]
        if not given:
            raise UnauthorizedError(_NO_KEY)
        client = self.client(scope, headers)
        grant = self._bootstrap_grant(given, client)
        if grant is None:
            await self._ring.ready()
            grant = self._ring_grant(given)
        if grant is None:
            self._wrong.count(client, [digest(key) for key in given])
            raise UnauthorizedError(_WRONG_KEY)
        if remembered and _changes(scope):
            self._require_own_page(headers)
        return grant

    def may_end(self, grant: Grant) -> bool:
        """Tell whether a grant can come to its end while it is used: by a revocation, or by the first key."""
        return grant.key_id is not None or grant is THIS_MACHINE

    async def holds(self, grant: Grant) -> bool:
        """Tell whether a grant that may end still holds; what cannot be known does not."""
        try:
            await self._ring.ready()
        except UnavailableError:
            return False
        return not self._ring.has_any if grant.key_id is None else self._ring.is_valid(grant.key_id)

    def client(self, scope: Scope, headers: Headers) -> Address | None:
        """Return the address of who calls: the peer's, or what the nearest trusted proxy wrote; None if unknown."""
        peer = _address(scope["client"][0]) if scope.get("client") else None
        if peer is None or not self._is_proxy(peer):
            return peer
        written = [entry for line in headers.getlist("x-forwarded-for") for entry in line.split(",")]
        while written and peer is not None and self._is_proxy(peer):
            peer = _address(written.pop())
        return peer

    def _is_proxy(self, address: Address) -> bool:
        return any(address in network for network in self._proxies)

    def _local(self, scope: Scope, headers: Headers) -> Grant:
        client = self.client(scope, headers)
        if client is None or not client.is_loopback or self._is_behind_stranger(scope, headers):
            raise UnauthorizedError(_NOT_HERE)
        origin = headers.get("origin")
        if _host_name(headers.get("host", "")) not in _LOCAL_NAMES:
            raise ForbiddenError(_FOREIGN)
        if origin is not None and _host_name(_authority(origin)) not in _LOCAL_NAMES:
            raise ForbiddenError(_FOREIGN)
        return THIS_MACHINE

    def _is_behind_stranger(self, scope: Scope, headers: Headers) -> bool:
        """Tell whether nobody knows who calls: an undeclared proxy, or a declared one that does not say for whom."""
        peer = _address(scope["client"][0])
        if peer is not None and self._is_proxy(peer):
            return "x-forwarded-for" not in headers
        return any(name in headers for name in _PROXY_HEADERS) or _is_nginx_by_default(scope, headers)

    def _require_own_page(self, headers: Headers) -> None:
        origin = headers.get("origin")
        if origin is not None and _authority(origin) not in {headers.get("host"), self._public_host or None}:
            raise ForbiddenError(_FOREIGN_PAGE)

    def _bootstrap_grant(self, offered: Sequence[bytes], client: Address | None) -> Grant | None:
        if not self._bootstrap:
            return None
        is_guessing = self._wrong.wait(client) > 0
        # Every pair is compared, so that the time taken tells nothing about which key was near.
        found = None
        for key in map(digest, offered):
            for known, grant, is_guessable in self._bootstrap:
                found = grant if is_equal(key, known) and not (is_guessable and is_guessing) else found
        return found

    def _ring_grant(self, offered: Sequence[bytes]) -> Grant | None:
        key = self._ring.find(offered)
        return None if key is None else key_grant(key.id, key.scopes, key.id)


def is_account_call(scope: Scope) -> bool:
    """Tell whether an account deletes one of its bots: under the signed prefix, but with a key instead of a signature.

    Such a call is let in by the rules for keys and needs no signature.
    """
    path: str = scope["path"]
    if scope["type"] != "http" or scope["method"] != "DELETE" or not path.startswith(SIGNED):
        return False
    scheme = Headers(scope=scope).get("authorization", "").partition(" ")[0]
    return scheme.lower() == "bearer" and "/" not in path.removeprefix(SIGNED).removesuffix("/")


class AccessMiddleware:
    """Answers refused requests in the dialect of their family; nothing behind it is reached without permission."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app = app
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse the request or pass it on."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        try:
            grant = await self._access.admit(scope)
        except AppError as refusal:
            await _refuse(refusal, scope, receive, send)
            return
        give(scope, grant)
        await self._app(scope, receive, self._ending(grant, send) if self._access.may_end(grant) else send)

    def _ending(self, grant: Grant, send: Send) -> Send:
        """End a stream in an orderly way when its caller may not read any further; what is sent at once is sent."""
        has_ended = False

        async def pass_on(message: Message) -> None:
            nonlocal has_ended
            if has_ended:
                return
            if message.get("more_body") and not await self._access.holds(grant):
                has_ended = True
                message = {"type": "http.response.body", "body": b"", "more_body": False}
            await send(message)

        return pass_on


async def _refuse(refusal: AppError, scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008})
        return
    response = dialect_of(scope["path"]).error(refusal)
    if "WWW-Authenticate" in response.headers and _is_navigation(scope):
        # Only a browser that opens a page should ask its user; a failed fetch() should not.
        response.headers.append("WWW-Authenticate", 'Basic realm="Huiyin: the password is an API key", charset="UTF-8"')
    await response(scope, receive, send)


def _is_nginx_by_default(scope: Scope, headers: Headers) -> bool:
    """Tell whether a request comes as nginx passes one on with nothing but ``proxy_pass`` set.

    Such a proxy names neither itself nor the client, and calls the service by its own address: without this, everybody
    behind it would be this machine. Tools of today that still speak HTTP/1.0 do not send the header.
    """
    return scope.get("http_version") == "1.0" and headers.get("connection", "").lower() == "close"


@lru_cache(maxsize=1024)
def _address(text: str) -> Address | None:
    """Read an address as clients and proxies write it, with or without port; IPv4 inside IPv6 is IPv4."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


@lru_cache(maxsize=1024)
def _host_name(authority: str) -> str | None:
    try:
        return urlsplit(f"//{authority}").hostname
    except ValueError:
        return None


def _authority(origin: str) -> str:
    """Return host and port of an Origin; nothing for ``null`` and for what is no URL."""
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return ""


def _offered(headers: Headers) -> tuple[list[bytes], list[bytes]]:
    """Return the keys that a request carries by itself, and the one that a browser remembered for it."""
    scheme, _, rest = headers.get("authorization", "").partition(" ")
    # Headers are read as Latin-1; this gives back the bytes that were sent, which are a key's in UTF-8.
    offered = [value.encode("latin-1") for value in headers.getlist("x-api-key")]
    if scheme.lower() == "bearer":
        offered.append(rest.strip().encode("latin-1"))
    password = _basic_password(rest) if scheme.lower() == "basic" else None
    return offered, [] if password is None else [password]


def _changes(scope: Scope) -> bool:
    return scope["type"] == "websocket" or scope["method"] not in _READING


def _basic_password(encoded: str) -> bytes | None:
    try:
        return base64.b64decode(encoded.strip(), validate=True).partition(b":")[2]
    except (binascii.Error, ValueError):
        return None


def _is_navigation(scope: Scope) -> bool:
    return "text/html" in Headers(scope=scope).get("accept", "")
