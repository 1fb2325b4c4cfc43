"""Cells that people wrote, in files that other people open in a spreadsheet."""

import csv
import io

import pytest

from app.schemas.spreadsheets import csv_lines


@pytest.mark.parametrize("start", [*"=+-@\t\r\n", "\uff1d", "\uff0b", "\uff0d", "\uff20"])
def test_what_people_wrote_is_no_formula(start: str) -> None:
    (row,) = csv.reader(io.StringIO(csv_lines([[f"{start}HYPERLINK(1)", "a=b", None, -1]]).decode(), newline=""))
    assert row == [f"'{start}HYPERLINK(1)", "a=b", "", "-1"]
