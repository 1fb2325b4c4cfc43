"""Every setting of the service, from ``HUIYIN_*`` variables and ``DATABASE_URL``.

``python -m app config`` prints them with secrets masked.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_args
from urllib.parse import quote, urlsplit, urlunsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, Field, SecretStr, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

_AFTER_GATEWAY_SECONDS = 10.0
_ORIGIN = re.compile(r"https?://([a-z0-9.-]+|\[[0-9a-f:]+\])(:\d{1,5})?")


class TimeRange(BaseModel):
    """Hours of a day, ``H:MM`` or ``HH:MM``, the end not included."""

    # No \d: to Pydantic the digits of all scripts are digits.
    begin_time: Annotated[str, Field(pattern=r"^([01]?[0-9]|2[0-3]):[0-5][0-9]$")]
    end_time: Annotated[str, Field(pattern=r"^(([01]?[0-9]|2[0-3]):[0-5][0-9]|24:00)$")]

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.begin_time.zfill(5) >= self.end_time.zfill(5):
            raise ValueError("begin_time must be before end_time; split a night at 24:00")
        return self


class WeekWindow(BaseModel):
    """The open hours of one day of the week; ``week`` 0 is Sunday, as in the dial-time groups."""

    week: Annotated[int, Field(ge=0, le=6)]
    times: list[TimeRange]


class _SecretFiles(EnvSettingsSource):
    """Secrets from files: ``NAME_FILE`` names the file that holds what ``NAME`` would, as container platforms do.

    Raises:
        SettingsError: both are set, or the file cannot be read.
    """

    def __init__(self, settings_cls: type[BaseSettings]) -> None:
        super().__init__(settings_cls)
        given = self.env_vars
        found: dict[str, str | None] = {}
        for name in _secret_variables(settings_cls):
            path = given.get(f"{name.lower()}_file")
            if not path:
                continue
            if given.get(name.lower()):
                raise SettingsError(f"{name} and {name}_FILE are both set; leave one of them away")
            found[name.lower()] = _content(f"{name}_FILE", path)
        self.env_vars = found


def _secret_variables(settings_cls: type[BaseSettings]) -> Iterator[str]:
    prefix = settings_cls.model_config.get("env_prefix", "")
    for name, field in settings_cls.model_fields.items():
        if SecretStr in _types(field.annotation):
            yield str(field.validation_alias or f"{prefix}{name}".upper())


def _types(annotation: Any) -> Iterator[Any]:
    yield annotation
    for inner in get_args(annotation):
        yield from _types(inner)


def _content(variable: str, path: str) -> str:
    try:
        text = Path(path).read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no UTF-8 text"
        raise SettingsError(f"{variable}: {path} cannot be read: {reason}") from None
    if not text:
        raise SettingsError(f"{variable}: {path} is empty")
    return text


class Settings(BaseSettings):
    """What can be set from outside; the defaults serve a first start on a laptop."""

    model_config = SettingsConfigDict(env_prefix="HUIYIN_", populate_by_name=True, extra="ignore")

    database_url: Annotated[SecretStr | None, Field(validation_alias="DATABASE_URL")] = None
    """PostgreSQL to use; without it the embedded server is started in ``data_dir``."""
    database_password: Annotated[SecretStr | None, Field(validation_alias="DATABASE_PASSWORD")] = None
    """Put into a ``DATABASE_URL`` that has a user and no password."""
    data_dir: Path = Path("data")
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8000
    demo: bool | None = None
    """Fill an empty database with the demonstration data set; by default the embedded one, and never yours."""
    public_url: str | None = None
    """Scheme and host under which people reach the service; else those of the request."""
    pool_size: Annotated[int, Field(ge=2, le=200)] = 8
    """Connections of each of the two pools (requests and engine)."""
    pool_wait_seconds: Annotated[float, Field(gt=0, le=300)] = 10.0
    """How long a connection is waited for before a request is answered 503."""
    jobs: bool = True
    """Run the scheduler in this process."""
    hold: bool = False
    """Send and call nothing by itself, as after a restore; a person's own orders are carried out."""

    api_keys: Annotated[tuple[SecretStr, ...], NoDecode] = ()
    """Comma-separated keys; without any, only loopback clients are answered."""
    trusted_proxies: Annotated[tuple[str, ...], NoDecode] = ()
    """Comma-separated addresses whose ``X-Forwarded-For`` is believed."""
    rate_limit: Annotated[int | None, Field(ge=1, le=1_000_000)] = None
    """Requests of one key in a minute, per process; callers without a key are not counted."""
    cors_origins: Annotated[tuple[str, ...], NoDecode] = ()
    """Comma-separated origins (``https://app.example.com``) whose pages may call with a key."""
    chat_origins: Annotated[tuple[str, ...], NoDecode] = ()
    """Comma-separated origins whose pages may show a person's web chat in themselves."""
    request_timeout_seconds: Annotated[float, Field(gt=0, le=3600)] = 60.0
    """How long a request may take until its answer begins; by default longer where gateways are given longer."""
    max_body_bytes: Annotated[int, Field(ge=1024)] = 64 * 1024 * 1024
    log_level: str = "INFO"

    time_zone: str = "Asia/Shanghai"
    opening_message: str = "您好,我们正在招聘{{position|合适的}}岗位,想和您聊聊。方便留一下您的微信号吗?"
    """Text of the first contact where the config has none; the seed: 发送询问微信号的消息."""
    first_wait_seconds: Annotated[int, Field(ge=0, le=86_400)] = 30
    min_gap_seconds: Annotated[int, Field(ge=0, le=86_400)] = 60
    daily_message_cap: Annotated[int, Field(ge=1, le=1000)] = 5
    send_window: tuple[WeekWindow, ...] = ()
    """Hours in which automatic messages may leave; empty means all day, every day."""
    send_skip_holiday: bool = False
    takeover_hours: Annotated[int, Field(ge=0, le=8760)] = 24
    review_hold_hours: Annotated[int, Field(ge=0, le=8760)] = 24
    unknown_hold_hours: Annotated[int, Field(ge=0, le=8760)] = 24
    """How long an unknown outcome holds a sequence, and of a call its number in other tasks and cases."""

    gateway_timeout_seconds: Annotated[float, Field(gt=0, le=120)] = 10.0
    gateway_concurrency: Annotated[int, Field(ge=1, le=5000)] = 200
    dispatch_batch: Annotated[int, Field(ge=1, le=10_000)] = 1000
    lease_seconds: Annotated[int, Field(ge=10, le=3600)] = 90
    """How long a claim lasts before another process may look; must exceed the gateway time-out."""
    dial_provider: Literal["simulator", "aliyun"] = "simulator"
    """Who places calls; the simulator reaches nobody."""
    dial_window: tuple[WeekWindow, ...] = ()
    """Hours in which calls may be placed; empty means 9:00-21:00 every day, all day for the simulator."""
    dial_skip_holiday: bool = False
    daily_call_cap: Annotated[int, Field(ge=1, le=50)] = 5
    """Calls to one number in 24 hours, over everything that the service dials."""
    call_watchdog_minutes: Annotated[int, Field(ge=1, le=1440)] = 30
    """A call that the provider still has not ended by then is ended here, so that its line is free again."""
    call_concurrency: Annotated[int, Field(ge=1, le=1000)] = 50
    """Requests to the provider under way at a time, per process."""
    simulator_time_scale: Annotated[float, Field(gt=0, le=1)] = 1.0
    """How long a second of the simulated world takes: 1 is real time, 0.02 fifty times faster."""
    simulator_seed: int = 1
    simulator_faults: str = ""
    """Faults on demand, ``name=share`` with commas: ``refuse``, ``throttle``, ``lose_answer``, ``forget``, ``late``."""
    aliyun_access_key_id: SecretStr | None = None
    aliyun_access_key_secret: SecretStr | None = None
    aliyun_region: str = "cn-shanghai"
    aliyun_endpoint: str | None = None
    """Host and port of another endpoint than the region's own, without a scheme."""
    aliyun_protocol: Literal["https", "http"] = "https"
    aliyun_calling_numbers: Annotated[tuple[str, ...], NoDecode] = ()
    recordings_url: str | None = None
    """Where recordings are kept: ``s3://bucket/prefix`` (extra ``s3``); else a folder in ``data_dir``."""
    recording_link_seconds: Annotated[int, Field(ge=60, le=604_800)] = 86_400
    """How long a link to a recording is good."""
    analyst_url: str | None = None
    """Speaks as OpenAI's chat completions do (``https://host/v1``); without it talks are read by rules."""
    analyst_key: SecretStr | None = None
    analyst_model: str = "gpt-4o-mini"
    analyst_timeout_seconds: Annotated[float, Field(gt=0, le=120)] = 20.0
    analyst_per_minute: Annotated[int, Field(ge=1, le=100_000)] = 60
    """Most questions to the model in a minute, per process; talks beyond that are read by rules."""
    analyst_max_characters: Annotated[int, Field(ge=100, le=200_000)] = 8000
    """Longer talks are read by rules."""
    notify_hosts: Annotated[tuple[str, ...], NoDecode] = ()
    """Comma-separated hosts to which notices of calls may go; without any, to all that stand at public addresses."""
    notify_private: bool = False
    """Let notices go to private and loopback addresses too."""
    notify_concurrency: Annotated[int, Field(ge=1, le=1000)] = 8
    """Notices to one host under way at a time, per process."""
    tick_seconds: Annotated[float, Field(gt=0, le=60)] = 1.0
    grace_seconds: Annotated[float, Field(ge=0, le=600)] = 20.0
    """How long a stopping process may take to finish what it claimed."""
    retention_audit_days: Annotated[int, Field(ge=1, le=36_500)] = 730
    retention_messages_days: Annotated[int, Field(ge=7, le=36_500)] | None = None
    """How long messages in both directions are kept, and the texts of what was sent; by default for ever."""
    retention_recordings_days: Annotated[int, Field(ge=1, le=36_500)] | None = None
    """How long recordings of calls are kept; by default for ever."""
    retention_transcripts_days: Annotated[int, Field(ge=1, le=36_500)] | None = None
    """How long the talks of calls are kept, and what was quoted from them; by default for ever."""
    retention_bookkeeping_days: Annotated[int, Field(ge=7, le=36_500)] = 90
    """How long changes of calls, notices and events that were delivered or given up, and imports are listed."""

    @classmethod
    def settings_customise_sources(
        cls, settings_cls: type[BaseSettings], *sources: PydanticBaseSettingsSource, **named: PydanticBaseSettingsSource
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read the arguments, then the environment, then files that hold secrets."""
        return (*sources, named["init_settings"], named["env_settings"], _SecretFiles(settings_cls))

    @field_validator(
        "api_keys",
        "trusted_proxies",
        "cors_origins",
        "chat_origins",
        "notify_hosts",
        "aliyun_calling_numbers",
        mode="before",
    )
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, str):
            # A file of keys has one a line.
            return tuple(part.strip() for part in value.replace("\n", ",").split(",") if part.strip())
        return value

    @field_validator("api_keys", mode="before")
    @classmethod
    def _some_key(cls, value: object) -> object:
        if isinstance(value, str) and value and not value.strip(" ,\n"):
            raise ValueError("holds no key; leave it away to be answered on this machine only")
        return value

    @field_validator("public_url", "analyst_url")
    @classmethod
    def _with_scheme(cls, value: str | None) -> str | None:
        if value and not (value.startswith(("http://", "https://")) and urlsplit(value).netloc):
            raise ValueError("must begin with http:// or https:// and a host")
        return value

    @field_validator("cors_origins", "chat_origins")
    @classmethod
    def _exact_origins(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for origin in value:
            if not _ORIGIN.fullmatch(origin):
                raise ValueError("must be exact origins in lower case, such as https://app.example.com:8443")
        return value

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, OSError, ValueError):
            raise ValueError("no time zone of this name is known; write it like Asia/Shanghai") from None
        return value

    @model_validator(mode="after")
    def _with_password(self) -> Self:
        if self.database_password is None:
            return self
        parts = urlsplit("" if self.database_url is None else self.database_url.get_secret_value())
        user, at, place = parts.netloc.rpartition("@")
        if not at or ":" in user:
            raise ValueError("DATABASE_PASSWORD goes with a DATABASE_URL that has a user and no password")
        netloc = f"{user}:{quote(self.database_password.get_secret_value(), safe='')}@{place}"
        self.database_url = SecretStr(urlunsplit(parts._replace(netloc=netloc)))
        self.database_password = None
        return self

    @model_validator(mode="after")
    def _lease_outlives_requests(self) -> Self:
        if self.lease_seconds < 2 * self.gateway_timeout_seconds:
            raise ValueError("HUIYIN_LEASE_SECONDS must be at least twice HUIYIN_GATEWAY_TIMEOUT_SECONDS")
        return self

    @model_validator(mode="after")
    def _requests_outlive_gateways(self) -> Self:
        # A request that sends must hear what became of it before it is given up.
        if "request_timeout_seconds" not in self.model_fields_set:
            usual = self.request_timeout_seconds
            self.request_timeout_seconds = max(usual, self.gateway_timeout_seconds + _AFTER_GATEWAY_SECONDS)
        if self.request_timeout_seconds <= self.gateway_timeout_seconds:
            raise ValueError("HUIYIN_REQUEST_TIMEOUT_SECONDS must be more than HUIYIN_GATEWAY_TIMEOUT_SECONDS")
        return self

    @property
    def zone(self) -> ZoneInfo:
        """The time zone of windows and of the families that answer local times."""
        return ZoneInfo(self.time_zone)
