"""What can be called, from the routes and the document of the service: a new endpoint is there by itself."""

import copy
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI

from app.routers import late
from app.routers.guard import walk

DEPTH = 3
"""How deep inside bodies fields are made bad."""
FAMILIES = {
    "/api/v1/chatbot": {"rc", "error"},
    "/api/v1/secret": {"rc", "error"},
    "/api/chatbot": {"rc", "error"},
    "/api/v1/outbound-bot": {"code", "message", "data"},
    "/api/v1/mediation": {"code", "message", "data"},
    "/agent-api": {"code", "status", "message", "data"},
}
"""The fields of an error, by the beginning of the path; all others say ``detail``."""

Place = tuple[str | int, ...]


@dataclass(frozen=True)
class Operation:
    """A method of a path, with what its document says."""

    method: str
    path: str
    told: dict[str, Any] | None
    """None: it stands in no document."""
    good: Any = None
    """A body made of the document's examples; bytes for what is no JSON."""
    media_type: str | None = None
    """None: it takes no body."""
    names: tuple[str, ...] = ()
    """The fields of the body, also those that are not in its example."""

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def fields(self) -> list[Place]:
        """The places of all values in the body."""
        return list(dict.fromkeys([*_places(self.good), *((name,) for name in self.names)]))

    @property
    def query(self) -> list[str]:
        told = (self.told or {}).get("parameters", ())
        return [parameter["name"] for parameter in told if parameter["in"] == "query"]

    @property
    def reads_headers(self) -> bool:
        """Whether a header is among the documented parameters."""
        return any(parameter["in"] == "header" for parameter in (self.told or {}).get("parameters", ()))

    @property
    def places(self) -> list[str]:
        return re.findall(r"{(\w+)}", self.path)

    @property
    def statuses(self) -> set[int]:
        return {int(status) for status in (self.told or {}).get("responses", ())}

    @property
    def must_have_body(self) -> bool:
        return bool((self.told or {}).get("requestBody", {}).get("required"))

    @property
    def error_fields(self) -> set[str]:
        return next((fields for beginning, fields in FAMILIES.items() if self.path.startswith(beginning)), {"detail"})


def operations(app: FastAPI) -> list[Operation]:
    """Return every method of every route; deletions last, so that what the others need is there."""
    late.load_all()
    document = app.openapi()
    found = []
    for path, route in walk(app.router):
        for method in sorted(getattr(route, "methods", None) or ()):
            # With a slash at its end a path is the same one, which is documented without it.
            told = document["paths"].get(path.rstrip("/") or path, {}).get(method.lower())
            body = (told or {}).get("requestBody", {}).get("content")
            media_type, content = next(iter(body.items())) if body else (None, {})
            good = _example(document, content.get("schema", {}), content)
            if media_type not in {None, "application/json"}:
                good = str(good).encode()
            names = tuple(_resolved(document, content.get("schema", {})).get("properties", ()))
            found.append(Operation(method, path, told, good, media_type, names))
    return sorted(found, key=lambda operation: operation.method == "DELETE")


def _places(good: Any, place: Place = ()) -> Iterator[Place]:
    if len(place) >= DEPTH:
        return
    if isinstance(good, dict):
        for name, value in good.items():
            yield (*place, name)
            yield from _places(value, (*place, name))
    if isinstance(good, list) and good:
        yield (*place, 0)
        yield from _places(good[0], (*place, 0))


def with_raw(good: Any, place: Place, raw: str) -> bytes:
    """Return a body with raw JSON at one place; half of a pair of surrogates becomes the bytes that UTF-8 forbids."""
    hole = "a-hole-for-raw-json"
    body = copy.deepcopy(good)
    target = body
    for step in place[:-1]:
        target = target[step]
    target[place[-1]] = hole
    return json.dumps(body).replace(json.dumps(hole), raw).encode("utf-8", "surrogatepass")


def _resolved(document: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    if "$ref" not in schema:
        return schema
    named: dict[str, Any] = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return named | schema


def _example(document: dict[str, Any], schema: dict[str, Any], content: dict[str, Any]) -> Any:
    """Return the example of a schema, put together from those of its fields."""
    schema = _resolved(document, schema)
    shown = [place["example"] for place in (content, schema) if "example" in place]
    shown += [each["value"] for each in content.get("examples", {}).values()] + schema.get("examples", [])
    if shown:
        return shown[0]
    if "properties" in schema:
        return {name: _example(document, each, {}) for name, each in schema["properties"].items()}
    for choice in ("anyOf", "oneOf", "allOf"):
        if choice in schema:
            return _example(document, schema[choice][0], {})
    if schema.get("type") == "array":
        return [_example(document, schema["items"], {})]
    plain = {"string": "x", "integer": 1, "number": 1, "boolean": True, "object": {}}
    return schema.get("const") or next(iter(schema.get("enum", ())), plain.get(schema.get("type", "")))
