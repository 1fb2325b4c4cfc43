"""Concurrent writers on every unique rule of the database: one row, clear answers, no fault and no deadlock."""

import pytest

from app.repositories.database import Database
from tests.integration.unique_rules import chatbot, follow_up, outbound, tasks
from tests.integration.unique_rules.storms import STORMS, World

MODULES = (chatbot, follow_up, outbound, tasks)
"""Whose storms are known by being imported."""

_DRAWN = "drawn at random by the service, at least 62 bits: nobody names it"
NO_STORM = {
    "alembic_version_pkc": "migrations run one at a time, behind a lock of their own (test_migrations.py)",
    "pk_api_key": _DRAWN,
    "pk_message_tombstone": "one process at a time writes them, and passes over repeats (test_retention_messages.py)",
    "pk_retention_walk": "processes that begin a walk at once: test_retention_messages.py",
    "uq_bot_client_id": _DRAWN,
    "uq_bot_default": "the default bot comes with the migrations, and no call makes another bot the default one",
    "uq_contact_chat_token": _DRAWN,
    "uq_faq_category_bot_id_value": _DRAWN,
    "uq_faq_question_extend_id": _DRAWN,
    "uq_outbound_call_job_id": _DRAWN,
}
"""Rules on which no two callers can meet, and why."""

# A key of one column that the database counts up by itself is nobody's to choose.
RULES = """
    SELECT c.relname AS name
    FROM pg_index i
    JOIN pg_class c ON c.oid = i.indexrelid
    JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = 'public'
    WHERE i.indisunique AND NOT EXISTS (
        SELECT FROM pg_attribute a
        WHERE a.attrelid = i.indrelid AND a.attnum = i.indkey[0] AND i.indnatts = 1 AND a.attidentity <> ''
    )
    ORDER BY 1
"""


async def test_every_unique_rule_of_the_database_has_its_storm(database: Database) -> None:
    async with database.connection() as connection:
        rules = {row["name"] for row in await connection.fetch(RULES)}
    assert len(rules) > 40
    assert rules == STORMS.keys() | NO_STORM.keys(), "a rule without a line here, or a line without a rule"
    assert not STORMS.keys() & NO_STORM.keys()


@pytest.mark.parametrize(
    "storm", dict.fromkeys(STORMS.values()), ids=lambda storm: f"{storm.__module__}.{storm.__name__}"
)
async def test_writers_at_once(storm: object, world: World, capsys: pytest.CaptureFixture[str]) -> None:
    assert callable(storm)
    await storm(world)
    assert "[error" not in capsys.readouterr().out
