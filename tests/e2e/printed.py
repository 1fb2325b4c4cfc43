"""What the contract prints, compared field by field with what the service answers."""

import json
import re
from typing import Any

MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z")
"""As every sample prints its times: UTC, whole seconds, ``Z``."""


def assert_agrees(answered: Any, printed: Any, place: str = "answer") -> None:
    """Check that an answer has all that is printed: names in their order, types, formats, list lengths and values.

    Times are compared by their format only. More fields than printed are welcome.
    """
    assert type(answered) is type(printed), f"{place} is {answered!r}, printed is {printed!r}"
    if isinstance(printed, dict):
        missing = printed.keys() - answered.keys()
        assert not missing, f"{place} lacks {missing}"
        assert [name for name in answered if name in printed] == list(printed), f"{place} has another order of fields"
        for name, value in printed.items():
            assert_agrees(answered[name], value, f"{place}.{name}")
    elif isinstance(printed, list):
        assert len(answered) == len(printed), f"{place} has {len(answered)} entries, printed are {len(printed)}"
        for index, value in enumerate(printed):
            assert_agrees(answered[index], value, f"{place}[{index}]")
    elif isinstance(printed, str) and MOMENT.fullmatch(printed):
        assert MOMENT.fullmatch(answered), f"{place} is {answered!r}, printed is {printed!r}"
    else:
        assert answered == printed, place


def all_moments(answered: Any) -> list[str]:
    """Return every value whose field name says that it is a time."""
    if isinstance(answered, list):
        return [moment for entry in answered for moment in all_moments(entry)]
    if not isinstance(answered, dict):
        return []
    own = [value for name, value in answered.items() if name.endswith("_at") and value is not None]
    return own + [moment for value in answered.values() for moment in all_moments(value)]


def several(output: str) -> list[Any]:
    """Read JSON texts that were printed one behind the other, as several calls of curl do."""
    decoder, found, rest = json.JSONDecoder(), [], output.strip()
    while rest:
        value, end = decoder.raw_decode(rest)
        found.append(value)
        rest = rest[end:].lstrip()
    return found
