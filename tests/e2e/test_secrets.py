"""No secret shows in a log line, an answer or the terminal, whatever goes wrong."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import httpx2

from app.clock import SystemClock
from app.config import Settings
from app.domain.keys import Scope
from app.main import create_app
from app.repositories.database import Database
from app.services import keys
from tests.e2e.service import PATIENCE, Service, begin, migrated_database, running

PASSWORD = "geheim-db-7Qx"
BOOT = ("boot-eins-8Zk", "boot-zwei-9Wp")
ALIYUN = "geheim-aliyun-3Rt"
WEBHOOK = "whsec_Z2VoZWltLXdlYmhvb2stNFZ0LWdlaGVpbQ=="
PATHS = (
    "/api/contacts",
    "/api/chatbot/users",
    "/api/v1/chatbot/bot-1/users",
    "/api/v1/mediation/cases",
    "/agent-api/user",
    "/docs",
)
OFFERED = "falsch-5Lm"
"""A key that is wrong: perhaps it is another service's, so it is nobody else's either."""


def with_password(url: str) -> str:
    """Return the URL with a password, which a server that trusts this machine does not look at."""
    scheme, _, rest = url.partition("://")
    authority, slash, path = rest.partition("/")
    user, _, place = authority.rpartition("@")
    return f"{scheme}://{user.partition(':')[0]}:{PASSWORD}@{place}{slash}{path}"


async def asked_wrongly(service: Service) -> list[httpx2.Response]:
    """Offer keys that are wrong in all ways, and right ones in wrong places."""
    answers = []
    async with service.client() as client:
        for headers in (
            {},
            {"Authorization": f"Bearer {OFFERED}"},
            {"X-API-Key": OFFERED},
            {"Authorization": f"Basic {OFFERED}"},
            {"Authorization": BOOT[0]},
            {"Cookie": f"key={BOOT[0]}"},
        ):
            answers += [await client.get(path, headers=headers) for path in PATHS]
        answers.append(await client.get("/api/contacts", params={"api_key": BOOT[0], "token": OFFERED}))
        answers += [await client.get(path) for path in ("/healthz", "/readyz")]
    assert {answer.status_code for answer in answers} == {200, 401}
    return answers


async def asked_badly(client: httpx2.AsyncClient, key: str) -> list[httpx2.Response]:
    """Ask as one who is let in, for things that cannot be done."""
    delivery = {"kind": "webhook", "url": "http://127.0.0.1:1/x", "secret": WEBHOOK}
    answers = [
        await client.put("/api/bots/1/delivery", json=delivery),
        await client.put("/api/bots/1/delivery", json={**delivery, "secret": f"{WEBHOOK}!!"}),
        await client.put("/api/bots/1/delivery", json={**delivery, "secret": [WEBHOOK]}),
        await client.get("/api/bots/1/delivery"),
        await client.post("/api/contacts", content=f'{{"name": "{key}'.encode()),
        await client.post("/api/contacts", json={"name": "林小满", "api_key": key, "password": BOOT[1]}),
        await client.get(f"/api/contacts/{key}"),
        await client.get("/api/contacts", params={"page": key}),
        await client.post("/api/contacts", json={"name": "林小满", "user_id": "u-1"}),
        *[await client.get(path) for path in ("/metrics", "/openapi.json", "/docs", "/readyz", "/nope")],
    ]
    made = answers[8]
    assert made.status_code == 201, made.text
    # It leaves through the gateway, which is not there, with a signature.
    body = {"contact_id": made.json()["id"], "content": "您好"}
    answers.append(await client.post("/api/followup-records/send", json=body))
    return answers


@asynccontextmanager
async def broken(url: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(url)
    try:
        yield connection
    finally:
        await connection.close()


async def faulty(client: httpx2.AsyncClient, url: str, server_url: str) -> list[httpx2.Response]:
    """Ask while a table is missing, and while the database refuses everybody."""
    async with broken(url) as connection:
        await connection.execute("ALTER TABLE contact RENAME TO hidden")
        answers = [await client.get("/api/contacts"), await client.post("/api/contacts", json={"name": "x"})]
        assert [answer.status_code for answer in answers] == [500, 500]
        await connection.execute("ALTER TABLE hidden RENAME TO contact")
    async with broken(server_url) as connection:
        name = urlsplit(url).path.lstrip("/")
        await connection.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        await connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", name)
        # A connection that is refused is told otherwise than a database that is not there, which is what is meant.
        await connection.execute(f"ALTER DATABASE {name} RENAME TO {name}_away")
        away = [await client.get(path) for path in ("/api/contacts", "/agent-api/user", "/api/chatbot/users")]
        assert {answer.status_code for answer in away} == {503}
        away.append(await client.get("/readyz"))
        await connection.execute(f"ALTER DATABASE {name}_away RENAME TO {name}")
        await connection.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
    async with asyncio.timeout(PATIENCE):
        while (await client.get("/readyz")).status_code != 200:  # noqa: ASYNC110 - another process decides when
            await asyncio.sleep(0.1)
    return answers + away


async def made_key(url: str) -> str:
    database = Database(url, pool_size=2)
    try:
        now = SystemClock().now()
        _, key = await keys.create(database, name="x", scopes=[Scope.ADMIN], expires_at=None, now=now)
    finally:
        await database.close()
    return key


async def test_no_secret_is_shown(server_url: str, tmp_path: Path) -> None:
    (tmp_path / "keys").write_text("\n".join(BOOT), encoding="utf-8")
    (tmp_path / "aliyun").write_text(ALIYUN, encoding="utf-8")
    async with migrated_database(server_url, tmp_path) as url:
        (tmp_path / "database").write_text(with_password(url), encoding="utf-8")
        variables = {
            "DATABASE_URL_FILE": str(tmp_path / "database"),
            "HUIYIN_API_KEYS_FILE": str(tmp_path / "keys"),
            "HUIYIN_ALIYUN_ACCESS_KEY_ID": ALIYUN,
            "HUIYIN_ALIYUN_ACCESS_KEY_SECRET_FILE": str(tmp_path / "aliyun"),
            "HUIYIN_LOG_LEVEL": "DEBUG",
            "HUIYIN_DEMO": "false",
        }
        key = await made_key(url)
        secrets = (PASSWORD, *BOOT, ALIYUN, WEBHOOK, OFFERED, key, key.split("_", 2)[2])
        async with (
            running(tmp_path, is_calm=False, **variables) as service,
            service.client(Authorization=f"Bearer {key}") as client,
        ):
            answers = await asked_wrongly(service)
            answers += await asked_badly(client, key)
            answers += await faulty(client, url, server_url)
            bot = (await client.post("/api/v1/chatbot", json={"name": "小巴"})).json()["data"]
            answers.append(await client.get(f"/api/v1/chatbot/{bot['clientId']}/users"))
        told = service.told
        assert '"status": 500' in told
        assert '"level": "error"' in told
        assert "geheim" not in told
        for secret in (*secrets, bot["secret"]):
            assert secret not in told
            for answer in answers:
                shown = f"{answer.text}{json.dumps(dict(answer.headers))}"
                assert secret not in shown, answer.request.url.path
        for arguments in (["config"], ["keys", "list"], ["migrate"]):
            process = await begin(*arguments, terminal=tmp_path / "told", **variables)
            assert await asyncio.wait_for(process.wait(), PATIENCE) == 0
            printed = (tmp_path / "told").read_text(encoding="utf-8")
            assert not [secret for secret in secrets if secret in printed], arguments


async def test_what_holds_secrets_does_not_show_them(settings: Settings) -> None:
    assert settings.database_url is not None
    given: dict[str, Any] = {
        "DATABASE_URL": with_password(settings.database_url.get_secret_value()),
        "api_keys": ",".join(BOOT),
        "aliyun_access_key_id": ALIYUN,
        "aliyun_access_key_secret": ALIYUN,
        "jobs": False,
    }
    app = create_app(Settings(**given))
    state = app.state
    held = (state.context, state.context.database, state.keys, vars(state.keys), app.user_middleware)
    for secret in (PASSWORD, *BOOT, ALIYUN):
        assert secret not in " ".join(map(repr, held))
    await state.context.database.close()
