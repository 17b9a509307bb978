"""Finding rooms: LiveKit's list twice a second, read by one process at a time.

A room is there when it is in the list: how many are in it, LiveKit says up to five seconds late. One that is in it no
longer is no more. A recognizer is an agent in LiveKit's eyes, and keeps no room open.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Final, Protocol

import aiohttp
import structlog
from livekit.api import ListRoomsRequest, LiveKitAPI, ServerError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine

    from facematch.server.assignment.book import Book

    Lead = Callable[[str, Callable[[int], Awaitable[None]]], Coroutine[None, None, None]]

log = structlog.get_logger(__name__)

EVERY_SECONDS: Final = 0.5
APART_SECONDS: Final = 0.1
"""From one look to the next, however often LiveKit says that something has happened."""
ANSWER_SECONDS: Final = 3.0
FORGET_SECONDS: Final = 3600.0
LEASE: Final = "finder"

_TROUBLE: Final = (aiohttp.ClientError, ServerError, OSError)  # TimeoutError is an OSError


class Watched(Protocol):
    """Which rooms are watched."""

    @property
    def always(self) -> str | None:
        """One that is watched whether or not it is there."""
        ...

    def __contains__(self, room: str) -> bool:
        """Whether a room of this name is."""
        ...


class RoomList:
    """LiveKit's list of rooms, over one connection.

    Args:
        url: of the LiveKit server.
        token: makes a token that lets the list be read.
    """

    def __init__(self, url: str, token: Callable[[], str]) -> None:
        self._url = url
        self._token = token
        self._session: aiohttp.ClientSession | None = None

    async def names(self) -> list[str]:
        """Of all rooms that there are.

        Raises:
            aiohttp.ClientError, ServerError, OSError: LiveKit does not say.
        """
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=ANSWER_SECONDS))
        livekit = LiveKitAPI.with_token(self._token(), self._url, session=self._session, failover=False)
        found = await livekit.room.list_rooms(ListRoomsRequest())
        return [room.name for room in found.rooms]

    async def aclose(self) -> None:
        """Close the connection."""
        if self._session is not None:
            await self._session.close()
            self._session = None


async def always(_name: str, work: Callable[[int], Awaitable[None]]) -> None:
    """Where there is one process only."""
    await work(1)


class Finder:
    """See the module.

    Args:
        rooms: LiveKit's.
        watched: which of them are watched.
        book: takes what was found.
        lead: does work for as long as this process is the one that does it.
    """

    def __init__(
        self,
        rooms: RoomList,
        watched: Watched,
        book: Book,
        lead: Lead = always,
    ) -> None:
        self._rooms = rooms
        self._watched = watched
        self._book = book
        self._lead = lead
        self._news = asyncio.Event()
        self._leads = False
        self._reachable = True
        self.found = asyncio.Event()
        """Set, and replaced, when there are other rooms than before."""

    def nudge(self) -> None:
        """Look at once: something has happened in LiveKit. Never waits."""
        self._news.set()

    async def run(self) -> None:
        """Look, for ever."""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._lead(LEASE, self._look_always), name="finder")
                tasks.create_task(self._look_on_news(), name="finder on news")
        finally:
            await self._rooms.aclose()

    async def _look_always(self, _epoch: int) -> None:
        forgotten = -FORGET_SECONDS
        self._leads = True
        try:
            while True:
                self._news.clear()
                await self._look(whole=True)
                if time.monotonic() - forgotten >= FORGET_SECONDS and await self._forget():
                    forgotten = time.monotonic()
                await asyncio.sleep(APART_SECONDS)
                with suppress(TimeoutError):
                    async with asyncio.timeout(EVERY_SECONDS - APART_SECONDS):
                        await self._news.wait()
        finally:
            self._leads = False

    async def _look_on_news(self) -> None:
        """Where another process looks all the time, what LiveKit has told this one is found here. What is gone, that
        other one says: two lists that were read at the same time may be taken in either order.
        """
        while True:
            await self._news.wait()
            if not self._leads:
                self._news.clear()
                await self._look(whole=False)
            await asyncio.sleep(EVERY_SECONDS if self._leads else APART_SECONDS)

    async def _look(self, *, whole: bool) -> None:
        try:
            if self._watched.always is not None:
                await self._take([self._watched.always], whole=False)  # also while LiveKit is away
            names = [name for name in await self._rooms.names() if name in self._watched and "\x00" not in name]
            self._note()
            always_there = [] if self._watched.always is None else [self._watched.always]
            await self._take([*names, *always_there], whole=whole)
        except _TROUBLE as error:
            self._note(error)
        except Exception:
            log.exception("Rooms cannot be found")

    async def _take(self, names: list[str], *, whole: bool) -> None:
        found = await self._book.found(set(names), whole=whole)
        for room in found.come:
            log.info("A room is there", room=room)
        for room in found.gone:
            log.info("A room is no more", room=room)
        if found.come or found.gone:
            self.found.set()
            self.found = asyncio.Event()

    async def _forget(self) -> bool:
        try:
            await self._book.forget()
        except OSError as error:
            log.debug("What is of no use any more stays for now", reason=str(error))
            return False
        return True

    def _note(self, error: Exception | None = None) -> None:
        """One line for each change."""
        if error is not None and self._reachable:
            log.warning("It cannot be found out which rooms there are; trying again", reason=type(error).__name__)
        elif error is None and not self._reachable:
            log.info("Rooms are found again")
        self._reachable = error is None
