"""What a person can be reached under, each in the one form in which it is stored and compared.

A phone is E.164 where it is a valid number (mainland China unless it says otherwise), else its digits as given; a user
is ``<bot id>:<user id>``; WeChat IDs and e-mail addresses are compared in lower case.
"""

import hashlib
import hmac
import re
import unicodedata
from dataclasses import dataclass
from enum import StrEnum

MAX_BOT_ID = 2**63 - 1
MAX_USER_ID = 256
MAX_VALUE = 320
_HOME_REGION = "CN"
_HOME_PREFIX = "+86"
_DASHES = str.maketrans("\u2010\u2011\u2012\u2013\u2014\u2015\u2212", "-------")
# Anchored: the library alone skips leading text and turns letters into digits.
_PHONE = re.compile(r"\+?[ (]{0,2}\d(?:[ \t().\-]{0,3}\d){4,16}\)?", re.ASCII)
_SPREADSHEET_NUMBER = re.compile(r"(\d+)\.0", re.ASCII)
_MAX_DIGITS = 15
_MASKED_WHOLE = 11
_USER = re.compile(r"([1-9]\d{0,18}):(.*\S.*)", re.ASCII | re.DOTALL)
_QQ = re.compile(r"[1-9]\d{4,10}", re.ASCII)
_EMAIL = re.compile(r"[^\s@]+@[^\s@]+\.[^\s@.]+")


class IdentifierKind(StrEnum):
    """The kinds of identifiers that can be protected by name."""

    PHONE = "phone"
    USER = "user"
    WECHAT = "wechat"
    QQ = "qq"
    EMAIL = "email"


@dataclass(frozen=True, slots=True, order=True)
class Identifier:
    """One identifier in the form in which it is compared."""

    kind: IdentifierKind
    value: str


def normalise_phone(text: str) -> str:
    """Return a phone number in E.164, or its digits as given where they are no valid number.

    Raises:
        ValueError: what was given is no phone number at all.
    """
    import phonenumbers  # noqa: PLC0415 - its tables are slow to import, and no start needs them

    plain = unicodedata.normalize("NFKC", text).translate(_DASHES).strip()
    plain = _SPREADSHEET_NUMBER.sub(r"\1", plain) if _SPREADSHEET_NUMBER.fullmatch(plain) else plain
    if _PHONE.fullmatch(plain):
        try:
            number = phonenumbers.parse(plain, _HOME_REGION)
        except phonenumbers.NumberParseException:
            number = None
        if number is not None and phonenumbers.is_valid_number(number):
            return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
        digits = re.sub(r"\D", "", plain)
        if len(digits) <= _MAX_DIGITS:
            return f"+{digits}" if plain.startswith("+") else digits
    raise ValueError(
        "不是电话号码,请写 5 到 15 位数字,可带 + 号 (not a phone number: 5 to 15 digits, may begin with +)"
    )


def national_phone(phone: str) -> str:
    """Return a stored phone as it is dialled at home: digits without +86; numbers of other countries stay E.164."""
    if not phone.startswith(_HOME_PREFIX):
        return phone
    import phonenumbers  # noqa: PLC0415 - its tables are slow to import, and no start needs them

    number = phonenumbers.parse(phone, None)
    return re.sub(r"\D", "", phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.NATIONAL))


def masked_phone(phone: str) -> str:
    """Return a phone with its middle hidden, ``138****8000``; short ones keep their last two digits only."""
    head, tail = (3, 4) if len(phone) >= _MASKED_WHOLE else (0, 2)
    return f"{phone[:head]}****{phone[-tail:]}" if phone else phone


def identifier(kind: IdentifierKind, text: str) -> Identifier:
    """Read an identifier that somebody wrote down.

    Raises:
        ValueError: it does not have the form of its kind; the message says which form that is.
    """
    value = text.strip()
    match kind:
        case IdentifierKind.PHONE:
            return Identifier(kind, normalise_phone(value))
        case IdentifierKind.USER:
            _check_user(value)
        case IdentifierKind.QQ:
            if not _QQ.fullmatch(value):
                raise ValueError("QQ 号是 5 到 11 位数字 (a QQ number has 5 to 11 digits)")
        case IdentifierKind.EMAIL:
            if not _EMAIL.fullmatch(value):
                raise ValueError("不是邮箱地址 (not an e-mail address)")
        case _:
            if not value or any(character.isspace() for character in value):
                raise ValueError("微信号不能为空或含空格 (a WeChat ID is not empty and has no spaces)")
    if len(value) > MAX_VALUE:
        raise ValueError(f"最长 {MAX_VALUE} 个字符 (at most {MAX_VALUE} characters)")
    return Identifier(kind, value if kind is IdentifierKind.USER else value.lower())


def _check_user(value: str) -> None:
    match = _USER.fullmatch(value)
    if match is None or int(match[1]) > MAX_BOT_ID or len(match[2]) > MAX_USER_ID:
        raise ValueError("请写成 <渠道 id>:<用户 id> (write <bot id>:<user id>, such as 1:wx-8812)")


def user_identifier(bot_id: int, user_id: str) -> Identifier:
    """Return the identifier of a person on a bot."""
    return Identifier(IdentifierKind.USER, f"{bot_id}:{user_id}")


def split_user(user: Identifier) -> tuple[int, str]:
    """Return bot id and user id of a ``user`` identifier."""
    bot_id, _, user_id = user.value.partition(":")
    return int(bot_id), user_id


def stored_identifier(kind: str, value: str) -> Identifier:
    """Return the identifier behind a value that is already stored, whatever its form."""
    known = IdentifierKind(kind)
    if known is IdentifierKind.USER:
        return Identifier(known, value)
    try:
        return identifier(known, value)
    except ValueError:
        return Identifier(known, value.lower())


def written_forms(subject: Identifier) -> tuple[str, ...]:
    """Return the forms in which a contact detail may have been saved: home numbers are kept without +86 there."""
    if subject.kind is IdentifierKind.PHONE and subject.value.startswith(_HOME_PREFIX):
        return subject.value, subject.value.removeprefix(_HOME_PREFIX)
    return (subject.value,)


def digest(subject: Identifier, key: str) -> str:
    """Return the salted hash under which an erased person's identifier stays protected (HMAC-SHA-256, hex)."""
    return hmac.new(key.encode(), f"{subject.kind}:{subject.value}".encode(), hashlib.sha256).hexdigest()
