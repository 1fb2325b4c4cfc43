"""Folders for servers."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers import open_folder


@pytest.fixture
def room() -> Iterator[Path]:
    with open_folder() as folder:
        yield folder
