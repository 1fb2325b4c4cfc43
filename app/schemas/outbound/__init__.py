"""Wire shapes of outbound calls and mediation cases."""

from app.schemas.outbound.envelope import Envelope, OutboundRefusal, answered

__all__ = ["Envelope", "OutboundRefusal", "answered"]
