"""OutboundBot as the provider of a test: a dialer, and calls to place with it and to ask it about."""

from typing import Any

from pydantic import SecretStr

from app.clock import ManualClock
from app.config import Settings
from app.gateways.dialer import CallRef, Dial, Dialer
from app.gateways.dialer.factory import make_dialer
from tests.outboundbot import KEY_ID, KEY_SECRET

TIMEOUT = 0.5


def aliyun(endpoint: str, clock: ManualClock, **fields: Any) -> Dialer:
    given: dict[str, Any] = {
        "dial_provider": "aliyun",
        "aliyun_access_key_id": SecretStr(KEY_ID),
        "aliyun_access_key_secret": SecretStr(KEY_SECRET),
        "aliyun_endpoint": endpoint,
        "aliyun_protocol": "http",
        "gateway_timeout_seconds": TIMEOUT,
    }
    return make_dialer(Settings(**given | fields), clock)


def dial(number: int = 1, **fields: Any) -> Dial:
    given: dict[str, Any] = {
        "job_id": f"1772706600{number:03d}-4d90-ab26-a10656d79a73",
        "phone": f"+86138{number:08d}",
        "instance_id": "instance",
        "script_id": "script",
        "name": "周明远",
        "honorific": "先生",
        "variables": {"agreement": "分两期支付,每期 1500 元。"},
    }
    return Dial(**given | fields)


def ref(clock: ManualClock, made: Dial, job_id: str | None = None, **fields: Any) -> CallRef:
    return CallRef(
        job_id=made.job_id,
        phone=made.phone,
        instance_id=made.instance_id,
        provider_job_id=job_id,
        job_group_id=None,
        provider_task_id=None,
        created_at=clock.now(),
        placed_at=clock.now(),
        **fields,
    )
