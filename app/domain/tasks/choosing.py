"""Choices by chance that is no chance: the same for the same number, on every replica and after every restart."""

from collections.abc import Sequence
from hashlib import blake2b

_WIDTH = 8
_RANGE = 1 << (8 * _WIDTH)


def share_of(*parts: object) -> float:
    """Return 0 to 1, the end not included, evenly spread over what it is drawn for."""
    digest = blake2b("|".join(map(str, parts)).encode(), digest_size=_WIDTH).digest()
    return int.from_bytes(digest, "big") / _RANGE


def choose_group(groups: Sequence[tuple[int, int]], number_id: int) -> int:
    """Return the group of scripts of a number, where a task compares several.

    Args:
        groups: (id, weight) each, at least one; as likely as its weight.
        number_id: The number; it gets the same one whenever it is asked for with the same groups.
    """
    left = share_of("script", number_id) * sum(weight for _, weight in groups)
    for group_id, weight in groups[:-1]:
        left -= weight
        if left < 0:
            return group_id
    return groups[-1][0]
