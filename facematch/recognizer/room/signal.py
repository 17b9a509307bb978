"""Matches and Checks told in the room itself: as data messages to observers' clients, and to nobody else.

A message is what is posted, without the snapshot: who reads a snapshot's name or path has to ask the web process. It
carries ids of persons and no names, which the recognizer does not know. It is sent once: who was away, or had too much
to take, asks the web process.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Final

import structlog
from livekit import rtc

from facematch.protocol.events import to_wire
from facematch.recognizer.delivery.api_client import as_json

if TYPE_CHECKING:
    from collections.abc import Collection

    from facematch.protocol.events import Check, Match

log = structlog.get_logger(__name__)

TOPIC: Final = "facematch"

MOST_BYTES: Final = 14_000
"""Of one message: LiveKit takes 15 KiB in one piece."""

MOST_WAITING: Final = 100
"""Messages; beyond them the oldest are left out."""

SEND_SECONDS: Final = 2.0
"""How long one message may take."""

_WITHOUT: Final = ("filename", "snapshot")
_LONG: Final = ("people", "named", "evidence")
"""What is left out of a message that would be too large."""


class RoomSignal:
    """Of one room, over all stays in it.

    Args:
        observers: identities that are told; at least one.
    """

    def __init__(self, observers: Collection[str]) -> None:
        self._observers = frozenset(observers)
        self._waiting: deque[bytes] = deque(maxlen=MOST_WAITING)
        self._news = asyncio.Event()
        self._well = True
        self.room: rtc.Room | None = None
        """The room that we are in, or about to be."""

    def tell(self, event: Match | Check) -> None:
        """Send it soon. Does not wait."""
        if self._present():  # nobody is kept waiting for somebody who may never come
            self._waiting.append(message(event))
            self._news.set()

    async def run(self) -> None:
        """Send, for ever."""
        while True:
            await self._news.wait()
            self._news.clear()
            while self._waiting:
                await self._send(self._waiting.popleft())

    def _present(self) -> list[str]:
        """Which observers are in the room. LiveKit takes an empty list of receivers for everybody."""
        room = self.room
        if room is None or not room.isconnected():
            return []
        return sorted(self._observers & room.remote_participants.keys())

    async def _send(self, data: bytes) -> None:
        to, room = self._present(), self.room
        if not to or room is None:
            return
        try:
            async with asyncio.timeout(SEND_SECONDS):
                await room.local_participant.publish_data(data, destination_identities=to, topic=TOPIC)
            self._well = True
        except (rtc.participant.PublishDataError, TimeoutError) as error:
            if self._well:
                log.warning("Observers in the room are not told", reason=str(error) or type(error).__name__)
            self._well = False


def message(event: Match | Check) -> bytes:
    """An event as JSON in UTF-8, at most `MOST_BYTES`."""
    body = {name: value for name, value in to_wire(event).items() if name not in _WITHOUT}
    data = as_json(body)
    return data if len(data) <= MOST_BYTES else as_json(body | {name: None for name in _LONG if name in body})
