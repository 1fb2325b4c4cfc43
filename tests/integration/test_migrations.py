"""Migrations: up, checked against the models, down, up again; the known head is the real one, and so is the script."""

import io
import uuid
from collections.abc import Iterable
from pathlib import Path

import asyncpg
import pytest
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from fastapi import FastAPI

from app.models.revision import HEAD
from app.repositories import migrations
from app.repositories.database import Database
from app.services import demo, demonstration
from tests.conftest import with_database

SCRIPT = Path(__file__).parents[2] / "alembic" / "schema.sql"


def test_the_known_head_is_the_newest_revision() -> None:
    assert ScriptDirectory.from_config(Config("alembic.ini")).get_current_head() == HEAD


async def test_models_and_migrations_agree_after_a_way_down_and_up(database: Database) -> None:
    await migrations.check(database)
    await migrations.downgrade(database, "base")
    assert await migrations.current_revision(database) is None
    await migrations.upgrade(database)
    await migrations.check(database)
    assert await migrations.current_revision(database) == HEAD


def test_the_script_for_new_databases_is_what_the_migrations_say() -> None:
    printed = io.StringIO()
    command.upgrade(Config("alembic.ini", output_buffer=printed), "head", sql=True)
    lines = [line.rstrip() for line in printed.getvalue().strip().splitlines()]
    assert SCRIPT.read_text(encoding="utf-8").splitlines() == lines, "run `python scripts/dev.py schema`"


async def test_the_script_makes_a_database_as_migrations_do(server_url: str) -> None:
    name = f"test_{uuid.uuid4().hex}"
    admin = await asyncpg.connect(server_url)
    try:
        await admin.execute(f"CREATE DATABASE {name} TEMPLATE template0")
        database = Database(with_database(server_url, name), pool_size=2)
        async with database.connection() as connection:
            await connection.execute(SCRIPT.read_text(encoding="utf-8"))
        assert await migrations.current_revision(database) == HEAD
        await migrations.check(database)
        await migrations.downgrade(database, "base")
        await migrations.upgrade(database)
        await database.close()
    finally:
        await admin.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        await admin.close()


async def test_what_was_there_before_is_found_and_counted(database: Database) -> None:
    await migrations.downgrade(database, "0002")
    async with database.transaction() as connection:
        contact = await connection.fetchval(
            "INSERT INTO contact (bot_id, user_id, name, phone)"
            " VALUES (1, 'U-1', '林晓', '+8613800138000') RETURNING id"
        )
        await connection.execute(
            """
            INSERT INTO chat_message (bot_id, contact_id, ordinal, direction, text, filter_reason, sent_at, created_at)
            VALUES (1, $1, 1, 'inbound', '您好', NULL, now(), now()),
                   (1, $1, 2, 'inbound', '微信号', 'bare', now(), now())
            """,
            contact,
        )
    await migrations.upgrade(database)
    async with database.connection() as connection:
        assert await connection.fetchval("SELECT words FROM contact_search") == "林晓\n+8613800138000\nu-1"
        totals = await connection.fetch("SELECT subject, delta FROM row_tally ORDER BY subject")
        assert [tuple(row) for row in totals] == [("contact", 1), ("filtered", 1), ("message", 1)]


KEPT = ("bot", "contact", "contact_record", "follow_up_config", "follow_up_script", "follow_up_enrollment")
REVISIONS = [revision.revision for revision in ScriptDirectory.from_config(Config("alembic.ini")).walk_revisions()]


async def filled(app: FastAPI) -> None:
    """Fill every family with the demonstration data, calls and answers included."""
    assert await demo.load_people(app.state.context)
    await demonstration.load_families(app.state.context)
    await demo.load_history(app.state.context)


async def rows(database: Database, tables: Iterable[str]) -> dict[str, list[str]]:
    """Return what stands in tables, as text, in a steady order."""
    async with database.connection() as connection:
        return {
            table: [row[0] for row in await connection.fetch(f"SELECT id::text FROM {table} ORDER BY id")]
            for table in tables
        }


@pytest.mark.parametrize("revision", REVISIONS[1:])
async def test_a_filled_database_goes_down_to_every_revision_and_up_again(
    app: FastAPI, database: Database, revision: str
) -> None:
    await filled(app)
    before = await rows(database, (*KEPT, "follow_up_record", "chat_message"))
    assert all(before.values()), before
    await migrations.downgrade(database, revision)
    assert await migrations.current_revision(database) == revision
    assert await rows(database, before) == before
    await migrations.upgrade(database)
    await migrations.check(database)
    assert await rows(database, before) == before
    # What triggers keep beside the rows was made anew from them.
    async with database.connection() as connection:
        counted = await connection.fetchval("SELECT sum(delta) FROM row_tally WHERE subject = 'contact'")
        assert counted == len(before["contact"])
        records = await connection.fetchval("SELECT sum(delta) FROM follow_up_record_tally")
        assert records == len(before["follow_up_record"])
