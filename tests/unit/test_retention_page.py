"""docs/security.md says of every table how long its rows are kept."""

import re
from pathlib import Path

from app.models import Base

PAGE = Path(__file__).parents[2] / "docs" / "security.md"


def test_every_table_is_named() -> None:
    section = PAGE.read_text(encoding="utf-8").partition("## What is kept how long")[2].partition("\n## ")[0]
    named = {name for name in re.findall(r"`([a-z_]+)(?:\.[a-z_]+)?`", section) if name in Base.metadata.tables}
    assert named == set(Base.metadata.tables)
