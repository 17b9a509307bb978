"""Who watches which room, asked of LiveKit itself."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any, Self

import aiohttp
from jwt.warnings import InsecureKeyLengthWarning
from livekit import api

from facematch.protocol.identities import RECOGNIZER_PREFIX
from tests.rig.livekit_server import KEY, SECRET

if TYPE_CHECKING:
    from collections.abc import Iterable


class RoomWatchers:
    """LiveKit's room service; a context manager.

    Args:
        url: of LiveKit.
    """

    def __init__(self, url: str) -> None:
        self._base = "http" + url.removeprefix("ws")

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5))
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()

    async def of(self, room: str) -> list[str]:
        """The identities of the recognizers in a room, also those that hide; none when there is no such room."""
        return sorted(await self.sids(room))

    async def sids(self, room: str) -> dict[str, str]:
        """Of the same, by identity: who comes in anew has another."""
        found = (await self._ask("ListParticipants", room, room=room)).get("participants", [])
        there = {one["identity"]: one["sid"] for one in found if one.get("state") == "ACTIVE"}
        return {name: sid for name, sid in there.items() if name.startswith(RECOGNIZER_PREFIX)}

    async def all(self, rooms: Iterable[str]) -> dict[str, list[str]]:
        """The same of several rooms."""
        return {room: await self.of(room) for room in rooms}

    async def remove(self, room: str, identity: str) -> None:
        """As an operator does."""
        await self._ask("RemoveParticipant", room, room=room, identity=identity)

    async def delete(self, room: str) -> None:
        """As an operator does."""
        await self._ask("DeleteRoom", room, room=room)

    async def open(self, room: str, seconds: int = 300) -> None:
        """An empty room that stays for so long."""
        await self._ask("CreateRoom", room, name=room, empty_timeout=seconds, departure_timeout=seconds)

    async def _ask(self, method: str, of: str, **about: object) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {_admin_token(of)}"}
        url = f"{self._base}/twirp/livekit.RoomService/{method}"
        async with self._session.post(url, headers=headers, json=about) as response:
            answer: dict[str, Any] = await response.json()
            if response.status >= 500:
                raise TimeoutError(answer)  # one of several servers is away
            assert response.status == 200 or answer.get("code") == "not_found", answer
            return answer if response.status == 200 else {}


def _admin_token(room: str) -> str:
    token = api.AccessToken(KEY, SECRET).with_grants(api.VideoGrants(room_admin=True, room_create=True, room=room))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", InsecureKeyLengthWarning)  # the demo secret is short, and is for loopback
        return token.to_jwt()
