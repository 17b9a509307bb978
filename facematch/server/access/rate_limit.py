"""How often one client may try: logins, wrong keys, LiveKit tokens.

Counted in memory that does not grow, on a clock that nobody sets. Behind a proxy whose word the server does not
take, all clients are one.
"""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Final

import structlog
from limits import RateLimitItemPerMinute
from limits.storage import Storage
from limits.strategies import FixedWindowRateLimiter
from starlette.datastructures import Headers

from facematch.server.access.hosts import is_forwarded, network_of
from facematch.server.web.errors import ApiError, Code

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import Scope

log = structlog.get_logger(__name__)

MOST_CLIENTS: Final = 10_000
"""Clients counted each on their own within a minute; all further ones share one count."""

_EVERYBODY_ELSE: Final = "everybody else"


def client_of(scope: Scope) -> str:
    """Whose tries are counted together: an address, and apart from it what a proxy at that address passes on."""
    client = network_of((scope.get("client") or ("",))[0])
    return f"{client} (forwarded)" if is_forwarded(Headers(scope=scope)) else client


class CountsInMemory(Storage):
    """Fixed windows, a bounded number of them. For one process and one thread.

    Args:
        monotonic: seconds.
        most: counts kept.
    """

    STORAGE_SCHEME = None

    def __init__(self, monotonic: Callable[[], float] = time.monotonic, most: int = MOST_CLIENTS) -> None:
        super().__init__()
        self._now = monotonic
        self._most = most
        self._counts: dict[str, tuple[int, float]] = {}
        """Per key: how many, and when the count ends."""

    @property
    def base_exceptions(self) -> type[Exception]:
        """See `limits`."""
        return MemoryError

    def incr(self, key: str, expiry: float, amount: int = 1) -> int:
        """See `limits`."""
        key = self._place(key)
        count, until = self._live(key) or (0, self._now() + expiry)
        self._counts[key] = (count + amount, until)
        return count + amount

    def get(self, key: str) -> int:
        """See `limits`."""
        return (self._live(self._place(key)) or (0, 0.0))[0]

    def get_expiry(self, key: str) -> float:
        """When the window ends, on the injected clock."""
        return (self._live(self._place(key)) or (0, self._now()))[1]

    def check(self) -> bool:
        """See `limits`."""
        return True

    def reset(self) -> int:
        """See `limits`."""
        count = len(self._counts)
        self._counts.clear()
        return count

    def clear(self, key: str) -> None:
        """See `limits`."""
        self._counts.pop(key, None)

    def _live(self, key: str) -> tuple[int, float] | None:
        found = self._counts.get(key)
        return found if found and found[1] > self._now() else None

    def _place(self, key: str) -> str:
        """The key, or the common one when there is no room for another."""
        if key in self._counts or len(self._counts) < self._most:
            return key
        now = self._now()
        self._counts = {kept: count for kept, count in self._counts.items() if count[1] > now}
        return key if len(self._counts) < self._most else _EVERYBODY_ELSE


class RateLimit:
    """So many a minute for each client.

    Args:
        what: is counted, as a word of a sentence: "logins".
        per_minute: how many are fine.
        monotonic: seconds; injected by tests.
    """

    def __init__(self, what: str, per_minute: int, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._what = what
        self._now = monotonic
        self._counts = CountsInMemory(monotonic)
        self._limiter = FixedWindowRateLimiter(self._counts)
        self._rate = RateLimitItemPerMinute(per_minute)

    def count(self, scope: Scope) -> None:
        """Count one more of this client.

        Raises:
            ApiError: 429, it is one too many.
        """
        client = client_of(scope)
        if self._limiter.hit(self._rate, client):
            return
        if self._counts.get(self._rate.key_for(client)) == self._rate.amount + 1:  # said once a minute
            log.warning("Too many tries of one client", what=self._what, client=client)
        raise self._refusal(client)

    def check(self, scope: Scope) -> None:
        """Count nothing.

        Raises:
            ApiError: 429, there have been too many.
        """
        client = client_of(scope)
        if not self._limiter.test(self._rate, client):
            raise self._refusal(client)

    def _refusal(self, client: str) -> ApiError:
        seconds = max(1, math.ceil(self._counts.get_expiry(self._rate.key_for(client)) - self._now()))
        sentence = f"Too many {self._what} from your address. Try again in {seconds} s."
        return ApiError(429, Code.TOO_MANY_REQUESTS, sentence, headers={"Retry-After": str(seconds)})
