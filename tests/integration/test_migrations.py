"""Migrations: up, checked against the models, down, up again; the known head is the real one."""

from alembic.config import Config
from alembic.script import ScriptDirectory

from app.models.revision import HEAD
from app.repositories import migrations
from app.repositories.database import Database


def test_the_known_head_is_the_newest_revision() -> None:
    assert ScriptDirectory.from_config(Config("alembic.ini")).get_current_head() == HEAD


async def test_models_and_migrations_agree_after_a_way_down_and_up(database: Database) -> None:
    await migrations.check(database)
    await migrations.downgrade(database, "base")
    assert await migrations.current_revision(database) is None
    await migrations.upgrade(database)
    await migrations.check(database)
    assert await migrations.current_revision(database) == HEAD
