"""One inbound item, read strictly field by field: from the webhook and from a polled inbox alike."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from pydantic import AwareDatetime, TypeAdapter, ValidationError

MAX_ID: Final = 2**53 - 1
MAX_TEXT: Final = 5000
MAX_KEY: Final = 256
_FIELDS: Final = frozenset({"message_id", "user_id", "contact_id", "bot", "fromId", "content", "sent_at"})
_MOMENT: Final = TypeAdapter(AwareDatetime)


@dataclass(frozen=True, slots=True)
class InboundItem:
    """A message as it was handed in; ``from_id`` 0 is theirs, anything else ours."""

    message_id: str
    user_id: str | None
    contact_id: int | None
    bot: str | int | None
    from_id: int
    content: str
    sent_at: datetime | None


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with one field of an item."""

    field: str
    message: str


class _BadFieldError(ValueError):
    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.problem = Problem(field, message)


def parse_item(raw: object) -> InboundItem | Problem:
    """Read one item, or say which field is at fault."""
    if not isinstance(raw, Mapping):
        return Problem("", "必须是对象 (must be an object)")
    try:
        return _parse(raw)
    except _BadFieldError as error:
        return error.problem


def _parse(raw: Mapping[str, Any]) -> InboundItem:
    for name in raw:
        if name not in _FIELDS:
            raise _BadFieldError(_shown(name), "未知字段 (unknown field)")
    item = InboundItem(
        message_id=_key(raw, "message_id"),
        user_id=_key(raw, "user_id") if raw.get("user_id") is not None else None,
        contact_id=_contact_id(raw),
        bot=_bot(raw),
        from_id=_from_id(raw),
        content=_content(raw),
        sent_at=_moment(raw),
    )
    if item.user_id is None and item.contact_id is None:
        raise _BadFieldError("user_id", "user_id 与 contact_id 至少给一个 (give user_id or contact_id)")
    return item


def _shown(name: str) -> str:
    """Return the name of a field that nobody knows, in a form that can be answered."""
    return name[:MAX_KEY].encode(errors="replace").decode()


def _text(raw: Mapping[str, Any], field: str, most: int) -> str:
    value = raw.get(field)
    if not isinstance(value, str):
        raise _BadFieldError(field, "必须是字符串 (must be a string)")
    if "\x00" in value or any("\ud800" <= character <= "\udfff" for character in value):
        raise _BadFieldError(field, "不能包含 NUL 或无效字符 (must not contain NUL or lone surrogates)")
    if len(value) > most:
        raise _BadFieldError(field, f"最多 {most} 个字符 (at most {most} characters)")
    if not value.strip():
        raise _BadFieldError(field, "不能为空 (must not be blank)")
    return value


def _key(raw: Mapping[str, Any], field: str) -> str:
    value = raw.get(field)
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) <= MAX_ID:
        return str(value)
    return _text(raw, field, MAX_KEY)


def _content(raw: Mapping[str, Any]) -> str:
    return _text(raw, "content", MAX_TEXT)


def _contact_id(raw: Mapping[str, Any]) -> int | None:
    value = raw.get("contact_id")
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MAX_ID:
        raise _BadFieldError("contact_id", "必须是正整数 (must be a positive integer)")
    return value


def _bot(raw: Mapping[str, Any]) -> str | int | None:
    value = raw.get("bot")
    if value is None:
        return None
    if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= MAX_ID:
        return value
    return _text(raw, "bot", MAX_KEY)


def _from_id(raw: Mapping[str, Any]) -> int:
    """Read ``fromId``: 0 or "0" is theirs; it must be there, because a guess could count our text as an answer."""
    value = raw.get("fromId")
    if value is None:
        raise _BadFieldError("fromId", "必填:0 表示对方发送 (required; 0 means that they wrote it)")
    if isinstance(value, bool) or not isinstance(value, (int, str)) or value == "":
        raise _BadFieldError("fromId", "必须是整数或字符串 (must be an integer or a string)")
    return 0 if str(value).strip() == "0" else 1


def _moment(raw: Mapping[str, Any]) -> datetime | None:
    value = raw.get("sent_at")
    if value is None:
        return None
    try:
        moment = _MOMENT.validate_python(value)
        return moment.astimezone(UTC)
    except (ValidationError, OverflowError) as error:
        raise _BadFieldError("sent_at", "必须是带时区的 ISO-8601 时间 (must be ISO-8601 with a zone)") from error
