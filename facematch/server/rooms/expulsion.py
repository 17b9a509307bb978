"""Ended means out: whoever joined a room with a login that was ended leaves it, and does not get in again.

LiveKit's own server takes no token back: until it has expired, it opens the room again, and so does the one by which
the server renews it for whoever is connected (ten minutes). So for as long as one of them may be good, the rooms are
looked through every other second, and whoever came in with it is sent out again: by the process that has ended the
login, and by one that does so for all.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Final

import aiohttp
import structlog
from livekit.api import (
    ListParticipantsRequest,
    LiveKitAPI,
    RoomParticipantIdentity,
    ServerError,
)

from facematch.runtime.meanwhile import meanwhile
from facematch.server.rooms.ended_logins import ALL

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Collection, Mapping

    from livekit.api.room_service import RoomService

    from facematch.server.rooms.ended_logins import EndedLogins

log = structlog.get_logger(__name__)

LOGIN: Final = "face-match.login"
ISSUED: Final = "face-match.issued"
"""Attributes of a token: by which login it was had, and when (ms since 1970). Only the server can change them."""

RENEWED_SECONDS: Final = 600
"""How long the token lasts by which LiveKit renews another that is about to expire."""
EVERY_SECONDS: Final = 2.0
ANSWER_SECONDS: Final = 5.0
MOST_LOGINS: Final = 10_000
"""So many ended ones are remembered, the latest."""
OWN_SECONDS: Final = 30.0
"""After which one that looks for all has surely heard of it."""
_SPARE_SECONDS: Final = 60
"""Two clocks, and the way of the last token."""


class Expulsion:
    """Sends out those whose login was ended.

    Args:
        administered: opens LiveKit's services for one room; closed by this object.
        rooms: those that there may be and that tokens are given for; asked at each look.
        token_seconds: how long one lasts.
        kept: where what was ended is written down; None: nowhere, and it is forgotten with the process.
        leads: whether this process looks for all.
        now: seconds since 1970; injected by tests.
    """

    def __init__(
        self,
        administered: Callable[[str], LiveKitAPI],
        rooms: Callable[[], Collection[str]],
        token_seconds: float,
        *,
        kept: EndedLogins | None = None,
        leads: Callable[[], bool] = lambda: True,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._administered = administered
        self._rooms = rooms
        self._lasts = max(token_seconds, RENEWED_SECONDS) + _SPARE_SECONDS
        self._kept = kept
        self._leads = leads
        self._now = now
        self._ended: dict[str, float] = {}
        """When each login was ended."""
        self._all_until = 0.0
        """All that were begun until then are ended."""
        self._own_until = 0.0
        """Until when this process looks for what it has ended itself, whoever does so for all."""
        self._news = asyncio.Event()

    async def expel(self, login: str | None) -> None:
        """A login has been ended; None: all have. What cannot be written down is known to this process alone."""
        whose, at = ALL if login is None else login, self._now()
        self._own_until = at + OWN_SECONDS
        self._take({whose: at})
        if self._kept is not None:
            try:
                await self._kept.add(whose, at)
            except OSError as error:
                log.warning(
                    "An ended login is not written down; it is known until this process ends", reason=str(error)
                )

    async def refresh(self) -> None:
        """Take up what other processes, or this one before it was started anew, have ended.

        Raises:
            LogUnavailableError: it cannot be read.
        """
        if self._kept is not None:
            self._take(await self._kept.after(self._now() - self._lasts, MOST_LOGINS))

    def _take(self, ended: Mapping[str, float]) -> None:
        new = {login: at for login, at in ended.items() if login != ALL and login not in self._ended}
        if not new and ended.get(ALL, 0.0) <= self._all_until:
            return
        self._all_until = max(self._all_until, ended.get(ALL, 0.0))
        self._ended |= new
        while len(self._ended) > MOST_LOGINS:
            del self._ended[next(iter(self._ended))]
        self._news.set()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """While this is open, they are sent out."""
        with suppress(OSError):  # a bell, or the next that is ended, has it read
            await self.refresh()
        async with meanwhile(("expulsion", self.run())):
            yield

    async def run(self) -> None:
        """Send them out, until cancelled."""
        while True:
            while self._over():
                await self._news.wait()
            self._news.clear()
            try:
                await self._while_tokens_last()
            except Exception:
                log.exception("Nobody can be sent out of a room")
                await asyncio.sleep(EVERY_SECONDS)

    async def _while_tokens_last(self) -> None:
        reachable = True
        while not self._over():
            try:
                for room in self._rooms() if self._leads() or self._now() < self._own_until else ():
                    async with asyncio.timeout(ANSWER_SECONDS), self._administered(room) as livekit:
                        await self._look_through(room, livekit.room)
                reachable = True
            except (aiohttp.ClientError, ServerError, OSError) as error:  # TimeoutError is an OSError
                if reachable:
                    log.warning("LiveKit does not say who is in the rooms; trying again", reason=type(error).__name__)
                reachable = False
            with suppress(TimeoutError):
                async with asyncio.timeout(EVERY_SECONDS):
                    await self._news.wait()
            self._news.clear()

    async def _look_through(self, room: str, service: RoomService) -> None:
        try:
            found = await service.list_participants(ListParticipantsRequest(room=room))
        except ServerError as error:
            if error.code != "not_found":  # nobody is in it
                raise
            return
        for participant in found.participants:
            if self._is_out(dict(participant.attributes)):
                await self._send_out(room, service, participant.identity)

    async def _send_out(self, room: str, service: RoomService, identity: str) -> None:
        try:
            await service.remove_participant(RoomParticipantIdentity(room=room, identity=identity))
        except ServerError as error:
            if error.code != "not_found":  # left meanwhile
                raise
        else:
            log.info("Sent out of the room: the login has ended", room=room)

    def _is_out(self, attributes: dict[str, str]) -> bool:
        login, issued = attributes.get(LOGIN), attributes.get(ISSUED, "")
        if login is None:
            return False
        return login in self._ended or (issued.isascii() and issued.isdigit() and int(issued) <= self._all_until * 1000)

    def _over(self) -> bool:
        """Whether no token is left that could let anybody in who is to stay out."""
        oldest = self._now() - self._lasts
        self._ended = {login: at for login, at in self._ended.items() if at > oldest}
        return not self._ended and self._all_until <= oldest
