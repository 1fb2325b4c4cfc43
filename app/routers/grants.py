"""What somebody who was let in may do, and what a route asks for.

`Access` grants before any route is known; the route that answers asks (`app/routers/guard.py`).
"""

from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Final

from starlette.types import Scope as AsgiScope

from app.domain.keys import Scope, with_implied


class Permit(StrEnum):
    """One thing that a caller can have; the first four are the scopes of keys."""

    READ = Scope.READ.value
    WRITE = Scope.WRITE.value
    OPERATE = Scope.OPERATE.value
    ADMIN = Scope.ADMIN.value
    KEY = "key"
    """Any key at all."""
    PROOF = "proof"
    """A token or a signature, which is checked behind the route."""
    OPEN = "open"
    """Nothing."""


Need = frozenset[Permit]
"""What a route asks for: one of these."""


@dataclass(frozen=True, slots=True)
class Grant:
    """What a caller has, and the name under which it is written down."""

    permits: frozenset[Permit]
    caller: str = "api"
    is_key: bool = False
    key_id: str | None = None
    """Of a key in the database, which may be revoked while a request is answered."""

    def satisfies(self, need: Need) -> bool:
        """Tell whether the caller has one of the things asked for."""
        return not self.permits.isdisjoint(need)


ANYBODY: Final = Grant(frozenset({Permit.OPEN}), "anybody")
PROVING: Final = Grant(frozenset({Permit.PROOF}), "proof")
"""A caller who has to prove itself behind the route, which is all that it can reach."""
THIS_MACHINE: Final = Grant(frozenset({Permit.KEY, *map(Permit, Scope)}))
"""A caller on this machine while there are no keys."""

_PLACE: Final = "huiyin.grant"


@lru_cache(maxsize=4096)
def key_grant(name: str, scopes: frozenset[Scope], key_id: str | None = None) -> Grant:
    """Return what a key permits; ``name`` must not be the key."""
    permits = frozenset({Permit.KEY, *map(Permit, with_implied(scopes))})
    return Grant(permits, f"key:{name}", is_key=True, key_id=key_id)


def give(scope: AsgiScope, grant: Grant) -> None:
    """Write into a request what its caller may do."""
    scope[_PLACE] = grant


def grant_of(scope: AsgiScope) -> Grant | None:
    """Return what the caller of a request may do; None before that was decided."""
    grant: Grant | None = scope.get(_PLACE)
    return grant
