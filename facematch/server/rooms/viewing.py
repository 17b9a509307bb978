"""Watching a room without taking part: by a token that shows nobody to the others, and a line in the log each time.

What begins is stored before the token is given. Who watches is a participant of LiveKit's whom only the server sees, so
it is also known when it ends: every few seconds, as long as somebody watches, the rooms are looked through. Whoever is
there by such a token and has no line that says so, or no more, is sent out: a token is good for one viewing.
"""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final
from uuid import UUID, uuid4, uuid5

import aiohttp
import structlog
from livekit.api import ListParticipantsRequest, LiveKitAPI, RoomParticipantIdentity, ServerError

from facematch.protocol.events import ViewingChange
from facematch.protocol.identities import WATCHER_PREFIX
from facematch.runtime.clock import wall_clock
from facematch.runtime.meanwhile import meanwhile
from facematch.server.events.log import Filter, Page
from facematch.server.events.writer import TooBusyError
from facematch.server.rooms.expulsion import RENEWED_SECONDS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable
    from datetime import datetime

    from livekit.api.room_service import RoomService

    from facematch.server.access.caller import Caller
    from facematch.server.events.log import EventLog
    from facematch.server.events.writer import Writer
    from facematch.server.rooms.tokens import Token, Tokens

log = structlog.get_logger(__name__)

EVERY_SECONDS: Final = 5.0
"""How exactly it is known when a viewing has ended."""
ARRIVING_EVERY_SECONDS: Final = 1.0
"""The same of one that has just begun, so that a short one has been seen, too."""
IDLE_SECONDS: Final = 30.0
"""How often the log is asked for viewings that another process has begun, while there are none of ours."""
ARRIVING: Final = timedelta(seconds=60)
"""How long a token of a viewing lets somebody in: whoever is not there by then will not come."""
_OVER: Final = timedelta(seconds=RENEWED_SECONDS + 60)
"""How long after its end somebody may still have a token that LiveKit has renewed."""
ANSWER_SECONDS: Final = 5.0
_MOST: Final = 1_000
"""Viewings that are read at once."""
_LOGIN_DIGITS: Final = 12


@dataclass(slots=True)
class _Viewing:
    began: ViewingChange
    seen: datetime | None = None
    """When they were last in the room."""
    ended: datetime | None = None


