"""An identity of one's own: two people of one name are two participants, and nobody puts another out of the room.

LiveKit has one participant of each identity: who comes with one that is there already takes its place. So a name that
is taken gets an identity with something behind it; what the others read is the name.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from enum import Enum, auto
from typing import TYPE_CHECKING, Final

import aiohttp
import structlog
from livekit.api import LiveKitAPI, RoomParticipantIdentity, ServerError

from facematch.server.rooms.expulsion import LOGIN

if TYPE_CHECKING:
    from collections.abc import Callable

log = structlog.get_logger(__name__)

LONGEST_IDENTITY: Final = 256
"""Bytes in UTF-8: what LiveKit takes."""
ANSWER_SECONDS: Final = 2.0
ARRIVING_SECONDS: Final = 15.0
"""How long an identity is kept for whoever was just given it, and is not in the room yet."""
_MOST_ARRIVING: Final = 10_000
_LETTERS: Final = "bcdfghjkmnpqrstvwxz23456789"
_LENGTH: Final = 4


class _Holder(Enum):
    """Who has an identity in a room."""

    NOBODY = auto()
    SELF = auto()
    ANOTHER = auto()


class OwnIdentities:
    """See the module. Where LiveKit does not answer, names are taken for free: nobody gets into the room then.

    Args:
        administered: opens LiveKit's services for one room; closed by this object.
        monotonic: seconds; injected by tests.
    """

    def __init__(
        self, administered: Callable[[str], LiveKitAPI], monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._administered = administered
        self._monotonic = monotonic
        self._arriving: dict[tuple[str, str], float] = {}
        """Room and identity, and until when it is kept."""

    async def of(self, room: str, name: str, login: str | None, former: str | None = None) -> str:
        """The identity for somebody of a name.

        Args:
            room: which they join.
            name: checked.
            login: the id of that by which they join; None: they join without.
            former: one that they had, checked: theirs again unless another has it.
        """
        if former is not None and await self._holder(room, former, login) is not _Holder.ANOTHER:
            return self._kept(room, former)
        # Kept at once, before LiveKit is asked: who comes at the same moment gets another.
        if self._is_arriving(room, name):
            return self.another(room, name)
        self._kept(room, name)
        if await self._holder(room, name, login) is _Holder.NOBODY:
            return name
        return self.another(room, name)

    def another(self, room: str, name: str) -> str:
        """A new identity for somebody of a name that cannot be one."""
        behind = "-" + "".join(secrets.choice(_LETTERS) for _ in range(_LENGTH))
        cut = name.encode()[: LONGEST_IDENTITY - len(behind)].decode(errors="ignore").rstrip()
        return self._kept(room, cut + behind)

    async def is_another_s(self, room: str, identity: str, login: str | None) -> bool:
        """Whether somebody is in the room under it who has not joined by this login."""
        return await self._holder(room, identity, login) is _Holder.ANOTHER

    async def _holder(self, room: str, identity: str, login: str | None) -> _Holder:
        wanted = RoomParticipantIdentity(room=room, identity=identity)
        try:
            async with asyncio.timeout(ANSWER_SECONDS), self._administered(room) as livekit:
                there = await livekit.room.get_participant(wanted)
        except ServerError as error:
            if error.code != "not_found":
                log.warning("LiveKit does not say who is in the room", room=room, reason=str(error.code))
            return _Holder.NOBODY
        except (aiohttp.ClientError, OSError) as error:  # TimeoutError is an OSError
            log.warning("LiveKit does not say who is in the room", room=room, reason=type(error).__name__)
            return _Holder.NOBODY
        return _Holder.SELF if dict(there.attributes).get(LOGIN) == login else _Holder.ANOTHER

    def _is_arriving(self, room: str, identity: str) -> bool:
        return self._arriving.get((room, identity), 0.0) > self._monotonic()

    def _kept(self, room: str, identity: str) -> str:
        now = self._monotonic()
        self._arriving = {key: until for key, until in self._arriving.items() if until > now}
        self._arriving[room, identity] = now + ARRIVING_SECONDS
        while len(self._arriving) > _MOST_ARRIVING:
            del self._arriving[next(iter(self._arriving))]
        return identity
