"""Delivery of messages to a bot's gateway, and the question to its inbox whether somebody answered.

What an answer of a gateway means (rule: in doubt the person may have got the message):

- 2xx: sent.
- no connection, no name, no place in the pool: certainly not sent; tried again later.
- 429, or 503 with Retry-After: not taken; tried again when the gateway says.
- 404, 410: this person cannot be reached there.
- any other 4xx or a redirect: refused; somebody must look.
- time-out, cut connection, any other 5xx: unknown. Never repeated by itself, unless the gateway is idempotent.
"""

from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from math import ceil
from typing import Any, Final, Protocol
from urllib.parse import urlencode

from pydantic_core import from_json, to_json

from app.gateways.http import Answer, Failure, HttpClient, TransportError
from app.gateways.signing import sign

MAX_RETRY_AFTER_SECONDS = 24 * 3600
MIN_RETRY_AFTER_SECONDS = 1
DEFAULT_RETRY_AFTER_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Channel:
    """Where a bot's messages go."""

    bot_id: int
    url: str
    secret: str | None
    idempotent: bool
    inbox_url: str | None


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message on its way; ``key`` is the same for every try."""

    record_id: int
    contact_id: int
    user_id: str
    content: str
    key: str


@dataclass(frozen=True, slots=True)
class Sent:
    """The gateway took the message."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """Nobody can know whether the person got it."""

    error: str


@dataclass(frozen=True, slots=True)
class NotSent:
    """The person certainly did not get it; ``retry_after`` seconds if the gateway named them."""

    error: str
    retry_after: int | None = None


@dataclass(frozen=True, slots=True)
class Unreachable:
    """The gateway does not know this person."""

    error: str


@dataclass(frozen=True, slots=True)
class Refused:
    """The gateway does not want this message."""

    error: str


WITHDRAWN: Final = NotSent("withdrawn: the person answered, or must not be written to", 0)
"""The outcome of a message that was reserved and is not wanted any more; the next look says why."""

Outcome = Sent | Unknown | NotSent | Unreachable | Refused


class InboxUnreachableError(Exception):
    """The inbox gave no usable answer, so nobody knows whether the person answered."""


class Messenger(Protocol):
    """Sends messages and asks inboxes."""

    async def deliver(self, channel: Channel, delivery: Delivery, now: datetime) -> Outcome:
        """Hand one message to the channel's gateway; never raises for what a gateway does."""
        ...

    async def poll_inbox(
        self, channel: Channel, user_id: str, after: str | None, now: datetime
    ) -> list[dict[str, Any]]:
        """Return the inbound messages of a person after a message id; raises ``InboxUnreachableError``."""
        ...


class WebhookMessenger:
    """Delivery by signed HTTP POST (Standard Webhooks)."""

    def __init__(self, http: HttpClient) -> None:
        self._http = http

    async def deliver(self, channel: Channel, delivery: Delivery, now: datetime) -> Outcome:
        """POST ``{record_id, contact_id, user_id, content}`` with ``webhook-id`` = the record's key."""
        body = to_json(
            {
                "record_id": delivery.record_id,
                "contact_id": delivery.contact_id,
                "user_id": delivery.user_id,
                "content": delivery.content,
            }
        )
        headers = {"content-type": "application/json", **sign(channel.secret, delivery.key, now, body)}
        try:
            answer = await self._http.request("POST", channel.url, headers=headers, body=body)
        except TransportError as error:
            return NotSent(str(error)) if error.failure is Failure.NOT_SENT else Unknown(str(error))
        return outcome_of(answer, now)

    async def poll_inbox(
        self, channel: Channel, user_id: str, after: str | None, now: datetime
    ) -> list[dict[str, Any]]:
        """GET ``inbox_url?user_id&after``, signed over an empty body; reads ``{"messages": [...]}``."""
        query = {"user_id": user_id} | ({} if after is None else {"after": after})
        url = f"{channel.inbox_url}{'&' if '?' in (channel.inbox_url or '') else '?'}{urlencode(query)}"
        headers = sign(channel.secret, f"inbox-{channel.bot_id}-{int(now.timestamp() * 1e6)}", now, b"")
        try:
            answer = await self._http.request("GET", url, headers=headers)
        except TransportError as error:
            raise InboxUnreachableError(str(error)) from error
        return _inbox_messages(answer)


def outcome_of(answer: Answer, now: datetime) -> Outcome:
    """Read a gateway's answer by the rules at the top of this module."""
    status = answer.status
    error = f"HTTP {status}"
    if answer.is_success:
        return Sent()
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return NotSent(error, _retry_after(answer.retry_after, now))
    if status == HTTPStatus.SERVICE_UNAVAILABLE and answer.retry_after is not None:
        return NotSent(error, _retry_after(answer.retry_after, now))
    if status in {HTTPStatus.NOT_FOUND, HTTPStatus.GONE}:
        return Unreachable(error)
    if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.INTERNAL_SERVER_ERROR:
        return Refused(error)
    return Unknown(error)


def _retry_after(value: str | None, now: datetime) -> int:
    """Read Retry-After, seconds or a date.

    Bounded both ways: no gateway stops a person's sequence for ever, and "at once" does not make us spin.
    """
    text = (value or "").strip()
    if text.isascii() and text.isdigit():
        return max(MIN_RETRY_AFTER_SECONDS, min(int(text[:9]), MAX_RETRY_AFTER_SECONDS))
    try:
        seconds = (parsedate_to_datetime(text) - now).total_seconds()
    except (ValueError, TypeError):
        return DEFAULT_RETRY_AFTER_SECONDS
    return max(MIN_RETRY_AFTER_SECONDS, min(ceil(seconds), MAX_RETRY_AFTER_SECONDS))


def _inbox_messages(answer: Answer) -> list[dict[str, Any]]:
    if answer.status != HTTPStatus.OK:
        raise InboxUnreachableError(f"HTTP {answer.status}")
    try:
        document = from_json(answer.body)
        messages = document["messages"]
    except (ValueError, TypeError, KeyError) as error:
        raise InboxUnreachableError("the inbox answered something else than {messages: [...]}") from error
    if not isinstance(messages, list) or not all(isinstance(message, dict) for message in messages):
        raise InboxUnreachableError("the inbox's messages are no list of objects")
    return messages
