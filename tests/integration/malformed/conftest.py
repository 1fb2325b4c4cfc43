"""A service on a port with one of everything, for a whole module; what stays broken in it shows in all that follows."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from urllib.parse import quote

import httpx2
import pytest
from fastapi import FastAPI

from app.config import Settings
from app.main import create_app
from app.services.agent.demonstration import ACCOUNT
from tests.agent import AGENT
from tests.chatbot import done, entry, say, signature
from tests.filling import fill
from tests.integration.malformed.operations import Operation, operations
from tests.integration.malformed.wire import Answer, Wire
from tests.live import serving

JSON = "application/json"
SIGNED = "/api/v1/chatbot/"
LIMIT = 1024 * 1024
LINK = "http://127.0.0.1:9/"
"""Where nobody listens: for addresses in bodies, so that nothing leaves this machine."""

KINDS = (
    "auto-recycle-rule", "bridge-group", "caller-line", "customer-service", "dial-time-group", "llm-intention-config",
    "outbound-group", "task",
)  # fmt: skip


@dataclass
class Target:
    """A service, what can be called there, and what stands for the parameters of paths."""

    app: FastAPI
    url: str
    wire: Wire
    operations: list[Operation]
    known: dict[str, str]
    secret: str

    def path_of(self, operation: Operation, **instead: bytes) -> bytes:
        """Return the path of an operation on the wire; ``instead``: raw values for some of its parameters."""
        path = operation.path.encode()
        for name in operation.places:
            value = instead.get(name)
            if value is None:
                value = quote(self._known(operation, name), safe="").encode()
            path = path.replace(b"{" + name.encode() + b"}", value)
        return path

    def _known(self, operation: Operation, name: str) -> str:
        kind = operation.path.removeprefix(f"{AGENT}/{{user_id}}/").partition("/")[0]
        for key in (f"{kind}.{name}", name):
            if key in self.known:
                return self.known[key]
        raise AssertionError(f"{operation.name}: what stands for {{{name}}}? tests/integration/malformed/conftest.py")

    async def call(
        self,
        operation: Operation,
        target: bytes,
        body: bytes | None = None,
        media_type: str | None = None,
        **headers: str,
    ) -> Answer:
        """Call an operation, signed where it asks for that."""
        if media_type is not None:
            headers["Content-Type"] = media_type
        if operation.path.startswith(SIGNED):
            headers["Authorization"] = signature(
                self.known["clientId"], self.secret, operation.method, target.decode("latin-1")
            )
        return await self.wire.request(operation.method, target, headers, body)


@pytest.fixture(scope="module")
async def target(shared_settings: Settings) -> AsyncIterator[Target]:
    """A filled service over the network, and one connection to it."""
    app = create_app(shared_settings.model_copy(update={"max_body_bytes": LIMIT}))
    async with serving(app) as url, Wire(url) as wire, httpx2.AsyncClient(base_url=url, timeout=120) as client:
        await fill(client)
        known, secret = await _known(client)
        found = [_adapted(operation) for operation in operations(app)]
        yield Target(app, url, wire, found, known, secret)


def _adapted(operation: Operation) -> Operation:
    """Let nothing of a body lead away from this machine."""
    if operation.media_type != JSON:
        return operation
    text = json.dumps(operation.good)
    for place in ("https://crm.example.com/", "https://gateway.example.com/"):
        text = text.replace(place, LINK)
    return replace(operation, good=json.loads(text))


async def _known(client: httpx2.AsyncClient) -> tuple[dict[str, str], str]:
    """Return what stands for parameters of paths, by name or by kind and name, and the secret to sign with."""

    async def first(path: str) -> str:
        told = (await client.get(path)).json()
        for name in ("data", "results", "list"):
            told = told[name] if isinstance(told, dict) and name in told else told
        assert isinstance(told, list), (path, told)
        return str(told[0]["id"])

    contact = await first("/api/contacts")
    other = (await client.post("/api/bots", json={"name": "网关"})).json()
    made = await client.post("/api/v1/chatbot", json={"name": "客服", "primaryLanguage": "zh_CN"})
    sent = await client.post("/api/followup-records/send", json={"contact_id": int(contact), "content": "您好"})
    bot = made.json()["data"]
    await say(client, "u-1", "您好")
    doc = (await done(client, "POST", "/faq/database", entry("几点开门")))["id"]
    extend = (await done(client, "POST", f"/faq/database/{doc}/extend", {"post": "何时开门"}))["id"]
    owned = f"{AGENT}/{ACCOUNT}"
    known = {
        "contact_id": contact,
        "config_id": await first("/api/followup-configs"),
        "script_id": await first("/api/followup-scripts"),
        "enrollment_id": await first("/api/followup-enrollments"),
        "record_id": str(sent.json()["id"]),
        "message_id": await first("/api/messages"),
        **{f"{kind}.item_id": await first(f"{owned}/{kind}") for kind in KINDS},
        **dict.fromkeys(("entry_id", "nodeId", "import_id", "notice_id"), "1"),
        "bot_id": str(other["id"]),
        "clientId": bot["clientId"],
        "lineId": "default",
        "userId": "u-1",
        "docId": str(doc),
        "extendId": str(extend),
        "categoryId": "1",
        "token": (await client.get(f"/api/contacts/{contact}")).json()["chat_url"].rpartition("/")[2],
        "jobId": "1767225600000-a1b2-c3d4-e5f6a7b8c9d0",
        "caseId": "202601281644031088",
        "user_id": ACCOUNT,
        "number": "13900009001",
        "year": "2027",
        "name": "swagger-ui.css",
    }
    return known, bot["secret"]
