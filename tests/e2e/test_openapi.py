"""The OpenAPI document: what it says; whether the service does that is tried out in `test_schemathesis.py`."""

import re
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI

HAN = re.compile(r"[\u4e00-\u9fff]")
LATIN = re.compile(r"[A-Za-z]{3}")
MAKES_WHAT_IT_NAMES = {"PUT /api/calendar/{year}"}
OPERATION = {"/healthz", "/readyz", "/metrics"}
"""Paths for machines that watch the service: they have no client errors and no input."""


@pytest.fixture
async def document(app: FastAPI) -> dict[str, Any]:
    described: dict[str, Any] = app.openapi()
    return described


def operations(document: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    return [
        (f"{method.upper()} {path}", operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]


def is_bilingual(text: str) -> bool:
    return bool(HAN.search(text) and LATIN.search(text))


def resolved(document: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    if "$ref" not in schema:
        return schema
    found: dict[str, Any] = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return found


def has_examples(document: dict[str, Any], schema: dict[str, Any]) -> bool:
    """Tell whether every plain value of a schema comes with an example, so that the page shows real ones."""
    schema = resolved(document, schema) | schema
    if schema.get("examples") or schema.get("example") or "default" in schema or "const" in schema:
        return True
    if schema.get("format") == "binary":
        return True  # sound
    for choice in ("anyOf", "oneOf"):
        if choice in schema and "properties" not in schema:
            return any(has_examples(document, each) for each in schema[choice] if each.get("type") != "null")
    if "properties" in schema:
        return all(has_examples(document, each) for each in schema["properties"].values())
    return has_examples(document, schema["items"]) if "items" in schema else False


async def test_every_operation_is_described_in_both_languages(document: dict[str, Any]) -> None:
    found = operations(document)
    assert len(found) > 50
    tags = {tag["name"] for tag in document["tags"]}
    for name, operation in found:
        assert is_bilingual(operation["summary"]), name
        assert is_bilingual(operation["description"]), name
        assert len(operation["tags"]) == 1, name
        assert set(operation["tags"]) <= tags, name
    for tag in document["tags"]:
        assert is_bilingual(tag["description"]), tag["name"]
    assert is_bilingual(document["info"]["description"])
    assert len({operation["operationId"] for _, operation in found}) == len(found)


def assert_refusals_of_the_chatbot(name: str, operation: dict[str, Any]) -> None:
    """Errors are HTTP 200 with an rc; only the default door answers plainly about access."""
    plain = {"401", "403", "429", "503"} if " /api/chatbot" in name else set()
    assert set(operation["responses"]) == {"200"} | plain, name
    assert "Refusal" in str(operation["responses"]["200"]["content"]) or name.endswith("/stream"), name
    for status in plain:
        response = operation["responses"][status]
        assert is_bilingual(response["description"]), (name, status)
        assert response["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/Refusal"}


def assert_refusals_of_outbound(name: str, operation: dict[str, Any]) -> None:
    """Errors are ``{code, message, data: null}`` and wrong input is 400, never 422."""
    statuses = set(operation["responses"])
    assert {"400", "401", "403", "413", "500", "503", "507"} <= statuses, name
    assert "422" not in statuses, name
    assert any(status.startswith("2") for status in statuses), name
    assert ("{" in name) <= ("404" in statuses), name
    for status in statuses:
        response = operation["responses"][status]
        assert is_bilingual(response["description"]) or status < "400", (name, status)
        if status >= "400":
            content = response["content"]["application/json"]
            assert content["example"]["code"] == int(status), (name, status)
            assert content["example"]["data"] is None, (name, status)
            assert content["schema"] == {"$ref": "#/components/schemas/OutboundRefusal"}, (name, status)
    assert "Retry-After" in operation["responses"]["503"]["headers"], name


def assert_refusals_of_agent(name: str, operation: dict[str, Any]) -> None:
    """Errors are ``{code, status, message, data: null}``."""
    statuses = set(operation["responses"])
    assert {"401", "403", "413", "422", "500", "503", "507"} <= statuses, name
    assert any(status.startswith("2") for status in statuses), name
    assert ("{" in name) <= ("404" in statuses), name
    assert ("DELETE" in name) <= ("409" in statuses), name
    for status in statuses:
        response = operation["responses"][status]
        assert is_bilingual(response["description"]) or status < "400", (name, status)
        if status >= "400":
            content = response["content"]["application/json"]
            example = {"code": int(status), "status": "error", "data": None}
            assert content["example"] == example | {"message": content["example"]["message"]}, (name, status)
            assert content["schema"] == {"$ref": "#/components/schemas/AgentRefusal"}, (name, status)
    assert "Retry-After" in operation["responses"]["503"]["headers"], name


async def test_every_operation_documents_what_can_go_wrong(document: dict[str, Any]) -> None:
    for name, operation in operations(document):
        if name.partition(" ")[2] in OPERATION:
            continue
        if "chatbot" in name or "/secret/" in name:
            assert_refusals_of_the_chatbot(name, operation)
            continue
        if " /api/v1/outbound-bot" in name or " /api/v1/mediation" in name:
            assert_refusals_of_outbound(name, operation)
            continue
        if " /agent-api" in name:
            assert_refusals_of_agent(name, operation)
            continue
        statuses = set(operation["responses"])
        assert {"401", "403", "413", "422", "500", "503"} <= statuses, name
        assert any(status.startswith("2") for status in statuses), name
        assert ("{" in name) <= ("404" in statuses or name in MAKES_WHAT_IT_NAMES), name
        for status in statuses:
            response = operation["responses"][status]
            assert response["description"], name
            if status >= "400":
                content = response["content"]["application/json"]
                assert is_bilingual(response["description"]), (name, status)
                assert "detail" in content["example"], (name, status)
                assert content["schema"] == {"$ref": "#/components/schemas/ProblemAnswer"}, (name, status)
        assert ("503" in statuses) <= ("Retry-After" in operation["responses"]["503"]["headers"]), name


async def test_every_body_has_examples(document: dict[str, Any]) -> None:
    for name, operation in operations(document):
        for status, response in operation["responses"].items():
            for media_type, content in response.get("content", {}).items():
                shown = "example" in content or "examples" in content
                place = f"{name} {status} {media_type}"
                assert shown or name.partition(" ")[2] in OPERATION or has_examples(document, content["schema"]), place
        for media_type, content in operation.get("requestBody", {}).get("content", {}).items():
            shown = "example" in content or "examples" in content
            assert shown or has_examples(document, content["schema"]), f"{name} {media_type}"


async def test_parameters_are_described(document: dict[str, Any]) -> None:
    for name, operation in operations(document):
        for parameter in operation.get("parameters", ()):
            if parameter["in"] != "path":
                assert is_bilingual(parameter.get("description", "")), f"{name} {parameter['name']}"


async def test_no_secret_stands_in_the_document(client: httpx2.AsyncClient) -> None:
    answer = await client.get("/openapi.json")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert "postgresql://" not in answer.text
    assert answer.json()["openapi"].startswith("3.1")
