"""What the document shows of the chatbot is what a reader sends first: each example works as it stands."""

from typing import Any

import httpx2
import pytest
from fastapi import FastAPI

from tests.chatbot import DOOR, done

MADE_ON_THE_WAY = {"{userId}": "postman9", "{docId}": "faq-1"}
"""What examples of bodies name is what stands in the examples of paths."""


@pytest.fixture(autouse=True)
def _light(light_app: FastAPI) -> None:
    """Without the sentence encoder."""


@pytest.fixture
def document(app: FastAPI) -> dict[str, Any]:
    described: dict[str, Any] = app.openapi()
    return described


def example(document: dict[str, Any], schema: dict[str, Any]) -> Any:
    """Return what the page fills in for a schema."""
    if "$ref" in schema:
        return example(document, document["components"]["schemas"][schema["$ref"].rpartition("/")[2]] | _rest(schema))
    if "examples" in schema:
        return schema["examples"][0]
    for choice in schema.get("anyOf", ()):
        if choice.get("type") != "null":
            return example(document, choice)
    if "default" in schema or "const" in schema:
        return schema.get("default", schema.get("const"))
    if "properties" in schema:
        return {name: example(document, each) for name, each in schema["properties"].items()}
    return [example(document, schema["items"])]


def _rest(schema: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in schema.items() if key != "$ref"}


async def test_examples_of_bodies_are_taken(client: httpx2.AsyncClient, document: dict[str, Any]) -> None:
    sent: set[str] = set()

    async def send(call: str, extend_id: str = "", **changes: str) -> Any:
        method, _, path = call.partition(" ")
        sent.add(call)
        content = document["paths"][f"{DOOR}{path}"][method.lower()]["requestBody"]["content"]
        body = example(document, content["application/json"]["schema"]) | changes
        for name, value in (MADE_ON_THE_WAY | {"{extendId}": extend_id}).items():
            path = path.replace(name, value)
        return await done(client, method, path, body)

    category = await send("POST /faq/categories")
    await send("PUT /faq/categories", value=category["value"])
    await send("POST /faq/database")
    similar = await send("POST /faq/database/{docId}/extend")
    await send("PUT /faq/database/{docId}/extend/{extendId}", extend_id=similar["id"])
    await send("PUT /faq/database/{docId}")
    await send("POST /faq/click")
    await send("POST /conversation/query")
    await send("POST /faq/query")
    await send("PUT /users/{userId}/profile")
    await send("POST /users/{userId}/messages")
    await send("PUT ")
    with_bodies = {
        f"{method.upper()} {path.removeprefix(DOOR)}"
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
        if path.startswith(DOOR) and "requestBody" in operation
    }
    assert sent == with_bodies
    assert (await done(client, "GET", "/faq/database/faq-1"))["categoryTexts"], "the entry stands in a category"


async def test_an_account_makes_the_bot_of_the_example(client: httpx2.AsyncClient, document: dict[str, Any]) -> None:
    content = document["paths"]["/api/v1/chatbot"]["post"]["requestBody"]["content"]
    body = example(document, content["application/json"]["schema"])
    assert (await client.post("/api/v1/chatbot", json=body)).json()["rc"] == 0
