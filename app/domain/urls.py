"""Addresses that the service calls on somebody's behalf."""

import re
from ipaddress import IPv4Address, IPv6Address, ip_address
from urllib.parse import urlsplit

MAX_URL = 2048
_FORBIDDEN = re.compile(r"[\s\x00-\x1f\x7f\\]")
_HOST = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_\-]{0,62})(?:\.[A-Za-z0-9_][A-Za-z0-9_\-]{0,62})*\.?")


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


def _literal(host: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None
