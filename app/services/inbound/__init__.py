"""Messages that come in, from wherever: one function decides what each means and applies it.

A reply is applied in the transaction that stores the message, under the lock of the person's row: whoever wants to
write to that person afterwards sees it.
"""

from app.services.inbound.accepting import accept_message
from app.services.inbound.parsing import InboundItem, Problem, parse_item
from app.services.inbound.receiving import Receipt, Refusal, receive, receive_polled

__all__ = [
    "InboundItem",
    "Problem",
    "Receipt",
    "Refusal",
    "accept_message",
    "parse_item",
    "receive",
    "receive_polled",
]
