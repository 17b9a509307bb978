"""Fan-out: every listener receives every event, and none waits for another.

Each client has a bounded queue and a writer task of its own. One that does not keep up is closed (1013) and may
come back with the last cursor it has; one that stops reading is cut off. Nothing that a client sends has any effect.
"""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import structlog
from starlette.websockets import WebSocketDisconnect

from facematch.protocol.events import FIRST_TYPES
from facematch.server.storage.errors import LogUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from starlette.websockets import WebSocket

    from facematch.server.events.log import Entry, EventLog

log = structlog.get_logger(__name__)

QUEUED_EVENTS: Final = 1_000
"""Events that may wait for one client, besides what the network holds for it."""
SEND_SECONDS: Final = 10.0
"""How long a client may take nothing at all."""
CLOSE_SECONDS: Final = 1.0
"""How long a goodbye may take to leave."""
LINGER_SECONDS: Final = 5.0
"""How long a client that was told goodbye may take to hang up before it is cut off."""
LARGEST_MESSAGE: Final = 64 * 1024
"""Bytes that a client may send at once; what it says is ignored."""

_PAGE = 200
_LOOKS_APART = 0.25
"""Of the time that a client may take nothing: how often it is looked whether it does."""
_TURN = 32
"""Messages handled in a row before others get their turn."""

NORMAL: Final = 1000
GOING_AWAY: Final = 1001
TOO_BIG: Final = 1009
TRY_AGAIN_LATER: Final = 1013


@dataclass(frozen=True, slots=True)
class Audience:
    """Who listens, and to what."""

    owner: str | None = None
    """Whose the listener is, for `Hub.dismiss`; None: nobody's in particular."""
    types: frozenset[str] = frozenset(FIRST_TYPES)
    """Of the events that it is sent."""


class _Client:
    """One listener."""

    def __init__(self, socket: WebSocket, cut: Callable[[], None], audience: Audience) -> None:
        self.socket = socket
        self.cut = cut
        self.owner = audience.owner
        self.types = audience.types
        self.cursor = 0
        """Position of the last event sent."""
        self.page: deque[Entry] = deque()
        """What was read of the log and not sent yet."""
        self.queue: deque[Entry] = deque()
        self.ready = asyncio.Event()
        """Set when the queue holds something."""
        self.sending_since: float | None = None
        """On the loop's clock, while something is sent: a timer for each event would cost a fifth of the sending."""
        self.replaying = False
        self.overflowed = False
        """Events left the queue unsent during the replay: the log has to be read again."""
        self.goodbye: asyncio.Future[tuple[int, str] | None] = asyncio.get_running_loop().create_future()
        """How it ends: close code and reason, or None when the client has gone."""

    def dismiss(self, code: int, reason: str) -> None:
        """End it; the first reason counts."""
        if not self.goodbye.done():
            self.goodbye.set_result((code, reason))

    def left(self) -> None:
        """It has gone by itself."""
        if not self.goodbye.done():
            self.goodbye.set_result(None)


