"""What the families of a first start show; apart from the rest because no later start needs it."""

from app.services.agent.demonstration import load_account
from app.services.calls.demonstration import load_case
from app.services.chatbot.demonstration import load_faq
from app.services.context import Context


async def load_families(context: Context) -> None:
    """Make the demonstration's FAQ base, its case and its account."""
    await load_faq(context)
    await load_case(context)
    await load_account(context)
