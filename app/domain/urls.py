"""Addresses that the service calls on somebody's behalf."""

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from urllib.parse import urlsplit

MAX_URL = 2048
_FORBIDDEN = re.compile(r"[\s\x00-\x1f\x7f\\]")
_HOST = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_\-]{0,62})(?:\.[A-Za-z0-9_][A-Za-z0-9_\-]{0,62})*\.?")


_SHORT_NUMBER = re.compile(r"(?:0x[0-9a-f]*|[0-9]+)", re.IGNORECASE)
Address = IPv4Address | IPv6Address


@dataclass(frozen=True, slots=True)
class Reach:
    """Where notices may go, as the settings say.

    With ``hosts`` to these alone, wherever they stand; without, to public addresses, and to private ones where that is
    allowed. Addresses of a single link (169.254.0.0/16, where clouds keep their keys) and such that lead nowhere are
    only reached by name of the operator.
    """

    hosts: frozenset[str] = frozenset()
    allow_private: bool = False


def receiver_url(text: str, reach: Reach) -> str:
    """Return the address of a receiver if notices may go there, as far as the text of it tells.

    What a name resolves to is looked at right before each request: ``allowed_address``.

    Raises:
        ValueError: they may not; the message says why.
    """
    url = outgoing_url(text)
    host = host_of(url)
    if reach.hosts:
        if host not in reach.hosts:
            raise ValueError("该主机不在 HUIYIN_NOTIFY_HOSTS 中 (the host is not one of HUIYIN_NOTIFY_HOSTS)")
        return url
    literal = _literal(host)
    if literal is None and _SHORT_NUMBER.fullmatch(host.rstrip(".").rpartition(".")[2]):
        raise ValueError("IP 地址请写完整 (write an IP address with four numbers)")
    if literal is not None and not allowed_address(literal, reach):
        raise ValueError("不允许内网地址 (private addresses are not allowed; see HUIYIN_NOTIFY_PRIVATE)")
    return url


def host_of(url: str) -> str:
    """Return the host of an address, in lower case."""
    return (urlsplit(url).hostname or "").lower()


def allowed_address(address: Address, reach: Reach) -> bool:
    """Tell whether notices may go to what a host resolved to; the host is one of ``reach.hosts`` where there are any.

    Addresses that carry another one in them (IPv4 in IPv6, NAT64, 6to4) are looked at as that one too.
    """
    if reach.hosts:
        return True
    return all(_is_allowed(each, reach) for each in (address, *_carried(address)))


def _carried(address: Address) -> tuple[Address, ...]:
    if isinstance(address, IPv4Address):
        return ()
    inner = address.ipv4_mapped or address.sixtofour
    if inner is None and int(address) >> 32 in {0x64FF9B << 64, 0}:
        inner = IPv4Address(int(address) & 0xFFFFFFFF)
    return () if inner is None or int(address) <= 1 else (inner,)


def _is_allowed(address: Address, reach: Reach) -> bool:
    if address.is_link_local or address.is_multicast or address.is_unspecified:
        return False
    if address.is_global:
        return True
    mapped = isinstance(address, IPv6Address) and (address.ipv4_mapped is not None or address.sixtofour is not None)
    return mapped or (reach.allow_private and (address.is_private or address.is_loopback))


def outgoing_url(text: str, *, allow_private: bool = True) -> str:
    """Return an address if the service may call it.

    Args:
        text: The address; http or https, with a host, without a name and password in it.
        allow_private: Whether literal private and loopback addresses are fine. They are by default: gateways of a
            self-hosted service usually stand next to it.

    Raises:
        ValueError: it may not be called; the message says why.
    """
    if len(text) > MAX_URL:
        raise ValueError(f"地址最长 {MAX_URL} 个字符 (an address has at most {MAX_URL} characters)")
    if _FORBIDDEN.search(text):
        raise ValueError("地址不能含空白、控制字符或反斜杠 (no white space, control characters or backslashes)")
    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise ValueError("地址无法解析 (the address cannot be read)") from error
    if parts.scheme not in {"http", "https"}:
        raise ValueError("地址须以 http:// 或 https:// 开头 (the address must begin with http:// or https://)")
    if "@" in parts.netloc:
        raise ValueError("地址不能含用户名或密码 (no user name or password in the address)")
    literal = _literal(host)
    if not host or port == 0 or (literal is None and not _HOST.fullmatch(host)):
        raise ValueError("地址缺少有效的主机名 (the address needs a valid host)")
    if literal is not None and not allow_private and not literal.is_global:
        raise ValueError("不允许内网地址 (private addresses are not allowed)")
    return text


def _literal(host: str) -> Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None
