"""Texts of scripts: variables with fallbacks, and the form in which positions are compared.

``{{name}}`` and ``{{position}}`` are all there is; ``{{name|您}}`` says what to write when the value is missing.
A whitelist instead of a template language: people who write texts must not be able to reach anything else.
"""

import re
import unicodedata
from collections.abc import Mapping

VARIABLES = ("name", "position")

_VARIABLE = re.compile(r"\{\{([^{}|]*)(?:\|([^{}]*))?\}\}")


class UnknownVariableError(ValueError):
    """A text names a variable that does not exist, or leaves a brace open; refused when it is written."""


class MissingVariableError(ValueError):
    """A text needs a value that the contact does not have, and gives no fallback."""

    def __init__(self, variable: str) -> None:
        super().__init__(variable)
        self.variable = variable


def check_variables(content: str) -> None:
    """Raise ``UnknownVariableError`` unless every ``{{…}}`` of a text can be filled in."""
    for match in _VARIABLE.finditer(content):
        name = match[1].strip()
        if name not in VARIABLES:
            raise UnknownVariableError(f"未知变量 {{{{{name}}}}},可用: {', '.join(VARIABLES)} (unknown variable)")
    rest = _VARIABLE.sub("", content)
    if "{{" in rest or "}}" in rest:
        raise UnknownVariableError("变量括号不成对,应写作 {{name}} 或 {{name|您}} (unbalanced braces)")


def has_variables(content: str) -> bool:
    """Tell whether a text is another one for each person."""
    return "{{" in content


def render(content: str, values: Mapping[str, str | None]) -> str:
    """Fill in a text; never leaves a hole (``MissingVariableError`` instead)."""
    if not has_variables(content):
        return content

    def value_of(match: re.Match[str]) -> str:
        name, fallback = match[1].strip(), match[2]
        value = (values.get(name) or "").strip()
        if value:
            return value
        if fallback is None:
            raise MissingVariableError(name)
        return fallback

    return _VARIABLE.sub(value_of, content)


def position_key(position: str | None) -> str:
    """Return the form in which positions are compared: NFKC, trimmed, case folded; empty for none."""
    return unicodedata.normalize("NFKC", position or "").strip().casefold()
