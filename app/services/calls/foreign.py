"""Texts of a provider on their way into a table: PostgreSQL keeps no NUL and no half characters."""

MAX_ID = 128


def storable(text: str) -> str:
    """Return a text without what cannot be kept."""
    return text.replace("\x00", "").encode("utf-8", "replace").decode()


def is_id(text: str | None) -> bool:
    """Tell whether an id of the provider's can be kept as it is; a changed one would name another call."""
    return text is not None and 0 < len(text) <= MAX_ID and storable(text) == text
