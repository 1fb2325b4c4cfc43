"""The desk with every source of calls that there is."""

from app.services.calls.desk import Desk
from app.services.calls.mediation import MediationSource
from app.services.context import Context
from app.services.tasks.source import TaskSource


def open_desk(context: Context) -> Desk:
    """Return the desk of a service."""
    return Desk(context, [MediationSource(), TaskSource()])
