"""Where Alembic meets the service: a connection handed in, or one of its own from DATABASE_URL.

Migrations wait for locks at most some seconds, so that a long transaction elsewhere makes them fail instead of
stopping the service, and hold an advisory lock, so that several replicas starting at once migrate one after another.
"""

import asyncio

from alembic import context
from sqlalchemy import Connection, text

from app.config import Settings
from app.models import Base
from app.repositories.database import Database

MIGRATION_LOCK = 0x48554959494E  # "HUIYIN"


def run(connection: Connection) -> None:
    context.configure(connection=connection, target_metadata=Base.metadata, compare_server_default=False)
    with context.begin_transaction():
        connection.execute(text("SET LOCAL lock_timeout = '10s'"))
        connection.execute(text(f"SELECT pg_advisory_xact_lock({MIGRATION_LOCK})"))
        context.run_migrations()


async def run_alone() -> None:
    url = Settings().database_url
    if url is None:
        raise SystemExit("set DATABASE_URL, or use `python -m app migrate`")
    database = Database(url.get_secret_value(), pool_size=2)
    try:
        async with database.engine.begin() as connection:
            await connection.run_sync(run)
    finally:
        await database.close()


if context.is_offline_mode():
    context.configure(dialect_name="postgresql", target_metadata=Base.metadata, literal_binds=True)
    with context.begin_transaction():
        context.run_migrations()
elif (handed := context.config.attributes.get("connection")) is not None:
    run(handed)
else:
    asyncio.run(run_alone())
