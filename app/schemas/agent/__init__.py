"""Wire shapes of the agent family: accounts, and what tasks are made of."""

from app.schemas.agent.envelope import AgentRefusal, Done, Envelope, answered

__all__ = ["AgentRefusal", "Done", "Envelope", "answered"]
