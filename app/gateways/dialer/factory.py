"""The provider that the settings name."""

from datetime import timedelta

from app.clock import Clock
from app.config import Settings
from app.errors import StartupError
from app.gateways.dialer.protocol import Dialer
from app.gateways.dialer.simulator import Faults, Simulator
from app.gateways.http import HttpClient


def make_dialer(settings: Settings, clock: Clock) -> Dialer:
    """Return the way to a phone that the settings name.

    Raises:
        StartupError: something that the provider needs is missing or makes no sense; the message says what to do.
    """
    return _aliyun(settings, clock) if settings.dial_provider == "aliyun" else _simulator(settings, clock)


def _simulator(settings: Settings, clock: Clock) -> Dialer:
    try:
        faults = Faults.parse(settings.simulator_faults)
    except ValueError as error:
        raise StartupError(f"HUIYIN_SIMULATOR_FAULTS: {error}") from None
    return Simulator(clock, seed=settings.simulator_seed, time_scale=settings.simulator_time_scale, faults=faults)


def _aliyun(settings: Settings, clock: Clock) -> Dialer:
    key_id, secret = settings.aliyun_access_key_id, settings.aliyun_access_key_secret
    if key_id is None or secret is None or not key_id.get_secret_value() or not secret.get_secret_value():
        raise StartupError(
            "HUIYIN_DIAL_PROVIDER=aliyun needs HUIYIN_ALIYUN_ACCESS_KEY_ID and HUIYIN_ALIYUN_ACCESS_KEY_SECRET; "
            "without an account leave HUIYIN_DIAL_PROVIDER at simulator, which reaches nobody"
        )
    try:
        from app.gateways.dialer.aliyun import channel, dialer  # noqa: PLC0415 - needs an extra, and 50 MB of memory
    except ImportError as error:
        raise StartupError(
            f"HUIYIN_DIAL_PROVIDER=aliyun needs the extra aliyun, and {error.name or error} is not installed: "
            "pip install --require-hashes --no-deps -r requirements-extras.lock"
        ) from error
    http = HttpClient(timeout_seconds=settings.gateway_timeout_seconds, max_connections=2 * settings.call_concurrency)
    config = channel.Config(
        access_key_id=key_id.get_secret_value(),
        access_key_secret=secret.get_secret_value(),
        region_id=settings.aliyun_region,
        endpoint=settings.aliyun_endpoint,
        protocol=settings.aliyun_protocol,
    )
    return dialer.Aliyun(
        channel.Channel(config, http, clock, settings.call_concurrency),
        http,
        clock,
        calling_numbers=settings.aliyun_calling_numbers,
        life=timedelta(minutes=settings.call_watchdog_minutes),
    )
