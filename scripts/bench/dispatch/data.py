"""People who are due and people who are not, on a PostgreSQL of the benchmark's own, copied for each round."""

import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import psutil

from app.gateways.embedded_postgres import EmbeddedPostgres
from app.repositories import migrations
from app.repositories.database import Database, plain_dsn

CONFIGS = 20
DAYS = 5
FIRST_CONTACT = 1000

FILL_CONFIGS = f"""
    INSERT INTO follow_up_config (name, position, position_key)
    SELECT '第' || i || '个复聊配置', '岗位' || i, '岗位' || i FROM generate_series(1, {CONFIGS}) AS i
"""
# One text in five has the person's name in it.
FILL_SCRIPTS = f"""
    INSERT INTO follow_up_script (config_id, day_number, content, interval_hours, "order")
    SELECT c.id, d, CASE WHEN d = 1 THEN '{{{{name|您}}}},' ELSE '' END
           || '后续沟通会更及时,您方便留一下您的微信号吗?我这边加您。' || c.id || '-' || d, 24, 1
    FROM follow_up_config c, generate_series(1, {DAYS}) AS d
"""
FILL_CONTACTS = """
    INSERT INTO contact (id, bot_id, user_id, name, position, position_key, last_sent_at, message_count,
                         first_message_at, last_message_at)
    OVERRIDING SYSTEM VALUE
    SELECT i, 1, 'user-' || i, '林小满' || i, '岗位' || i % 20 + 1, '岗位' || i % 20 + 1, now() - interval '2 days', 1,
           now() - interval '9 days', now() - interval '2 days'
    FROM generate_series($1::bigint, $2::bigint) AS i
"""
# Everybody is somewhere on days 1 to 4. Whoever is due was so within the last hour, in no order of ids.
FILL_ENROLLMENTS = """
    INSERT INTO follow_up_enrollment (contact_id, bot_id, config_id, state, reason, due_at, opening_at, day, sequence,
                                      enrolled_at)
    SELECT i, 1, i % 20 + 1, 'active', 'interval',
           CASE WHEN i < $3 THEN now() - (i * 7919 % 3600) * interval '1 second'
                ELSE now() + interval '1 hour' + (i * 7919 % 604800) * interval '1 second' END,
           now() - interval '9 days', i % 4 + 1, i % 4 + 1, now() - interval '9 days'
    FROM generate_series($1::bigint, $2::bigint) AS i
"""


@dataclass(frozen=True, slots=True)
class Postgres:
    """The server of a benchmark, with durable settings."""

    url: str
    admin: asyncpg.Connection
    postmaster: psutil.Process

    def cpu_seconds(self) -> float:
        """Return the processor time of the server's processes so far, those that ended included."""
        own = self.postmaster.cpu_times()
        seconds = own.user + own.system + own.children_user + own.children_system
        for child in self.postmaster.children():
            times = child.cpu_times()
            seconds += times.user + times.system
        return float(seconds)

    def address(self, name: str) -> str:
        """Return the URL of a database on this server."""
        return urlunsplit(urlsplit(self.url)._replace(path=f"/{name}"))

    async def make(self, name: str) -> str:
        """Make a migrated database; returns its URL."""
        await self.admin.execute(f"CREATE DATABASE {name}")
        database = Database(self.address(name), pool_size=2)
        await migrations.upgrade(database)
        await database.close()
        return self.address(name)

    @asynccontextmanager
    async def copy(self, template: str, name: str) -> AsyncIterator[str]:
        """Lend a fresh copy of a database; both sides begin right after a checkpoint."""
        await self.admin.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")
        await self.admin.execute("CHECKPOINT")
        try:
            yield self.address(name)
        finally:
            await self.admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


@asynccontextmanager
async def own_postgres(**settings: str) -> AsyncIterator[Postgres]:
    """Run an embedded server as the service does, with its durable default settings."""
    with tempfile.TemporaryDirectory(prefix="huiyin-bench-") as folder:
        Path(folder).chmod(0o755)  # noqa: ASYNC240 - nothing else runs yet
        server = EmbeddedPostgres(Path(folder) / "data", settings=settings)
        try:
            url = plain_dsn(server.start())
            admin = await asyncpg.connect(url)
            try:
                pid = await admin.fetchval("SELECT pg_backend_pid()")
                postmaster = psutil.Process(pid).parent()
                assert postmaster is not None, "a backend has a postmaster"
                yield Postgres(url, admin, postmaster)
            finally:
                await admin.close()
        finally:
            server.stop()


async def fill(url: str, *, due: int, others: int, has_contacts: bool = True) -> None:
    """Write ``due`` people who are due and ``others`` who are not, the due ones first."""
    connection = await asyncpg.connect(url)
    first_other = FIRST_CONTACT + due
    last = first_other + others - 1
    try:
        # Foreign keys hold by construction; checking a million of them takes longer than the benchmark.
        await connection.execute("SET session_replication_role = replica; SET synchronous_commit = off")
        await connection.execute(FILL_CONFIGS)
        await connection.execute(FILL_SCRIPTS)
        if has_contacts:
            await connection.execute(FILL_CONTACTS, FIRST_CONTACT, last)
        await connection.execute(FILL_ENROLLMENTS, FIRST_CONTACT, last, first_other)
        await connection.execute("VACUUM ANALYZE")
    finally:
        await connection.close()


# What both sides must have written, as one number for each table: rows, bytes of texts, and what stands in the rows.
RESULTS = """
    SELECT 'follow_up_record', count(*), sum(octet_length(content)), sum(hashtextextended(concat_ws('|', bot_id,
        contact_id, enrollment_id, sequence, config_id, script_id, day_number, kind, status, attempts, content,
        sent_at IS NOT NULL, error), 0)) FROM follow_up_record
    UNION ALL
    SELECT 'chat_message', count(*), sum(octet_length(text)), sum(hashtextextended(concat_ws('|', bot_id, contact_id,
        ordinal, direction, text, service, record_id IS NOT NULL), 0)) FROM chat_message
    UNION ALL
    SELECT 'contact', count(*), sum(message_count), sum(hashtextextended(concat_ws('|', id, message_count,
        last_sent_at > now() - interval '1 hour', last_message_at > now() - interval '1 hour'), 0)) FROM contact
    UNION ALL
    SELECT 'follow_up_enrollment', count(*), count(*) FILTER (WHERE due_at <= now()), sum(hashtextextended(concat_ws(
        '|', id, state, reason, day, after_script_id, sequence, open_record_id, failures, claim_token), 0))
    FROM follow_up_enrollment
    UNION ALL
    SELECT 'audit_entry', count(*), NULL, sum(hashtextextended(concat_ws('|', a.actor, a.action, a.contact_id,
        a.enrollment_id, a.reason, r.contact_id), 0))
    FROM audit_entry a JOIN follow_up_record r ON r.id = (a.detail ->> 'record_id')::bigint
    UNION ALL
    SELECT 'tally', sum(delta), NULL,
           sum(delta * hashtextextended(concat_ws('|', config_id, status, got_reply), 0)::numeric)
    FROM follow_up_record_tally
"""