class Hub:
    """The listeners.

    Args:
        event_log: where a listener's replay comes from; holds an entry before it is published.
        queued: events that may wait for one client.
        send_seconds: how long a client may take nothing at all.
    """

    def __init__(
        self,
        event_log: EventLog,
        *,
        queued: int = QUEUED_EVENTS,
        send_seconds: float = SEND_SECONDS,
    ) -> None:
        self._log = event_log
        self._queued = queued
        self._send_seconds = send_seconds
        self._clients: set[_Client] = set()
        self._empty = asyncio.Event()
        self._empty.set()
        self._closing = False
        self._forgotten = 0
        """Times that something was."""
        self.dropped = 0
        """Clients closed since start because they were too slow."""

    @property
    def clients(self) -> int:
        """How many are connected."""
        return len(self._clients)

    @property
    def closing(self) -> bool:
        """Whether `close` has been called."""
        return self._closing

    def _drop(self, client: _Client, reason: str) -> None:
        self.dropped += 1
        client.dismiss(TRY_AGAIN_LATER, reason)

    def publish(self, entry: Entry) -> int:
        """Hand an entry to every client. Never waits.

        Returns:
            How many clients will receive it.
        """
        taken = 0
        for client in self._clients:
            if client.goodbye.done() or entry.type not in client.types:
                continue
            if len(client.queue) >= self._queued:
                if not client.replaying:
                    self._drop(client, "too slow: come back with ?after=<last cursor>")
                    continue
                client.queue.clear()  # the log holds what is dropped here
                client.overflowed = True
            client.queue.append(entry)
            client.ready.set()
            taken += 1
        return taken

    def forget(self, cursors: Collection[int]) -> None:
        """These entries were removed from the log: nobody for whom they still wait is sent them."""
        self._forgotten += 1
        for client in self._clients:
            for waiting in (client.page, client.queue):
                kept = [entry for entry in waiting if entry.cursor not in cursors]
                if len(kept) < len(waiting):
                    waiting.clear()
                    waiting.extend(kept)

    async def review(self) -> None:
        """Entries were removed or changed by somebody who does not say which: what waits is looked up again.

        Raises:
            LogUnavailableError: the log cannot be read.
        """
        self._forgotten += 1
        waiting = {entry.cursor for client in self._clients for entry in (*client.page, *client.queue)}
        if not waiting:
            return
        now = {entry.cursor: entry for entry in await self._log.at(sorted(waiting))}
        for client in self._clients:
            for line in (client.page, client.queue):
                kept = [
                    now.get(entry.cursor, entry) for entry in line if entry.cursor in now or entry.cursor not in waiting
                ]
                line.clear()
                line.extend(kept)

    def dismiss(self, whose: Callable[[str | None], bool], code: int, reason: str) -> None:
        """Send clients away.

        Args:
            whose: says of a client's owner whether it is meant.
            code: of the close.
            reason: in words.
        """
        for client in self._clients:
            if whose(client.owner):
                client.dismiss(code, reason)

    async def serve(
        self, socket: WebSocket, after: int | None, cut: Callable[[], None], audience: Audience = Audience()
    ) -> None:
        """Serve one client until it leaves, is dismissed, or the hub closes.

        Args:
            socket: accepted.
            after: send what the log holds after this position first; None: only what comes from now on.
            cut: drops the connection without waiting for anything.
            audience: whose it is, and what it hears of.
        """
        client = _Client(socket, cut, audience)
        client.replaying = after is not None
        self._clients.add(client)  # before the log is read: what comes meanwhile waits in the queue
        self._empty.clear()
        if self._closing:
            client.dismiss(GOING_AWAY, "stopping")
        tasks = [asyncio.create_task(self._write(client, after)), asyncio.create_task(self._listen(client))]
        try:
            try:
                goodbye = await self._goodbye(client)
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.wait(tasks)
            if goodbye is not None:
                await _say(client, *goodbye)
        finally:
            self._clients.discard(client)
            if not self._clients:
                self._empty.set()

    async def close(self, seconds: float) -> None:
        """Say goodbye to everybody; returns when all have gone, or after that time. Newcomers are sent away."""
        self._closing = True
        for client in self._clients:
            client.dismiss(GOING_AWAY, "stopping")
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._empty.wait()

    async def _goodbye(self, client: _Client) -> tuple[int, str] | None:
        """See `_Client.goodbye`; one that takes nothing for too long is told its own."""
        clock = asyncio.get_running_loop().time
        while True:
            done, _ = await asyncio.wait([client.goodbye], timeout=self._send_seconds * _LOOKS_APART)
            if done:
                return client.goodbye.result()
            if client.sending_since is not None and clock() - client.sending_since > self._send_seconds:
                self._drop(client, "stopped reading: come back with ?after=<last cursor>")

    async def _write(self, client: _Client, after: int | None) -> None:
        try:
            if after is not None:
                await self._replay(client, after)
            turns = 0
            while True:
                while client.queue:
                    entry = client.queue.popleft()
                    if entry.cursor > client.cursor:
                        await self._send(client, entry)
                    turns += 1
                    if turns % _TURN == 0:
                        await asyncio.sleep(0)  # a send that finds room does not let go of the loop
                client.ready.clear()
                await client.ready.wait()
        except (WebSocketDisconnect, RuntimeError):  # Starlette's words for a client that left meanwhile
            client.left()
        except LogUnavailableError as error:
            log.warning("Listener's replay broke off", reason=str(error))
            client.dismiss(TRY_AGAIN_LATER, "the log cannot be read now: come back with ?after=<last cursor>")
        except Exception:
            log.exception("Listener failed")
            client.dismiss(1011, "failed: come back with ?after=<last cursor>")

    async def _replay(self, client: _Client, after: int) -> None:
        """Send what the log holds after a position, until the rest of it is in the client's queue."""
        client.cursor = after if after <= await self._log.latest() else 0  # a position of another log: everything
        while True:
            client.overflowed = False
            forgotten = self._forgotten
            page = await self._log.after(client.cursor, _PAGE)
            if forgotten != self._forgotten:
                continue  # what was read may be of before
            client.page.extend(page)
            while client.page:
                await self._send(client, client.page.popleft())
            await asyncio.sleep(0)
            if len(page) < _PAGE and not client.overflowed:
                client.replaying = False
                return

    async def _send(self, client: _Client, entry: Entry) -> None:
        if entry.type in client.types:
            client.sending_since = asyncio.get_running_loop().time()
            await client.socket.send_text(entry.text)
            client.sending_since = None
        client.cursor = entry.cursor

    async def _listen(self, client: _Client) -> None:
        """Notice that the client leaves. What it says is dropped."""
        turns = 0
        while True:
            try:
                message = await client.socket.receive()
            except RuntimeError:  # Starlette's word for a client that left before
                return client.left()
            if message["type"] == "websocket.disconnect":
                return client.left()
            if len(message.get("bytes") or message.get("text") or "") > LARGEST_MESSAGE:
                return client.dismiss(TOO_BIG, "nothing is expected from a listener")
            turns += 1
            if turns % _TURN == 0:
                await asyncio.sleep(0)


async def _say(client: _Client, code: int, reason: str) -> None:
    """A goodbye that leaves at once or not at all, and does not rely on the client to hang up."""
    try:
        async with asyncio.timeout(CLOSE_SECONDS):
            await client.socket.close(code, reason)
    except TimeoutError:
        client.cut()
    except (WebSocketDisconnect, RuntimeError, OSError):
        client.cut()
    else:
        asyncio.get_running_loop().call_later(LINGER_SECONDS, client.cut)
    log.info("Listener closed", code=code, reason=reason)
