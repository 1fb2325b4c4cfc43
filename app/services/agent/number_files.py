"""Files of numbers: from bytes to numbers or complaints, by line.

The first line names the columns, of which one holds the phones; a column that means nothing here is a variable under
its name. A file of phones alone needs no first line.
"""

import re
from dataclasses import dataclass
from typing import Final

from app.domain.identifiers import normalise_phone
from app.repositories.task_numbers import NewNumber
from app.services.agent.numbers import dialable
from app.services.csv_import.columns import DELIMITERS, CellError, HeaderError, cells_of, field_of, plain_cell
from app.services.csv_import.reading import RecordReader

MAX_NAME: Final = 128
MAX_VARIABLES: Final = 50
MAX_VARIABLE_NAME: Final = 64
MAX_VARIABLE: Final = 1000
_PHONE, _NAME = "phone", "name"
_UNSTORABLE: Final = re.compile("[\x00\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Row:
    """A number of a file."""

    line: int
    number: NewNumber


@dataclass(frozen=True, slots=True)
class Complaint:
    """A line that is no number, and why."""

    line: int
    message: str


class NumberFile:
    """Takes bytes, gives rows and complaints."""

    def __init__(self) -> None:
        self._reader = RecordReader()
        self._columns: list[tuple[str, bool]] | None = None
        """Names of the columns; whether each is a variable."""

    @property
    def has_begun(self) -> bool:
        """Whether the file said anything yet."""
        return self._columns is not None

    def take(self, data: bytes, *, is_last: bool) -> list[Row | Complaint]:
        """Take a part of the file and return the lines that are complete.

        Raises:
            HeaderError: the first line does not say where the phones are.
            UnreadableFileError: the file is no text in an encoding that is read.
        """
        self._reader.buffer(data, is_last=is_last)
        found: list[Row | Complaint] = []
        if self._columns is None:
            first = self._reader.take_line()
            if first is None:
                return []
            line, text = first
            if _is_phone(text):
                self._columns = [(_PHONE, False)]
                found.append(self._row(line, [text.strip().strip('"')]))
            else:
                self._reader.delimiter, self._columns = _header(text)
            self._reader.width = len(self._columns)
        for record in self._reader.records(is_last=is_last):
            is_broken = record.error is not None
            found.append(
                Complaint(record.line, str(record.error)) if is_broken else self._row(record.line, record.cells)
            )
        return found

    def _row(self, line: int, cells: list[str]) -> Row | Complaint:
        phone, name, words = "", None, {}
        try:
            for (column, is_variable), cell in zip(self._columns or (), cells, strict=False):
                value = _clean(column, cell, MAX_VARIABLE if is_variable else MAX_NAME)
                if is_variable and value:
                    words[column] = value
                elif column == _PHONE:
                    phone = value
                elif column == _NAME:
                    name = value or None
            if not phone:
                return Complaint(line, "缺少电话 (no phone)")
            return Row(line, NewNumber(_dialable(phone), name, words))
        except CellError as error:
            return Complaint(line, str(error))


def _is_phone(text: str) -> bool:
    try:
        normalise_phone(text.strip().strip('"'))
    except ValueError:
        return False
    return True


def _header(text: str) -> tuple[str, list[tuple[str, bool]]]:
    """Find the delimiter and the columns."""
    delimiter = max(DELIMITERS, key=lambda each: _PHONE in map(field_of, cells_of(text, each)))
    columns = [_column(cell.strip()) for cell in cells_of(text, delimiter)]
    names = [name for name, _ in columns if name]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise HeaderError(f"表头有重复的列: {', '.join(twice)[:200]} (columns that come twice)")
    if _PHONE not in names:
        raise HeaderError(
            "表头缺少 phone(手机号)列;第一行为列名: phone/手机号, name/姓名, 其余为话术变量;只有一列号码时可省略表头 "
            "(the header needs a column phone; a file of phones alone needs no header)"
        )
    variables = [name for name, is_variable in columns if is_variable]
    if len(variables) > MAX_VARIABLES:
        raise HeaderError(f"最多 {MAX_VARIABLES} 个变量列 (at most {MAX_VARIABLES} columns of variables)")
    for name in variables:
        if len(name) > MAX_VARIABLE_NAME or _UNSTORABLE.search(name):
            raise HeaderError(
                f"列名最长 {MAX_VARIABLE_NAME} 个字符,不含 NUL (the name of a column is too long, or has NUL)"
            )
    return delimiter, columns


def _column(name: str) -> tuple[str, bool]:
    field = field_of(name)
    return (field, False) if field in {_PHONE, _NAME} else (name, bool(name))


def _clean(column: str, cell: str, length: int) -> str:
    value = plain_cell(cell)
    if _UNSTORABLE.search(value):
        raise CellError(f"{column[:MAX_VARIABLE_NAME]}: 不能包含 NUL 字符 (must not contain NUL)")
    if len(value) > length:
        raise CellError(f"{column}: 最长 {length} 个字符 (at most {length} characters)")
    return value


def _dialable(phone: str) -> str:
    try:
        return dialable(phone.removeprefix("'"))
    except ValueError as error:
        raise CellError(f"电话: {error}") from None
