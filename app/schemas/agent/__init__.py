"""Wire shapes of the agent family: accounts, and what tasks are made of."""

from app.schemas.agent.envelope import AgentRefusal, Envelope, answered

__all__ = ["AgentRefusal", "Envelope", "answered"]
