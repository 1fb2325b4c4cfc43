"""The provider that the settings name."""

from app.clock import Clock
from app.config import Settings
from app.errors import StartupError
from app.gateways.dialer.protocol import Dialer
from app.gateways.dialer.simulator import Faults, Simulator


def make_dialer(settings: Settings, clock: Clock) -> Dialer:
    """Return the way to a phone that the settings name.

    Raises:
        StartupError: a setting that the provider needs is missing or makes no sense; the message says what to do.
    """
    try:
        faults = Faults.parse(settings.simulator_faults)
    except ValueError as error:
        raise StartupError(f"HUIYIN_SIMULATOR_FAULTS: {error}") from None
    return Simulator(clock, seed=settings.simulator_seed, time_scale=settings.simulator_time_scale, faults=faults)
