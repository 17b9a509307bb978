"""How often one client may try: logins, wrong keys, LiveKit tokens.

Counted in memory that does not grow, on a clock that nobody sets; where there are several web processes, together.
Behind a proxy whose word the server does not take, all clients are one. Behind one whose word it takes, each address
that it names is a client, and all that it passes on are counted together, too: a program of this machine can name any
address.
"""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Final, Protocol

import structlog
from starlette.datastructures import Headers

from facematch.runtime.addresses import network_of
from facematch.server.access.hosts import is_forwarded
from facematch.server.access.tries import WINDOW_SECONDS
from facematch.server.web.abort import connection_of
from facematch.server.web.errors import ApiError, Code

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import Scope

log = structlog.get_logger(__name__)

MOST_CLIENTS: Final = 10_000
"""Clients counted each on their own within a minute; all further ones share one count."""

CROWD: Final = 10
"""As many times of what one client may, all together may that come through one proxy."""

_EVERYBODY_ELSE: Final = "everybody else"


def client_of(scope: Scope) -> str:
    """Whose tries are counted together: an address, and apart from it what a proxy at that address passes on."""
    client = network_of((scope.get("client") or ("",))[0])
    return f"{client} (forwarded)" if is_forwarded(Headers(scope=scope)) else client


def proxy_of(scope: Scope) -> str | None:
    """The proxy that this request came through, by its own address; None: the client's address is its own."""
    connection = connection_of(scope)
    peer = connection.get_extra_info("peername") if connection is not None else None
    if not isinstance(peer, tuple) or peer[0] == (scope.get("client") or ("",))[0]:
        return None
    return f"{network_of(str(peer[0]))} (all that it passes on)"


class Elsewhere(Protocol):
    """Where tries are counted that clients make at all web processes."""

    async def add(self, what: str, client: str) -> tuple[int, float] | None:
        """See `SharedTries.add`."""
        ...


class RateLimit:
    """So many a minute for each client: a minute begins with a client's first try, and counts to its end.

    Args:
        what: is counted, as a word of a sentence: "logins".
        per_minute: how many are fine.
        monotonic: seconds; injected by tests.
        most: clients that have a count of their own.
        elsewhere: counts them with those at other processes; None: there are none.
    """

    def __init__(
        self,
        what: str,
        per_minute: int,
        monotonic: Callable[[], float] = time.monotonic,
        most: int = MOST_CLIENTS,
        elsewhere: Elsewhere | None = None,
    ) -> None:
        self._what = what
        self._per_minute = per_minute
        self._now = monotonic
        self._most = most
        self._elsewhere = elsewhere
        self._counts: dict[str, tuple[int, float]] = {}
        """Of each client: how many, and when its minute ends."""

    async def count(self, scope: Scope) -> None:
        """Count one more of this client. One that is over its count here is counted nowhere else.

        Raises:
            ApiError: 429, it is one too many.
        """
        self._count_here(scope)
        if self._elsewhere is None:
            return
        over = []
        for client, allowed in self._counted(scope):
            place = self._place(client)
            if (found := await self._elsewhere.add(self._what, place)) is None:
                continue
            count, until = found[0], self._now() + found[1]
            if count > self._live(place)[0]:
                self._counts[place] = (count, until)
            if count > allowed:
                over.append(until)
        if over:
            raise self._refusal(max(over))

    def _count_here(self, scope: Scope) -> None:
        over = []
        for client, allowed in self._counted(scope):
            place = self._place(client)
            count, until = self._live(place)
            self._counts[place] = (count + 1, until)
            if count == allowed:  # said once a minute
                log.warning("Too many tries of one client", what=self._what, client=client)
            if count >= allowed:
                over.append(until)
        if over:
            raise self._refusal(max(over))

    def check(self, scope: Scope) -> None:
        """Count nothing, and ask nobody: other processes' counts are known from the last try here.

        Raises:
            ApiError: 429, there have been as many as there may be.
        """
        for client, allowed in self._counted(scope):
            count, until = self._live(self._place(client))
            if count >= allowed:
                raise self._refusal(until)

    def _counted(self, scope: Scope) -> list[tuple[str, int]]:
        """As what a request is counted, and how many there may be of each."""
        proxy = proxy_of(scope)
        crowd = [] if proxy is None else [(proxy, self._per_minute * CROWD)]
        return [(client_of(scope), self._per_minute), *crowd]

    def _live(self, place: str) -> tuple[int, float]:
        """What a place holds now: nothing, from now on, when its minute is over."""
        count, until = self._counts.get(place, (0, 0.0))
        now = self._now()
        return (count, until) if until > now else (0, now + WINDOW_SECONDS)

    def _place(self, client: str) -> str:
        """Where a client is counted: on its own, or with all others when there is no room for another."""
        if client in self._counts or len(self._counts) < self._most:
            return client
        now = self._now()
        self._counts = {kept: count for kept, count in self._counts.items() if count[1] > now}
        return client if len(self._counts) < self._most else _EVERYBODY_ELSE

    def _refusal(self, until: float) -> ApiError:
        seconds = min(max(math.ceil(until - self._now()), 1), int(WINDOW_SECONDS))  # a float of 60 may be a bit more
        sentence = f"Too many {self._what} from your address. Try again in {seconds} s."
        return ApiError(429, Code.TOO_MANY_REQUESTS, sentence, headers={"Retry-After": str(seconds)})
