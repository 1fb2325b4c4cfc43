"""What the columns of a file mean, and what a cell may hold."""

import csv
import unicodedata
from dataclasses import dataclass
from typing import Final

from app.domain.followup import position_key
from app.domain.identifiers import normalise_phone

_NAMES: Final = {
    "bot": ("bot", "botid", "clientid", "渠道", "渠道id", "机器人"),
    "user_id": ("userid", "user", "用户", "用户id", "用户编号"),
    "name": ("name", "姓名", "名字", "称呼"),
    "position": ("position", "job", "岗位", "职位", "岗位名称"),
    "phone": ("phone", "mobile", "tel", "telephone", "手机", "手机号", "手机号码", "电话", "电话号码", "联系电话"),
    "note": ("note", "remark", "comment", "备注", "说明"),
}
_FIELD_OF: Final = {name: field for field, names in _NAMES.items() for name in names}
_LENGTHS: Final = {"bot": 64, "user_id": 256, "name": 128, "position": 64, "note": 5000}
_TITLES: Final = {"bot": "渠道", "user_id": "用户 id", "name": "姓名", "position": "岗位", "note": "备注"}
_MAX_POSITION_KEY: Final = 64
DELIMITERS: Final = (",", ";", "\t")


class HeaderError(ValueError):
    """The header does not say what is needed; the message names what is missing."""


class CellError(ValueError):
    """A cell cannot be stored; the message says why."""


@dataclass(frozen=True, slots=True)
class Header:
    """Which cell holds what; ``ignored`` are the columns that mean nothing here."""

    delimiter: str
    fields: tuple[str | None, ...]
    ignored: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ImportRow:
    """One line of a file, cleaned; None: nothing is said about it."""

    line: int
    bot: str | None = None
    user_id: str | None = None
    name: str | None = None
    position: str | None = None
    phone: str | None = None
    note: str | None = None


def read_header(line: str) -> Header:
    """Find delimiter and columns.

    Raises:
        HeaderError: neither a user id nor a phone column, or a column twice.
    """
    header = max((_header(line, delimiter) for delimiter in DELIMITERS), key=_known)
    fields = [field for field in header.fields if field]
    twice = sorted({field for field in fields if fields.count(field) > 1})
    if twice:
        raise HeaderError(f"表头有重复的列: {', '.join(twice)} (columns that come twice)")
    if not {"user_id", "phone"} & set(fields):
        raise HeaderError(
            "表头缺少 user_id(用户id)或 phone(手机号)列;可用的列: "
            "bot, user_id, name/姓名, position/岗位, phone/手机号, note/备注 "
            "(the header needs a column user_id or phone)"
        )
    return header


def _known(header: Header) -> int:
    return sum(field is not None for field in header.fields)


def cells_of(line: str, delimiter: str) -> list[str]:
    """Return the cells of a line, none where it cannot be read."""
    try:
        return next(csv.reader([line], delimiter=delimiter), [])
    except csv.Error:
        return []


def _header(line: str, delimiter: str) -> Header:
    cells = cells_of(line, delimiter)
    fields = tuple(field_of(cell) for cell in cells)
    ignored = tuple(
        cell.strip()[:64] for cell, field in zip(cells, fields, strict=True) if field is None and cell.strip()
    )
    return Header(delimiter, fields, ignored)


def field_of(name: str) -> str | None:
    """Return which field a column of this name holds, None: no known one."""
    return _FIELD_OF.get(_plain(name))


def _plain(name: str) -> str:
    kept = unicodedata.normalize("NFKC", name).casefold()
    return "".join(character for character in kept if character.isalnum())


def to_row(header: Header, line: int, cells: list[str]) -> ImportRow | str:
    """Return a cleaned line, or what is wrong with it."""
    values: dict[str, str] = {}
    try:
        for field, cell in zip(header.fields, cells, strict=False):
            if field is not None and (value := _clean(field, cell)):
                values[field] = value
    except CellError as error:
        return str(error)
    if not {"user_id", "phone"} & set(values):
        return "缺少用户 id 和电话,至少要有一个 (neither user_id nor phone)"
    return ImportRow(line, **values)


def plain_cell(cell: str) -> str:
    """Return what a cell says, without what spreadsheets put around long numbers to keep them as they are."""
    value = cell.strip()
    if value.startswith('="') and value.endswith('"'):
        value = value[2:-1].strip()
    return value


def _clean(field: str, cell: str) -> str:
    value = plain_cell(cell)
    if "\x00" in value:
        raise CellError(f"{_TITLES.get(field, '电话')}: 不能包含 NUL 字符 (must not contain NUL)")
    if field == "phone":
        try:
            return normalise_phone(value.removeprefix("'")) if value else ""
        except ValueError as error:
            raise CellError(f"电话: {error}") from None
    length = _LENGTHS[field]
    if len(value) > length or (field == "position" and len(position_key(value)) > _MAX_POSITION_KEY):
        raise CellError(f"{_TITLES[field]}: 最长 {length} 个字符 ({field}: at most {length} characters)")
    return value
