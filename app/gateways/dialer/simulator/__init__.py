"""A provider that reaches nobody: a small world of people who answer, are busy, ask back and hang up.

Everything about a call follows from the seed, its job id and its number alone, and from the time: any process, also one
that was just started, tells the same story, and nothing is stored (``docs/simulator.md``).
"""

from app.gateways.dialer.simulator.dialer import Simulator
from app.gateways.dialer.simulator.faults import Faults

__all__ = ["Faults", "Simulator"]
