"""What a benchmark hands back, the table that is printed and the file that is kept."""

import json
import unicodedata
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Row:
    """One figure: our rate beside the limit's, and the ratio that is to be reached."""

    name: str
    work: str
    ours: str
    limit: str
    ratio: float
    reach: float
    note: str = ""
    at_most: bool = False
    """The ratio must not exceed ``reach``, instead of reaching it."""

    @property
    def is_reached(self) -> bool:
        """Whether the ratio is what it should be."""
        return self.ratio <= self.reach if self.at_most else self.ratio >= self.reach


def print_table(rows: Sequence[Row]) -> None:
    """Print one line for each figure."""
    table = [["", "work", "ours", "limit", "ratio", "reach", "note"]]
    for row in rows:
        sign = "≤" if row.at_most else "≥"
        mark = "" if row.is_reached else " ✗"
        table.append(
            [row.name, row.work, row.ours, row.limit, f"{row.ratio:.2f}{mark}", f"{sign} {row.reach:g}", row.note]
        )
    widths = [max(_width(line[column]) for line in table) for column in range(len(table[0]))]
    for line in table:
        cells = (cell + " " * (width - _width(cell)) for cell, width in zip(line, widths, strict=True))
        print("  ".join(cells).rstrip())


def write_json(rows: Sequence[Row], path: Path) -> None:
    """Keep the figures as JSON."""
    figures = [asdict(row) | {"is_reached": row.is_reached} for row in rows]
    path.write_text(json.dumps(figures, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")


def _width(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)
