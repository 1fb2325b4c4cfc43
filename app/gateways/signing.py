"""Standard Webhooks signatures for what the service sends out."""

import secrets
from base64 import b64encode
from datetime import datetime
from functools import lru_cache

from standardwebhooks.webhooks import Webhook


def new_secret() -> str:
    """Make a signing secret of 24 random bytes, ``whsec_…``."""
    return f"whsec_{b64encode(secrets.token_bytes(24)).decode()}"


@lru_cache(maxsize=1024)
def _webhook(secret: str) -> Webhook:
    return Webhook(secret)


def sign(secret: str | None, message_id: str, now: datetime, body: bytes) -> dict[str, str]:
    """Return the headers of a signed message; only id and time where no secret is set."""
    headers = {"webhook-id": message_id, "webhook-timestamp": str(int(now.timestamp()))}
    if secret:
        headers["webhook-signature"] = _webhook(secret).sign(message_id, now, body.decode())
    return headers
