"""Rows as CSV that a spreadsheet opens as it is: UTF-8 with a byte order mark, formulas made harmless."""

import csv
import io
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

_BYTE_ORDER_MARK = "\ufeff"
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""A spreadsheet would run a cell that begins so (OWASP: CSV injection); the last four are full-width ones of CJK."""


def csv_head(columns: Sequence[str]) -> bytes:
    """Return the byte order mark and the line of column names."""
    return (_BYTE_ORDER_MARK + ",".join(columns) + "\r\n").encode()


def csv_lines(rows: Iterable[Iterable[Any]]) -> bytes:
    """Return one line for each row; empty cells are nulls."""
    lines = io.StringIO(newline="")
    csv.writer(lines).writerows([_cell(value) for value in row] for row in rows)
    return lines.getvalue().encode()


def _cell(value: Any) -> Any:
    if isinstance(value, str):
        return f"'{value}" if value.startswith(_FORMULA_STARTS) else value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return value
