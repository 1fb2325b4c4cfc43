"""Faults on demand: ``HUIYIN_SIMULATOR_FAULTS``."""

import math
from dataclasses import dataclass, fields
from typing import Self


@dataclass(frozen=True, slots=True)
class Faults:
    """How often each fault happens, 0 to 1."""

    refuse: float = 0.0
    """The call is turned down for good."""
    throttle: float = 0.0
    """A request is answered with "too many": no call is placed, no call is told about."""
    lose_answer: float = 0.0
    """The call takes place, but the answer to its placing never comes."""
    forget: float = 0.0
    """The provider takes the call and never tells of it again."""
    late: float = 0.0
    """The answer comes five seconds (of the simulated world) later."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``name=share`` with commas between; empty text: no faults.

        Raises:
            ValueError: an unknown name, one given twice, or a share that is no number from 0 to 1; the message says
                which, and what is known.
        """
        known = [field.name for field in fields(cls)]
        shares: dict[str, float] = {}
        for entry in filter(None, (part.strip() for part in text.split(","))):
            name, _, value = (part.strip() for part in entry.partition("="))
            if name not in known:
                raise ValueError(f"{entry!r}: there is no fault {name!r}; known are {', '.join(known)}")
            if name in shares:
                raise ValueError(f"{entry!r}: {name!r} is given twice")
            shares[name] = _share(entry, value)
        return cls(**shares)


def _share(entry: str, value: str) -> float:
    try:
        share = float(value)
    except ValueError:
        share = math.nan
    if not 0 <= share <= 1:  # false for nan too
        raise ValueError(f"{entry!r}: a share is a number from 0 to 1, as in throttle=0.1")
    return share
