"""How tasks share lines: whoever has the fewest calls gets the next free slot."""

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Claimant:
    """A task that could dial now."""

    id: int
    active: int
    """Calls that it has already."""
    most: int
    """Calls that it may have at a time (``maximumcall``)."""
    due: int
    """Numbers that wait to be dialled now."""
    lines: Sequence[str]
    """Its lines, the preferred ones first."""


def share_out(claimants: Sequence[Claimant], free: Mapping[str, int], limit: int, *, turn: int) -> dict[int, int]:
    """Return how many calls each task may begin, by id; those that may begin none are left out.

    Args:
        claimants: In any order that stays the same.
        free: Free slots by line.
        limit: Calls in all.
        turn: Counts up from time to time, so that among equals it is not always the same one that comes first.
    """
    left = {line: slots for line, slots in free.items() if slots > 0}
    given: dict[int, int] = {}
    number = len(claimants)
    queue = [
        (claimant.active, (place - turn) % number, claimant)
        for place, claimant in enumerate(claimants)
        if claimant.due > 0 and claimant.active < claimant.most
    ]
    heapq.heapify(queue)
    while queue and limit > 0:
        active, place, claimant = heapq.heappop(queue)
        line = next((line for line in claimant.lines if left.get(line, 0) > 0), None)
        if line is None:
            continue
        left[line] -= 1
        limit -= 1
        given[claimant.id] = given.get(claimant.id, 0) + 1
        if active + 1 < claimant.most and given[claimant.id] < claimant.due:
            heapq.heappush(queue, (active + 1, place, claimant))
    return given
