"""From bytes to records, pushed in as they arrive.

1.  Encoding: UTF-8 with or without byte order mark, or GB18030, which spreadsheets save in China. The first part of
    the file that is not plain ASCII decides by vote of its lines, so that one broken line does not.
2.  A quoted cell may hold line breaks. A quote that nobody closes within a bound costs its own line only: reading goes
    on with the next one.
3.  Memory is bounded by the block, whatever the file holds.
"""

import csv
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass

BLOCK = 64 * 1024
MAX_LINE = 256 * 1024
MAX_RECORD_LINES = 64
UTF8, GB18030 = "utf-8", "gb18030"
_BOM = b"\xef\xbb\xbf"
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")

UNDECODABLE = "编码错误,不是有效的 {encoding} (broken bytes: not valid {encoding})"
UNCLOSED = "引号未闭合 (a quote is not closed)"
MALFORMED = "引号位置不对 (a quote stands where it must not)"
TOO_WIDE = "列数多于表头 (more cells than the header has)"
TOO_LONG = "行过长 (the line is too long)"


class UnreadableFileError(ValueError):
    """The file is no CSV in an encoding that is read."""


@dataclass(frozen=True, slots=True)
class Record:
    """One record: the number of its first line, and its cells or what is wrong with it."""

    line: int
    cells: list[str]
    error: str | None = None


@dataclass(frozen=True, slots=True)
class _Line:
    number: int
    text: str
    error: str | None


class RecordReader:
    """Takes bytes, gives records; blank lines are passed over."""

    def __init__(self) -> None:
        self.encoding: str | None = None
        """What the file turned out to be; None while all of it is ASCII."""
        self.delimiter = ","
        self.width: int | None = None
        """How many cells a record may have; set from the header."""
        self._bytes = bytearray()
        self._has_begun = False
        self._is_discarding = False
        self._lines: deque[_Line] = deque()
        self._next_number = 1

    def buffer(self, data: bytes, *, is_last: bool) -> None:
        """Take bytes; they are looked at when a block is full, or at the end."""
        self._bytes += data
        if is_last or len(self._bytes) >= BLOCK:
            self._split(is_last=is_last)

    def take_line(self) -> tuple[int, str] | None:
        """Return number and text of the first line that is not blank, if it has arrived: the header.

        Raises:
            UnreadableFileError: it cannot be decoded.
        """
        while self._lines:
            line = self._lines.popleft()
            if line.error:
                raise UnreadableFileError(line.error)
            if line.text.strip():
                return line.number, line.text
        return None

    def records(self, *, is_last: bool) -> list[Record]:
        """Return the records that are complete."""
        records: list[Record] = []
        while self._lines:
            first = self._lines[0]
            count = self._extent(is_last=is_last)
            if count is None:
                break
            record = self._parsed(count) if first.error is None else Record(first.number, [], first.error)
            # A broken record of several lines is taken for one broken line and good ones after it.
            for _ in range(1 if record.error else count):
                self._lines.popleft()
            if record.error or any(cell.strip() for cell in record.cells):
                records.append(record)
        return records

    def _split(self, *, is_last: bool) -> None:
        if not self._has_begun:
            self._begin()
        end = len(self._bytes) if is_last else self._bytes.rfind(b"\n") + 1
        if end == 0:
            self._bound_line()
            return
        block = bytes(self._bytes[:end])
        del self._bytes[:end]
        lines = block.split(b"\n")
        if not lines[-1]:
            lines.pop()
        if self._is_discarding and lines:
            self._is_discarding = False
            lines = lines[1:]
        if self.encoding is None and not block.isascii():
            self.encoding = _vote(lines)
        for line in lines:
            self._lines.append(self._decoded(line))

    def _begin(self) -> None:
        self._has_begun = True
        if self._bytes.startswith(_UTF16_MARKS):
            raise UnreadableFileError("不支持 UTF-16,请另存为 CSV UTF-8 (UTF-16 is not read: save as CSV UTF-8)")
        if self._bytes.startswith(_BOM):
            del self._bytes[: len(_BOM)]
            self.encoding = UTF8

    def _bound_line(self) -> None:
        """Give up a line that never ends; what comes until its end is dropped."""
        if len(self._bytes) > MAX_LINE:
            if not self._is_discarding:
                self._lines.append(_Line(self._number(), "", TOO_LONG))
            self._is_discarding = True
            self._bytes.clear()

    def _decoded(self, line: bytes) -> _Line:
        number = self._number()
        if len(line) > MAX_LINE:
            return _Line(number, "", TOO_LONG)
        encoding = self.encoding or UTF8
        try:
            return _Line(number, line.removesuffix(b"\r").decode(encoding), None)
        except UnicodeDecodeError:
            return _Line(number, "", UNDECODABLE.format(encoding=encoding.upper()))

    def _number(self) -> int:
        number = self._next_number
        self._next_number += 1
        return number

    def _extent(self, *, is_last: bool) -> int | None:
        """Return how many lines the first record has, 0 if its quote is not closed; None: more lines are needed."""
        is_open = False
        for index, line in enumerate(self._lines):
            if line.error is not None:
                return 1 if index == 0 else 0
            is_open = _stays_open(line.text, self.delimiter, is_open)
            if not is_open:
                return index + 1
            if index + 1 == MAX_RECORD_LINES:
                return 0
        return 0 if is_last else None

    def _parsed(self, count: int) -> Record:
        number = self._lines[0].number
        if count == 0:
            return Record(number, [], UNCLOSED)
        texts = [self._lines[index].text for index in range(count)]
        lines = [f"{text}\n" for text in texts[:-1]] + texts[-1:]
        try:
            cells = next(csv.reader(lines, delimiter=self.delimiter, strict=True), [])
        except csv.Error:
            return Record(number, [], MALFORMED)
        if self.width is not None and any(cell.strip() for cell in cells[self.width :]):
            return Record(number, [], TOO_WIDE)
        return Record(number, cells)


async def blocks(body: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Cut and join parts of any size into parts that are worth a look each."""
    gathered = bytearray()
    async for part in body:
        gathered += part
        while len(gathered) >= BLOCK:
            yield bytes(gathered[:BLOCK])
            del gathered[:BLOCK]
    yield bytes(gathered)


def _vote(lines: list[bytes]) -> str:
    good = broken = 0
    for line in lines:
        if not line.isascii():
            try:
                line.decode(UTF8)
            except UnicodeDecodeError:
                broken += 1
            else:
                good += 1
    return UTF8 if good >= broken else GB18030


def _stays_open(line: str, delimiter: str, is_open: bool) -> bool:
    """Tell whether a quoted cell is open at the end of a line; quotes count only where a cell begins."""
    if '"' not in line:
        return is_open
    index = 0
    while True:
        if is_open:
            index = line.find('"', index)
            if index < 0:
                return True
            if line.startswith('""', index):
                index += 2
                continue
            is_open, index = False, index + 1
        elif index == 0 and line.startswith('"'):
            is_open, index = True, 1
        else:
            found = line.find(delimiter + '"', index)
            if found < 0:
                return False
            is_open, index = True, found + len(delimiter) + 1
