"""Which seat (客服) a talk is passed on to."""

from collections.abc import Sequence
from dataclasses import dataclass

from app.domain.tasks.words import Strategy


@dataclass(slots=True)
class Seat:
    """A seat of a bridge group; ``talks`` counts those of the group that it was given so far."""

    id: int
    talks: int


def choose_seat(strategy: int, seats: Sequence[Seat], draw: float) -> Seat | None:
    """Return the seat that takes the next talk; None: the group has none.

    Args:
        strategy: 1 evenly (whoever had the fewest), 2 in order (each in turn), 3 at random.
        seats: In the order in which they were given.
        draw: 0 to 1, the end not included; for strategy 3.
    """
    if not seats:
        return None
    if strategy == Strategy.EVENLY:
        return min(seats, key=lambda seat: seat.talks)
    if strategy == Strategy.IN_ORDER:
        # As many talks as there were, so many turns: nobody has to remember whose turn it is.
        return seats[sum(seat.talks for seat in seats) % len(seats)]
    return seats[int(draw * len(seats))]
