"""What every use case is handed: the settings, the database, the clock, ids, and a way to wake the engine."""

import asyncio
from dataclasses import dataclass, field

from app.clock import Clock
from app.config import Settings
from app.gateways.dialer import Dialer
from app.gateways.http import HttpClient
from app.gateways.messenger import Messenger
from app.ids import IdSource
from app.repositories.database import Database


@dataclass(frozen=True, slots=True)
class Context:
    """Made once by ``create_app`` and handed down; nothing of it is global."""

    settings: Settings
    database: Database
    clock: Clock
    ids: IdSource
    http: HttpClient
    messenger: Messenger
    dialer: Dialer
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when work may have become due; the engine then looks at once instead of at the next tick."""
    wake_calls: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when a call may have become due or a line free."""
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    """Set on SIGTERM: streams end, passes claim nothing new."""
