"""Paths that one route spells out where another has a parameter.

To a router ``/api/contacts/import`` is also ``/api/contacts/{contact_id}``: a method that only the latter knows would
be answered by it, with a complaint about an id. Here what is spelled out wins, for every method.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from starlette.routing import BaseRoute, Route

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
"""In the order in which an ``Allow`` header names them."""


class FixedPaths:
    """Knows the methods of such paths; any other request costs the look into a set."""

    def __init__(self, routes: Sequence[BaseRoute]) -> None:
        methods: dict[str, set[str]] = defaultdict(set)
        patterns: dict[str, re.Pattern[str]] = {}
        for route in _flat(routes):
            methods[route.path] |= route.methods or set()
            patterns[route.path] = route.path_regex
        spelled = [path for path in patterns if _is_shadowed(path, patterns)]
        self._ends = frozenset(_end(path) for path in spelled)
        self._known = tuple((patterns[path], frozenset(methods[path])) for path in spelled)

    def instead_of(self, method: str, path: str) -> list[str]:
        """Return the methods that a path has where this one is not among them; none where the routes may decide."""
        if _end(path) not in self._ends:
            return []
        known = {name for pattern, names in self._known if pattern.match(path) for name in names}
        return [] if method in known else [name for name in METHODS if name in known]


def _flat(routes: Sequence[BaseRoute]) -> Iterator[Route]:
    for route in routes:
        # FastAPI includes routers lazily: their routes stand inside of them.
        inner = getattr(route, "original_router", None)
        if inner is not None:
            yield from _flat(inner.routes)
        elif isinstance(route, Route):
            yield route


def _is_shadowed(path: str, patterns: Mapping[str, re.Pattern[str]]) -> bool:
    """Tell whether a path that ends in a word also fits one that ends in a parameter for a single segment."""
    if _end(path).endswith("}"):
        return False
    example = re.sub(r"\{[^}]*\}", "1", path)
    return any(
        pattern.match(example) for other, pattern in patterns.items() if other.endswith("}") and ":path}" not in other
    )


def _end(path: str) -> str:
    return path.rpartition("/")[2]
