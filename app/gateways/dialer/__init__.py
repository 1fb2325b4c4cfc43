"""The way to a phone: one Protocol, and the implementations behind it.

What an answer of a provider means (rule: in doubt the phone may have rung):

- it said that it took the call: placed.
- it refused before anything was written, or answered that it took nothing (throttled, unknown script): not placed.
- time-out, cut connection, rubbish: unknown. Looked up by our reference, never placed again by itself.
"""

from app.gateways.dialer.protocol import (
    CallRef,
    Dial,
    Dialer,
    DialerError,
    NotPlaced,
    Placed,
    Placement,
    PlacementUnknown,
    Recording,
    Report,
    TalkLine,
    ThrottledError,
    Transcript,
)

__all__ = [
    "CallRef",
    "Dial",
    "Dialer",
    "DialerError",
    "NotPlaced",
    "Placed",
    "Placement",
    "PlacementUnknown",
    "Recording",
    "Report",
    "TalkLine",
    "ThrottledError",
    "Transcript",
]
