"""A listener on the WebSocket, as the page is one: collects events and waits for particular ones."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Self

import aiohttp

from tests.rig.waiting import NeverHappenedError, look_after

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Json = dict[str, Any]

TELLING_SECONDS = 0.5
"""By which a Check may be told after the pause has begun: its snapshot is on the disk before it."""

_LOOK_SECONDS = 0.5
"""How often a wait looks whether the processes live."""


@dataclass(frozen=True, slots=True)
class Received:
    """One message and when it came (`time.monotonic()`)."""

    at: float
    event: Json

    def __getitem__(self, field: str) -> Any:
        return self.event[field]

    def __str__(self) -> str:
        shown = ("type", "participant_name", "track_sid", "outcome", "distance", "seq")
        return f"{self.at:.2f} " + " ".join(str(self.event[name]) for name in shown if self.event.get(name) is not None)


def between(former: Received, later: Received) -> float:
    """Seconds from one to the other by the recognizer's own account, not by when they got here."""
    told = [datetime.fromisoformat(event["timestamp"]) for event in (former, later)]
    return (told[1] - told[0]).total_seconds()


class Listener:
    """`async with Listener(url)`: everything that arrives, in order, in `received`."""

    def __init__(self, base_url: str, *, after: int | None = None, headers: Mapping[str, str] | None = None) -> None:
        """`after`: replay the log from this cursor before going live; `headers`: of the handshake."""
        self._headers = headers
        self._url = f"{base_url}/ws/matches" + ("" if after is None else f"?after={after}")
        self.received: list[Received] = []
        self._looked_at = 0
        self._arrived = asyncio.Event()
        self._stack = contextlib.AsyncExitStack()

    async def __aenter__(self) -> Self:
        async with self._stack as opening:  # closed again where there is nobody to listen to
            session = await opening.enter_async_context(aiohttp.ClientSession())
            self._socket = await opening.enter_async_context(session.ws_connect(self._url, headers=self._headers))
            self._stack = opening.pop_all()
        self._reader = asyncio.create_task(self._read())
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self._stack.aclose()
        await self._reader

    async def next(self, wanted: Callable[[Json], bool], *, within: float, what: str = "the event") -> Received:
        """The first message after the last one returned that is `wanted`; those before it are passed over."""
        return (await self.each(wanted, within=within, what=what))[0]

    async def each(self, *wanted: Callable[[Json], bool], within: float, what: str = "each event") -> list[Received]:
        """One message for each of `wanted`, in whatever order they come; returned in the order asked for."""
        deadline = time.monotonic() + within
        passed_over = self._looked_at
        found: dict[int, Received] = {}
        while len(found) < len(wanted):
            message = await self._take(deadline)
            if message is None:
                seen = "\n".join(f"  {received}" for received in self.received[passed_over:])
                raise NeverHappenedError(f"{what} did not come within {within} s; instead:\n{seen}")
            settled = next((i for i, is_it in enumerate(wanted) if i not in found and is_it(message.event)), None)
            if settled is not None:
                found[settled] = message
        return [found[i] for i in range(len(wanted))]

    async def _take(self, deadline: float) -> Received | None:
        while self._looked_at == len(self.received):
            look_after()
            left = deadline - time.monotonic()
            if left <= 0:
                return None
            self._arrived.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(left, _LOOK_SECONDS)):
                    await self._arrived.wait()
        self._looked_at += 1
        return self.received[self._looked_at - 1]

    def of(self, wanted: Callable[[Json], bool]) -> list[Received]:
        """All so far that are `wanted`, whether or not `next` has passed them."""
        return [received for received in self.received if wanted(received.event)]

    async def _read(self) -> None:
        async for message in self._socket:
            if message.type is aiohttp.WSMsgType.TEXT:
                self.received.append(Received(time.monotonic(), json.loads(message.data)))
                self._arrived.set()


def is_match(identity: str | None = None) -> Callable[[Json], bool]:
    """Matches, of one participant if named."""
    return lambda event: event.get("type") == "match" and _about(event, identity)


def is_check(identity: str | None = None, outcome: str | None = None) -> Callable[[Json], bool]:
    """Checks, of one participant and with one outcome if named."""
    return lambda event: (
        event.get("type") == "check" and _about(event, identity) and (outcome is None or event["outcome"] == outcome)
    )


def by_another_life(source: str) -> Callable[[Json], bool]:
    """Matches by a recognizer that has been started since."""
    return lambda event: event.get("type") == "match" and event["source"] != source


def _about(event: Json, identity: str | None) -> bool:
    return identity is None or event["participant_identity"] == identity
