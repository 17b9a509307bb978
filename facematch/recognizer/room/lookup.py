"""Whether a room is there, asked cheaply: for LiveKit servers that make none by themselves."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import httpx2

from facematch.recognizer.room.answers import NO_ROOM_WORDS
from facematch.runtime.http_client import http_client

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

ANSWER_SECONDS = 5.0


class RoomLookup:
    """Asks LiveKit's own check of a token (`/rtc/validate`), which joins nothing: some 2 ms, a fiftieth of an attempt.

    Args:
        client: to ask with.
        address: of the check.
        token: makes a fresh one for the room.
    """

    def __init__(self, client: httpx2.AsyncClient, address: str, token: Callable[[], str]) -> None:
        self._client = client
        self._address = address
        self._token = token

    async def may_be_there(self) -> bool:
        """False when LiveKit says that there is no such room. Whatever else is the matter, joining will tell."""
        try:
            answer = await self._client.get(self._address, headers={"Authorization": f"Bearer {self._token()}"})
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError):
            return True
        return not (answer.status_code == httpx2.codes.NOT_FOUND and answer.text.startswith(NO_ROOM_WORDS))


@asynccontextmanager
async def room_lookup(url: str, token: Callable[[], str], proxy: str | None) -> AsyncIterator[RoomLookup]:
    """A lookup of one room, with a connection that is kept.

    Args:
        url: of LiveKit, `ws`, `wss`, `http` or `https`.
        token: makes a fresh one for the room.
        proxy: what stands before it.
    """
    address = "http" + url.removeprefix("http").removeprefix("ws").rstrip("/") + "/rtc/validate"
    async with http_client(proxy=proxy, seconds=ANSWER_SECONDS) as client:
        yield RoomLookup(client, address, token)
