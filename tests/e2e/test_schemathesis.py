"""Whether the service does what its OpenAPI document says, tried out by schemathesis, with and without keys.

The same requests on every run; ``HUIYIN_TEST_DEEP=1`` makes many more of them, and others every time.
"""

import asyncio
import json
import os
import re
import secrets
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import asyncpg

from app.domain.keys import Scope
from app.routers.access import PROVEN
from tests.e2e.service import PATIENCE, Service, migrated_database, running
from tests.filling import fill
from tests.integration.test_scopes import make_key

KEY = "a-key-of-this-test"
ENVELOPE = {"code", "status", "message", "data"}
DEEP = os.environ.get("HUIYIN_TEST_DEEP") == "1"
SEED = str(secrets.randbelow(2**32)) if DEEP else "20260305"
TIMES = 20 if DEEP else 1
TRAIL = {"audit_entry", "api_key"}
"""Tables in which looks and last uses are written."""

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
    """Run schemathesis on the whole document with all checks, which is its default; every finding fails.

    In a deep run it looks for faults, undocumented statuses and wrong answers only: what no schema can say
    (`CONFIGURATION`) comes in ever new disguises.
    """
    (folder / "schemathesis.toml").write_text(CONFIGURATION, encoding="utf-8")
    # Measuring the coverage of schemathesis itself would double its time.
    env = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
    process = await asyncio.create_subprocess_exec(
        str(Path(sys.executable).with_name("st")), "--config-file", str(folder / "schemathesis.toml"), "--no-color",
        "run", str(folder / "openapi.json"), "--url", service.url, *options,
        "--seed", SEED, "--no-shrink", "--continue-on-failure", "--warnings", "off",
        "--suppress-health-check", "all", "--request-timeout", "30",
        *(("--exclude-checks", "positive_data_acceptance,negative_data_rejection") if DEEP else ()),
        cwd=folder, env=env | {"no_proxy": "127.0.0.1"},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    try:
        output, _ = await asyncio.wait_for(process.communicate(), 2 * PATIENCE * TIMES)
    finally:
        if process.returncode is None:
            process.kill()
    assert process.returncode == 0, output.decode(errors="replace")
    assert "Tested: 0" not in output.decode()
    # The chatbot tells of its own faults with status 200; the log tells of all of them.
    assert '"level": "error"' not in service.told


def fuzzing(examples: int, *phases: str) -> tuple[str, ...]:
    """Return the options for so many examples of each operation, behind other phases."""
    return "--phases", ",".join([*phases, "fuzzing"]), "--max-examples", str(examples * TIMES)


async def fingerprint(database_url: str) -> dict[str, str]:
    """Return what every table holds, in short, but for the trail."""
    connection = await asyncpg.connect(database_url)
    try:
        tables = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")
        return {
            name: await connection.fetchval(
                f"SELECT md5(coalesce(string_agg(t::text, '|' ORDER BY t::text), '')) FROM {name} AS t"
            )
            for name in (row["tablename"] for row in tables)
            if name not in TRAIL
        }
    finally:
        await connection.close()


def answered(service: Service, *, after: int = 0) -> list[dict[str, Any]]:
    """Return what the service logged of each request that it answered, without the first so many."""
    lines = [line for line in service.told.splitlines() if '"request answered"' in line]
    return [json.loads(line) for line in lines[after:]]


async def document_of(service: Service, folder: Path, headers: Mapping[str, str]) -> dict[str, Any]:
    """Fetch the document with a key and keep it, for callers who may not."""
    async with service.client(**headers) as client:
        document: dict[str, Any] = (await client.get("/openapi.json")).json()
    (folder / "openapi.json").write_text(json.dumps(document), encoding="utf-8")
    return document


async def test_the_service_does_what_its_document_says(server_url: str, tmp_path: Path) -> None:
    async with (
        migrated_database(server_url, tmp_path) as url,
        running(tmp_path, DATABASE_URL=url) as service,
        service.client() as client,
    ):
        await fill(client)
        await document_of(service, tmp_path, {})
        await try_out(service, tmp_path, *fuzzing(5, "examples", "coverage"))
        assert (await client.get("/readyz")).status_code == 200


async def test_the_same_with_keys(server_url: str, tmp_path: Path) -> None:
    async with (
        migrated_database(server_url, tmp_path) as url,
        running(tmp_path, DATABASE_URL=url, HUIYIN_API_KEYS=KEY) as service,
        service.client(**{"X-API-Key": KEY}) as client,
    ):
        await fill(client)
        document = await document_of(service, tmp_path, {"X-API-Key": KEY})
        await try_out(service, tmp_path, "--header", f"X-API-Key: {KEY}", *fuzzing(3, "examples"))
        await refuses_without_the_key(service, document)


async def test_strangers_and_keys_that_only_read_change_nothing(server_url: str, tmp_path: Path) -> None:
    """Strangers get 401 and nothing else, but where a signature or a token is the proof, which they do not have."""
    async with (
        migrated_database(server_url, tmp_path) as url,
        running(tmp_path, DATABASE_URL=url, HUIYIN_API_KEYS=KEY, HUIYIN_JOBS="false") as service,
    ):
        async with service.client(**{"X-API-Key": KEY}) as client:
            await fill(client)
        await document_of(service, tmp_path, {"X-API-Key": KEY})
        before, known = await fingerprint(url), len(answered(service))
        await try_out(service, tmp_path, *fuzzing(1))
        await try_out(service, tmp_path, "--header", "Authorization: Bearer hy_wrong_key", *fuzzing(1))
        strangers = answered(service, after=known)
        assert len(strangers) > 400
        for told in strangers:
            # "-": refused before a route was looked for; the signed door says so with 200.
            allowed = {200, 401} if told["route"] == "-" else {401}
            if told["route"].startswith(PROVEN):
                allowed = {200, 400, 403, 404, 405, 422}
            assert told["status"] in allowed, told
        await try_out(service, tmp_path, "--header", f"X-API-Key: {await make_key(url, Scope.READ)}", *fuzzing(2))
        read = answered(service, after=known + len(strangers))
        assert {told["status"] for told in read} >= {200, 403}
        assert await fingerprint(url) == before


async def refuses_without_the_key(service: Service, document: dict[str, Any]) -> None:
    """Call every operation that needs a key without one and with a wrong one."""
    calls = [
        (method.upper(), re.sub(r"{\w+}", "1", path))
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
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
