"""Delivery of events to the web process: a bounded queue and one relay, in order, retried until accepted.

At least once on the wire; the receiver stores an `event_id` once. Network errors, 408, 429 and 5xx are retried with
full-jitter back-off. Any other refusal would be refused for ever: the event goes to the rejected pile, visible in the
heartbeat and the log, and never blocks the ones behind it.
"""

from __future__ import annotations

import asyncio
import random
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import aiohttp
import structlog

from facematch.events import Check, Match, to_wire
from facematch.recognizer.changed import Changed

if TYPE_CHECKING:
    from collections.abc import Callable

    from facematch.events import Event

log = structlog.get_logger(__name__)

POST_SECONDS = 10.0
"""How long one post may take."""

FIRST_RETRY_SECONDS = 0.25
LAST_RETRY_SECONDS = 10.0

RETRIED = frozenset({408, 429})
"""Refusals that pass by themselves, besides every 5xx."""


def retry_delay(attempt: int, draw: Callable[[], float] = random.random) -> float:
    """Seconds before the next attempt: full jitter, between 0 and the doubled bound.

    Args:
        attempt: 1 after the first failure.
        draw: uniform in [0, 1); injected by tests.

    Source: M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
    """
    return draw() * min(LAST_RETRY_SECONDS, FIRST_RETRY_SECONDS * 2.0 ** (attempt - 1))


@dataclass(frozen=True, slots=True)
class OutboxStatus:
    """Event counts since start; `queued` is now."""

    queued: int
    posted: int
    dropped: int
    rejected: int


class ApiClient:
    """Posts JSON to the web process.

    Args:
        base_url: of the web process, such as `http://127.0.0.1:8000`.
    """

    def __init__(self, base_url: str) -> None:
        self._base_url = base_url.rstrip("/")
        self._session: aiohttp.ClientSession | None = None

    async def post(self, path: str, body: dict[str, Any], seconds: float = POST_SECONDS) -> int:
        """Post one body.

        Returns:
            The HTTP status.

        Raises:
            aiohttp.ClientError: the web process cannot be reached.
            TimeoutError: it did not answer in time.
        """
        if self._session is None:
            self._session = aiohttp.ClientSession()
        timeout = aiohttp.ClientTimeout(total=seconds)
        async with self._session.post(self._base_url + path, json=body, timeout=timeout) as response:
            await response.read()
            return response.status

    async def aclose(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()


class Outbox:
    """The queue and its relay.

    Args:
        api: where events go.
        source: names this boot of this recognizer; with `seq` it shows a listener what is missing.
        size: events kept while the web process is away. Over it the oldest Checks go first, then the oldest Matches.
    """

    def __init__(self, api: ApiClient, *, source: str, size: int) -> None:
        self._api = api
        self._source = source
        self._size = size
        self._queue: deque[Event] = deque()
        self._changed = Changed()
        self._seq = 0
        self._posted = self._dropped = self._rejected = 0
        self._reachable = True

    @property
    def status(self) -> OutboxStatus:
        """The counts now."""
        return OutboxStatus(len(self._queue), self._posted, self._dropped, self._rejected)

    async def put(self, event: Event) -> None:
        """Take an event over for delivery. Never waits for the network."""
        self._seq += 1
        self._queue.append(event.model_copy(update={"source": self._source, "seq": self._seq}))
        if len(self._queue) > self._size:
            self._drop_one()
        self._changed.notify()

    async def run(self) -> None:
        """Deliver, for ever."""
        attempt = 0
        while True:
            await self._changed.until(lambda: bool(self._queue), None)
            event = self._queue[0]
            if await self._delivered(event):
                attempt = 0
                if self._queue and self._queue[0] is event:  # a full queue may have dropped it meanwhile
                    self._queue.popleft()
            else:
                attempt += 1
                await asyncio.sleep(retry_delay(attempt))

    async def flush(self, seconds: float) -> None:
        """Deliver what is queued for at most `seconds`; what is left then is counted in the log. Call it when `run`
        has ended.
        """
        try:
            async with asyncio.timeout(seconds):
                while self._queue and await self._delivered(self._queue[0]):
                    self._queue.popleft()
        except TimeoutError:
            pass
        if self._queue:
            log.error("Events not delivered before the end", count=len(self._queue))

    async def _delivered(self, event: Event) -> bool:
        """True when the event is settled: accepted, or refused for good."""
        path = "/api/match" if isinstance(event, Match) else "/api/check"
        try:
            status = await self._api.post(path, to_wire(event))
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            self._note_reachable(reason=type(error).__name__)
            return False
        if status in RETRIED or status >= 500:  # noqa: PLR2004  (the server's own faults)
            self._note_reachable(reason=f"HTTP {status}")
            return False
        self._note_reachable()
        if status < 300:  # noqa: PLR2004
            self._posted += 1
        else:
            self._rejected += 1
            log.error("Event refused by the API", status=status, type=event.type, event_id=str(event.event_id))
        return True

    def _note_reachable(self, reason: str | None = None) -> None:
        """One line when the API goes away and one when it is back, not one per attempt."""
        if reason and self._reachable:
            log.warning("API does not take events; they are kept and retried", reason=reason)
        elif not reason and not self._reachable:
            log.info("API takes events again", queued=len(self._queue))
        self._reachable = reason is None

    def _drop_one(self) -> None:
        oldest_check = next((i for i, event in enumerate(self._queue) if isinstance(event, Check)), 0)
        del self._queue[oldest_check]
        self._dropped += 1
        if self._dropped == 1 or self._dropped % 1000 == 0:
            log.error("Event queue full: oldest Checks are dropped", dropped=self._dropped, size=self._size)