class Viewings:
    """See the module.

    Args:
        tokens: mints them.
        administered: opens LiveKit's services for one room; closed by this object.
        event_log: where viewings are read, those of other processes, too.
        writer: of the same.
        now: aware time; injected by tests.
    """

    def __init__(
        self,
        tokens: Tokens,
        administered: Callable[[str], LiveKitAPI],
        event_log: EventLog,
        writer: Writer,
        now: Callable[[], datetime] = wall_clock,
    ) -> None:
        self._tokens = tokens
        self._administered = administered
        self._log = event_log
        self._writer = writer
        self._now = now
        self._known: dict[UUID, _Viewing] = {}
        self._cursor: int | None = None
        """Up to where the log was read."""
        self._news = asyncio.Event()

    async def begin(self, room: str | None, caller: Caller) -> tuple[UUID, Token]:
        """A viewing of a room by whoever asks, and the token for it.

        Raises:
            ApiError: 403, the room is none that tokens are given for.
            OSError, TooBusyError: it cannot be stored now.
        """
        id_ = uuid4()
        login = caller.session.id if caller.session else None
        token = self._tokens.to_watch(room, f"{WATCHER_PREFIX}-{id_.hex}", ARRIVING, login)
        began = ViewingChange(
            timestamp=self._now(),
            event_id=uuid4(),
            room=token.room,
            change="began",
            viewing_id=id_,
            by=caller.signature,
            login=login[:_LOGIN_DIGITS] if login else None,
        )
        await self._writer.store(began)
        log.info("Somebody watches a room", room=token.room, by=began.by, login=began.login, viewing=str(id_))
        self._take(began)
        self._news.set()
        return id_, token

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """While this is open, it is noticed when a viewing ends."""
        async with meanwhile(("viewings", self.run())):
            yield

    async def run(self) -> None:
        """Notice it, until cancelled."""
        while True:
            try:
                await self.look()
            except (aiohttp.ClientError, ServerError, OSError, TooBusyError) as error:
                log.warning("It is not known now who watches; tried again", reason=type(error).__name__)
            except Exception:
                log.exception("It is not known who watches; tried again")
            self._news.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(self._pause()):
                    await self._news.wait()

    def _pause(self) -> float:
        if any(one.seen is None and one.ended is None for one in self._known.values()):
            return ARRIVING_EVERY_SECONDS
        return EVERY_SECONDS if self._known else IDLE_SECONDS

    async def look(self) -> None:
        """Once: who has gone is told, and who is there without a viewing is sent out."""
        await self._read()
        for room in sorted({viewing.began.room or "" for viewing in self._known.values()}):
            async with asyncio.timeout(ANSWER_SECONDS), self._administered(room) as livekit:
                there = await _watchers(livekit.room, room)
                of_room = [one for one in self._known.values() if one.began.room == room]
                await self._tell_ends(of_room, there)
                await _send_out(livekit.room, room, there - {_identity(one) for one in of_room if one.ended is None})
        oldest = self._now() - _OVER
        self._known = {id_: one for id_, one in self._known.items() if one.ended is None or one.ended > oldest}

    async def _tell_ends(self, viewings: Iterable[_Viewing], there: set[str]) -> None:
        now = self._now()
        for viewing in viewings:
            if viewing.ended is not None:
                continue
            began = viewing.began
            if _identity(viewing) in there:
                viewing.seen = now
            elif viewing.seen is not None or now - began.timestamp > ARRIVING:
                # The same id from every process that notices it: it is stored once.
                fields = {"event_id": uuid5(began.viewing_id, "ended"), "change": "ended"}
                ended = began.model_copy(update={**fields, "timestamp": viewing.seen or began.timestamp})
                await self._writer.store(ended)
                log.info("A viewing has ended", room=began.room, by=began.by, viewing=str(began.viewing_id))
                viewing.ended = now

    async def _read(self) -> None:
        """What the log says that is not known yet."""
        only = Filter(types=("viewing",))
        if self._cursor is None:
            latest = await self._log.latest()
            found = reversed(await self._log.page(Page(limit=_MOST, newest_first=True), only))
            self._cursor = latest
        else:
            found = iter(await self._log.page(Page(after=self._cursor, limit=_MOST), only))
        for entry in found:
            self._cursor = max(self._cursor, entry.cursor)
            self._take(ViewingChange.model_validate(json.loads(entry.text)))

    def _take(self, change: ViewingChange) -> None:
        if change.change == "began":
            self._known.setdefault(change.viewing_id, _Viewing(change))
        elif (viewing := self._known.get(change.viewing_id)) is not None and viewing.ended is None:
            viewing.ended = change.timestamp


def _identity(viewing: _Viewing) -> str:
    return f"{WATCHER_PREFIX}-{viewing.began.viewing_id.hex}"


async def _watchers(service: RoomService, room: str) -> set[str]:
    """The identities in a room that only watch."""
    try:
        found = await service.list_participants(ListParticipantsRequest(room=room))
    except ServerError as error:
        if error.code != "not_found":  # nobody is in it
            raise
        return set()
    return {one.identity for one in found.participants if one.identity.startswith(WATCHER_PREFIX)}


async def _send_out(service: RoomService, room: str, identities: set[str]) -> None:
    for identity in sorted(identities):
        try:
            await service.remove_participant(RoomParticipantIdentity(room=room, identity=identity))
        except ServerError as error:
            if error.code != "not_found":  # left meanwhile
                raise
        else:
            log.warning("Sent out of the room: it was watched by a token of a viewing that is over", room=room)
