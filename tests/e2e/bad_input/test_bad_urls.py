"""Every endpoint with every kind of bad path, query and header: a 4xx, nothing changed."""

import httpx2
import pytest

from app.repositories.database import Database
from tests.e2e.bad_input.checks import assert_refused, everything
from tests.e2e.bad_input.tables import BAD_QUERY, BODIES, LISTS, PATHS


@pytest.mark.parametrize("path", LISTS)
async def test_every_bad_query_is_refused(client: httpx2.AsyncClient, known: dict[str, str], path: str) -> None:
    place = path.format(**known)
    for name, kind in LISTS[path].items():
        for value in BAD_QUERY[kind]:
            assert_refused(await client.get(place, params={name: value}), f"{path}?{name}={value}", name)
        for raw in ("%00", "%ff", "%ed%a0%80"):
            assert_refused(await client.get(f"{place}?{name}={raw}"), f"{path}?{name}={raw}")
        for harmless in (f"{name}=", name, f"{name}=&{name}=", "no_such_parameter=1", "&&", "=1"):
            answer = await client.get(f"{place}?{harmless}")
            assert answer.status_code == 200, f"{path}?{harmless} -> {answer.text}"
    if "page" in LISTS[path]:
        for page in (2, 1_000_000, 100_000_000):
            answer = await client.get(place, params={"page": page, "page_size": 500})
            assert (answer.status_code, answer.json()["results"]) == (200, []), path
            assert answer.json()["page"] == page


@pytest.mark.parametrize("call", PATHS)
async def test_every_bad_id_in_a_path_is_refused(
    client: httpx2.AsyncClient, database: Database, known: dict[str, str], call: str
) -> None:
    assert known
    before = await everything(database)
    method, _, path = call.partition(" ")
    body = BODIES.get(path.rpartition("/")[2], {} if method == "PUT" else None)
    for value in (
        "0",
        "-1",
        "abc",
        "1.5",
        "1e3",
        "null",
        "%20",
        "１",
        str(2**63),
        "9" * 400,
        "1%00",
        "%ff",
        "%F0%9F%98%80",
    ):
        answer = await client.request(method, path.format(value), json=body)
        assert_refused(answer, f"{call} {value}")
        assert answer.status_code == 422, f"{call} {value}"
    for value in ("999999", str(2**53 - 1)):
        answer = await client.request(method, path.format(value), json=body)
        assert_refused(answer, f"{call} {value}")
        assert answer.status_code == 404, f"{call} {value} -> {answer.text}"
    assert await everything(database) == before


@pytest.mark.parametrize(
    "token",
    ["x" * 32, "short", "x" * 65, "..%2F..%2Fetc%2Fpasswd%2Fxxxx", "%00" * 16, "好" * 16, "'%20OR%201=1--xxxxxxx"],
)
async def test_a_bad_chat_token_is_refused(client: httpx2.AsyncClient, token: str) -> None:
    for method, path in (("GET", "messages"), ("POST", "messages"), ("GET", "stream")):
        body = {"content": "在的"} if method == "POST" else None
        answer = await client.request(method, f"/api/webchat/{token}/{path}", json=body)
        assert_refused(answer, f"{method} {token}/{path}")
        assert answer.status_code in {404, 422}


@pytest.mark.parametrize("key", ["", " ", "a b", "x" * 256, "键"])
async def test_a_bad_idempotency_key_sends_nothing(
    client: httpx2.AsyncClient, database: Database, known: dict[str, str], key: str
) -> None:
    before = await everything(database)
    answer = await client.post(
        "/api/followup-records/send",
        json={"contact_id": int(known["contact"]), "content": "您好"},
        headers={b"Idempotency-Key": key.encode()},
    )
    assert_refused(answer, f"Idempotency-Key: {key}", "Idempotency-Key")
    assert await everything(database) == before
