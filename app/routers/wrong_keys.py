"""How often keys may be guessed from one address; in each process by itself, in a bounded memory.

Ten wrong keys at once, then one in six seconds. Whoever sends the same wrong key again and again guesses nothing: a
script that was not told of a new key costs its neighbours behind the same address almost nothing.

While an address is over it, a key that may be short enough to be guessed is not even compared. Keys of 256 random bits,
as the service makes them, and long ones of HUIYIN_API_KEYS work all the same: else anybody who shares an address with
other callers, as all do behind a proxy that was not declared, could shut them out.
"""

import math
import time
from collections import OrderedDict
from collections.abc import Callable, Collection
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

import structlog

from app.errors import TooManyRequestsError

GUESSABLE = 32
"""Keys with fewer bytes are not compared while their caller's address is over its limit."""
AT_ONCE = 10.0
SECONDS_EACH = 6.0
_REPEATED = 0.01
"""What a wrong key costs that was counted before."""
_REMEMBERED = 8
MOST_ADDRESSES = 10_000

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Bucket:
    tokens: float
    seen: float
    keys: tuple[bytes, ...] = ()


class WrongKeys:
    """A bucket of tokens for each address that sent a wrong key lately; a /64 of IPv6 counts as one address."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._buckets: OrderedDict[int, _Bucket] = OrderedDict()

    def wait(self, client: IPv4Address | IPv6Address | None) -> int:
        """Return for how many seconds guesses from an address are not answered; 0: they are."""
        bucket = self._buckets.get(_place(client))
        if bucket is None:
            return 0
        tokens = self._refilled(bucket)
        return 0 if tokens >= 1.0 else math.ceil((1.0 - tokens) * SECONDS_EACH)

    def count(self, client: IPv4Address | IPv6Address | None, digests: Collection[bytes]) -> None:
        """Count wrong keys by their digests; raises ``TooManyRequestsError`` where the address is over its limit."""
        if seconds := self.wait(client):
            raise TooManyRequestsError(
                f"错误密钥过多,请在 {seconds} 秒后重试 (too many wrong keys came from here, try again in {seconds} s)",
                retry_after=seconds,
            )
        place = _place(client)
        bucket = self._buckets.get(place) or _Bucket(AT_ONCE, self._monotonic())
        new = [digest for digest in dict.fromkeys(digests) if digest not in bucket.keys]
        bucket.tokens = self._refilled(bucket) - max(len(new), _REPEATED)
        bucket.seen, bucket.keys = self._monotonic(), (*bucket.keys, *new)[-_REMEMBERED:]
        self._buckets[place] = bucket
        self._buckets.move_to_end(place)
        if len(self._buckets) > MOST_ADDRESSES:
            self._buckets.popitem(last=False)
        if bucket.tokens < 1.0:
            log.warning("too many wrong API keys came from one address", address=str(client))

    def _refilled(self, bucket: _Bucket) -> float:
        return min(AT_ONCE, bucket.tokens + (self._monotonic() - bucket.seen) / SECONDS_EACH)


def _place(client: IPv4Address | IPv6Address | None) -> int:
    """Return under which number an address is counted; those that nobody knows share one."""
    if client is None:
        return -1
    return int(client) if isinstance(client, IPv4Address) else (int(client) >> 64) + (1 << 32)
