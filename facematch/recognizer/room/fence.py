"""Whoever arrives in a room sends out those who owned it before, in case they do not know that they do not any more.

A process that was stopped, or cut off, comes back and goes on; LiveKit would let it. It is asked to remove it, by its
identity, through its room service (Twirp, as JSON), with a token that is good for that and is not the one by which we
are there.
"""

from __future__ import annotations

import asyncio
import warnings
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import httpx2
import structlog
from jwt.warnings import InsecureKeyLengthWarning
from livekit import api

from facematch.runtime.http_client import http_client

if TYPE_CHECKING:
    from facematch.recognizer.room.livekit_access import LiveKitAccess
    from facematch.recognizer.room.tenure import Tenure

log = structlog.get_logger(__name__)

ANSWER_SECONDS: Final = 2.0
"""For one look at the room, and all removals that follow from it."""
ATTEMPTS: Final = 3
RETRY_SECONDS: Final = 0.2
_TOKEN_TTL: Final = timedelta(minutes=1)


class _RefusedError(Exception):
    """LiveKit's room service answered with an error; its text is the code."""


async def remove_former(livekit: LiveKitAccess, tenure: Tenure) -> int:
    """Remove every recognizer of this deployment that has a smaller epoch in the room.

    Returns:
        How many there were. What LiveKit does not answer in `ATTEMPTS` times is logged: the next beat of a former
        owner tells it to leave, too.
    """
    reason = ""
    async with http_client(proxy=livekit.proxy, seconds=ANSWER_SECONDS) as client:
        for _ in range(ATTEMPTS):
            try:
                async with asyncio.timeout(ANSWER_SECONDS):
                    return await _remove_former(_RoomService(client, livekit, tenure.room), tenure)
            except (httpx2.HTTPError, httpx2.InvalidURL, OSError, ValueError, _RefusedError) as error:
                reason = str(error) or type(error).__name__
                await asyncio.sleep(RETRY_SECONDS)
    log.warning("LiveKit does not say who else is in the room; a former owner may still be", reason=reason)
    return 0


async def _remove_former(service: _RoomService, tenure: Tenure) -> int:
    found = (await service.ask("ListParticipants")).get("participants") or []
    former = [one["identity"] for one in found if tenure.succeeds(one.get("identity", ""))]
    for identity in former:
        try:
            await service.ask("RemoveParticipant", identity=identity)
        except _RefusedError as error:
            if str(error) != "not_found":  # it has left meanwhile
                raise
        log.info("A former owner was still in the room: removed", room=tenure.room, identity=identity)
    return len(former)


class _RoomService:
    """LiveKit's, for one room."""

    def __init__(self, client: httpx2.AsyncClient, livekit: LiveKitAccess, room: str) -> None:
        self._client = client
        self._room = room
        self._base = "http" + livekit.url.removeprefix("http").removeprefix("ws").rstrip("/")
        grants = api.VideoGrants(room_admin=True, room=room)
        token = api.AccessToken(livekit.key, livekit.secret).with_ttl(_TOKEN_TTL).with_grants(grants)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", InsecureKeyLengthWarning)  # the demo secret is short, and is for loopback
            self._headers = {"Authorization": f"Bearer {token.to_jwt()}"}

    async def ask(self, method: str, **about: str) -> dict[str, Any]:
        """Call a method.

        Raises:
            _RefusedError: LiveKit answered with an error.
            httpx2.HTTPError, OSError, ValueError: it gave no answer, or one that is none.
        """
        url = f"{self._base}/twirp/livekit.RoomService/{method}"
        answer = await self._client.post(url, headers=self._headers, json={"room": self._room, **about})
        said: dict[str, Any] = answer.json()
        if answer.status_code != httpx2.codes.OK:
            raise _RefusedError(str(said.get("code", answer.status_code)))
        return said
