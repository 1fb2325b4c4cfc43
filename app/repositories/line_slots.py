"""How much of a line is taken: the calls on it, and what tasks hold for themselves."""

from sqlalchemy import ColumnElement, func, select

from app.models import CallerLine, LineHold, OutboundCall


def running() -> ColumnElement[int]:
    """Return the number of active calls on a `CallerLine` of the query, and nothing else: so no slot can leak."""
    return (
        select(func.count())
        .select_from(OutboundCall)
        .where(OutboundCall.line_id == CallerLine.id, OutboundCall.ended_at.is_(None))
        .correlate(CallerLine)
        .scalar_subquery()
    )


def locked() -> ColumnElement[int]:
    """Return how many slots of a `CallerLine` of the query are held by tasks that ended with them (end action 2)."""
    return (
        select(func.coalesce(func.sum(LineHold.slots), 0))
        .where(LineHold.line_id == CallerLine.id)
        .correlate(CallerLine)
        .scalar_subquery()
    )


def used() -> ColumnElement[int]:
    """Return ``call_line_used``, which with ``residue`` makes ``call_line``."""
    return running() + locked()
