"""The OpenAPI document: what it says, and whether the service does what it says, tried out by schemathesis."""

import asyncio
import os
import re
import sys
from pathlib import Path
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI

from tests.e2e.service import PATIENCE, Service, migrated_database, running
from tests.filling import fill

HAN = re.compile(r"[\u4e00-\u9fff]")
LATIN = re.compile(r"[A-Za-z]{3}")
KEY = "a-key-of-this-test"
MAKES_WHAT_IT_NAMES = {"PUT /api/calendar/{year}"}
ENVELOPE = {"code", "status", "message", "data"}
OPERATION = {"/healthz", "/readyz", "/metrics"}
"""Paths for machines that watch the service: they have no client errors and no input."""

# Rules between fields or with what is stored, and what no schema can say: their 422 is right, whatever the schema
# allows. Every entry says which rule it is.
CONFIGURATION = """
[[operations]]
include-name = "POST /api/contacts"
checks.positive_data_acceptance.enabled = false   # the bot must exist

[[operations]]
include-name = "POST /api/contacts/import"
checks.positive_data_acceptance.enabled = false   # a table with known columns

[[operations]]
include-name = "POST /api/followup-enrollments"
checks.positive_data_acceptance.enabled = false   # either people or a position

[[operations]]
include-name = "PUT /api/bots/{bot_id}/delivery"
checks.positive_data_acceptance.enabled = false   # webhook needs a url

[[operations]]
include-name = "GET /api/contacts/{contact_id}/timeline"
checks.positive_data_acceptance.enabled = false   # the cursor is one that was given

[[operations]]
include-name = "POST /api/followup-configs"
checks.positive_data_acceptance.enabled = false   # variables are known ones

[[operations]]
include-name = "PUT /api/followup-configs/{config_id}"
checks.positive_data_acceptance.enabled = false   # variables are known ones

[[operations]]
include-name = "POST /api/followup-scripts"
checks.positive_data_acceptance.enabled = false   # variables are known ones; day 0 needs an hour

[[operations]]
include-name = "PUT /api/followup-scripts/{script_id}"
checks.positive_data_acceptance.enabled = false   # variables are known ones; day 0 needs an hour

[[operations]]
include-name = "POST /api/followup-configs/{config_id}/test-send"
checks.positive_data_acceptance.enabled = false   # variables have values

[[operations]]
include-path-regex = "/(preview|export)$|^/api/followup-records$"
checks.positive_data_acceptance.enabled = false   # the year is within reach
checks.negative_data_rejection.enabled = false    # an empty parameter is as good as none; numbers are moments too

[[operations]]
include-path-regex = "^/api/chatbot|^/api/v1/(chatbot|secret)"
# Every answer is HTTP 200, refusals too: rc says what happened.
checks.positive_data_acceptance.enabled = false
checks.negative_data_rejection.enabled = false
checks.unsupported_method.enabled = false
checks.ignored_auth.enabled = false
checks.allow_header_conformance.enabled = false    # ids of users hold slashes, so paths overlap

[[operations]]
include-path-regex = "/(conversation-log|status)$"
checks.positive_data_acceptance.enabled = false   # at least one filter

[[operations]]
include-name = "POST /api/v1/outbound-bot/call-v2"
checks.positive_data_acceptance.enabled = false   # an integer is written without a point

[[operations]]
include-path-regex = "^/api/v1/mediation/cases"
checks.positive_data_acceptance.enabled = false   # the node must exist; everybody stands in the list once

[[operations]]
include-path-regex = "^/api/v1/outbound-bot/(nodes|lines)/"
checks.positive_data_acceptance.enabled = false   # hours begin before they end; integers without a point

[[operations]]
include-name = "PUT /api/calendar/{year}"
checks.positive_data_acceptance.enabled = false   # the dates are those of the year

[[operations]]
include-path-regex = "^/agent-api/.*/(dial-time-group|caller-line|auto-recycle-rule|outbound-group|bridge-group)"
# Hours do not overlap, a line ends after it begins, 50 redials in all, lines and seats are the account's own.
checks.positive_data_acceptance.enabled = false

[[operations]]
include-path-regex = "^/agent-api/.*/llm-intention-config"
checks.positive_data_acceptance.enabled = false   # 0.0 is an integer to JSON Schema; here numbers are strict

[[operations]]
include-path-regex = "^/agent-api/.*/task"
checks.positive_data_acceptance.enabled = false   # what a task uses is the account's own; a phone is one; a CSV file

[[operations]]
include-path-regex = "^/agent-api/.*/task/{item_id}/record"
checks.negative_data_rejection.enabled = false    # numbers are phones too

[[operations]]
include-path-regex = "/(chats|calls)/stream$"
enabled = false                                    # never ends

[[operations]]
include-path = "/api/contacts/import"
checks.unsupported_method.enabled = false          # to other methods this is /api/contacts/{contact_id}
checks.allow_header_conformance.enabled = false
"""


