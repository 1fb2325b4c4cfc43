"""Every statement that is kept as a constant can be prepared: names exist, and the types of parameters are clear."""

import importlib
import pkgutil

import asyncpg

from app import repositories
from app.repositories.database import Database


async def test_every_statement_can_be_prepared(database: Database) -> None:
    faults, prepared = [], 0
    async with database.connection() as connection:
        for found in pkgutil.iter_modules(repositories.__path__):
            module = importlib.import_module(f"{repositories.__name__}.{found.name}")
            for name, text in vars(module).items():
                # Pieces that others are put together from end in the middle.
                if not isinstance(text, str) or "$1" not in text or name.endswith(("_INPUT", "_FILTER")):
                    continue
                prepared += 1
                try:
                    await connection.prepare(text)
                except asyncpg.PostgresError as error:
                    faults.append(f"{found.name}.{name}: {error}")
    assert not faults
    assert prepared > 50