async def try_out(service: Service, folder: Path, *options: str) -> None:
    """Run schemathesis on the whole document with all checks, which is its default; every finding fails."""
    (folder / "schemathesis.toml").write_text(CONFIGURATION, encoding="utf-8")
    # Measuring the coverage of schemathesis itself would double its time.
    env = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
    process = await asyncio.create_subprocess_exec(
        str(Path(sys.executable).with_name("st")), "--config-file", str(folder / "schemathesis.toml"), "--no-color",
        "run", f"{service.url}/openapi.json", *options,
        "--seed", "20260305", "--no-shrink", "--continue-on-failure", "--warnings", "off",
        "--suppress-health-check", "all", "--request-timeout", "30",
        cwd=folder, env=env | {"no_proxy": "127.0.0.1"},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    try:
        output, _ = await asyncio.wait_for(process.communicate(), 2 * PATIENCE)
    finally:
        if process.returncode is None:
            process.kill()
    assert process.returncode == 0, output.decode(errors="replace")
    assert "Tested: 0" not in output.decode()


async def test_the_service_does_what_its_document_says(server_url: str, tmp_path: Path) -> None:
    async with (
        migrated_database(server_url, tmp_path) as url,
        running(tmp_path, DATABASE_URL=url) as service,
        service.client() as client,
    ):
        await fill(client)
        # Made by whoever asks first; the trial does not wait for that long.
        assert (await client.get("/openapi.json")).status_code == 200
        await try_out(service, tmp_path, "--phases", "examples,coverage,fuzzing", "--max-examples", "5")
        assert (await client.get("/readyz")).status_code == 200
        assert '"level": "error"' not in service.told


async def test_the_same_with_keys(server_url: str, tmp_path: Path) -> None:
    async with (
        migrated_database(server_url, tmp_path) as url,
        running(tmp_path, DATABASE_URL=url, HUIYIN_API_KEYS=KEY) as service,
        service.client(**{"X-API-Key": KEY}) as client,
    ):
        await fill(client)
        await try_out(
            service, tmp_path, "--header", f"X-API-Key: {KEY}", "--phases", "examples,fuzzing", "--max-examples", "3"
        )
        assert '"level": "error"' not in service.told
        await refuses_without_the_key(service, (await client.get("/openapi.json")).json())


async def refuses_without_the_key(service: Service, document: dict[str, Any]) -> None:
    """Call every operation that needs a key without one and with a wrong one."""
    calls = [
        (name.partition(" ")[0], re.sub(r"{\w+}", "1", name.partition(" ")[2]))
        for name, operation in operations(document)
        if operation.get("security") != []
    ]
    assert len(calls) > 45
    for headers in ({}, {"X-API-Key": "wrong"}, {"Authorization": "Bearer wrong"}, {"Authorization": f"Basic {KEY}"}):
        async with service.client(**headers) as stranger:
            for method, path in calls:
                answer = await stranger.request(method, path)
                if path.startswith(("/api/v1/chatbot", "/api/v1/secret")):
                    # Real clients of this door lose the body of any other status.
                    assert (answer.status_code, answer.json()["rc"]) == (200, 1), (method, path, headers)
                    continue
                assert answer.status_code == 401, (method, path, headers)
                assert set(answer.json()) in ({"detail"}, {"rc", "error"}, {"code", "message", "data"}, ENVELOPE), path
                assert "Bearer" in answer.headers["www-authenticate"], path


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
