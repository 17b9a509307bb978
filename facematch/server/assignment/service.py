"""Rooms given to recognizers: beats in, and what each is to hold out."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import structlog

from facematch.protocol.beat import BeatAnswer
from facematch.runtime.meanwhile import meanwhile
from facematch.server.assignment import agreement, routes, webhook
from facematch.server.assignment.book import Ruling, Standing, book_of
from facematch.server.assignment.fence import Fence
from facematch.server.assignment.finder import Finder, always
from facematch.server.assignment.reconciling import answer
from facematch.server.assignment.touch import LOOK_SECONDS, Touch

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

    from fastapi import APIRouter
    from livekit.api import WebhookReceiver

    from facematch.protocol.beat import Beat
    from facematch.server.assignment.finder import Lead, RoomList, Watched
    from facematch.server.assignment.reconciling import Outcome
    from facematch.server.storage.database import Database

log = structlog.get_logger(__name__)

NOBODY: Final = Standing({}, {})


@dataclass(frozen=True, slots=True)
class Rules:
    """What the settings say of it."""

    shared: bool
    """Whether rooms are given to recognizers at all: without ROOMS each has a room of its own."""
    watched: Watched
    agreed: Mapping[str, str]
    """Settings in which recognizers have to agree with us, by name."""


class Assignment:
    """See the module. Opened and closed with the event log's database.

    Args:
        database: of the event log.
        rules: the settings'.
        livekit: the rooms that there are.
        lead: does work for as long as this process is the one that does it.
        attend: told twice a second who is there and what each has: ages of beats in seconds by boot, boots by room.
        monotonic: seconds; injected by tests.
    """

    def __init__(
        self,
        database: Database,
        rules: Rules,
        livekit: RoomList,
        lead: Lead = always,
        attend: Callable[[Mapping[str, float], Mapping[str, str]], None] = lambda _ages, _owners: None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.shared = rules.shared
        """Whether rooms are given to recognizers at all."""
        self.book = book_of(database, monotonic)
        self.finder = Finder(livekit, rules.watched, self.book, lead)
        self.fence = Fence(self.book)
        self._agreed = rules.agreed
        self._attend = attend
        self._touch = Touch(monotonic)
        self._deployment: str | None = None
        self.latest = NOBODY
        """How it stood a moment ago."""
        self.moves: Counter[str] = Counter()
        """Rooms that came to somebody here, or were taken from somebody, by reason, since this process began."""

    def routes(self, receiver: WebhookReceiver, asking: routes.Asking) -> APIRouter:
        """See `assignment.routes` and `assignment.webhook`."""
        router = routes.routes(self.take if self.shared else None, asking)
        router.routes.extend(webhook.routes(receiver, self.finder.nudge).routes)
        return router

    def rooms(self) -> frozenset[str]:
        """Those that are there, as far as rooms are found here."""
        return frozenset(self.latest.rooms)

    def shown_first(self, named: str) -> str:
        """The room that is meant where none is named: that of the settings, or the first that is there."""
        rooms = self.rooms()
        return named if named in rooms or not rooms else min(rooms)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """While this is open, rooms are found and given to recognizers, where they are shared."""
        if not self.shared:
            yield
            return
        try:
            async with meanwhile(("rooms and recognizers", self._look()), ("finding rooms", self.finder.run())):
                yield
        finally:
            await self.book.aclose()

    async def take(self, beat: Beat) -> BeatAnswer:
        """What a recognizer is to hold.

        Raises:
            LogUnavailableError: the database does not say; the recognizer keeps what it has.
            UnstorableError: a name that it does not take.
        """
        differing = agreement.differences(beat.settings, self._agreed)
        ruling = Ruling(self._touch.unbroken, agreement.refusal(differing), tuple(differing.values()))
        try:
            deployment = await self._name()
            outcome, rooms = await self.book.take(beat, ruling)
        except OSError:
            self._touch.lost()
            raise
        self._touch.felt()
        self._tell(outcome)
        return BeatAnswer(
            deployment=deployment,
            rooms=[] if outcome.refused else answer(beat, rooms),
            settings_differ=list(differing.values()),
            others=outcome.others,
            again_seconds=outcome.overdue,
            refused=outcome.refused,
        )

    async def _name(self) -> str:
        if self._deployment is None:
            self._deployment = await self.book.open()
        return self._deployment

    async def _look(self) -> None:
        """Look how it stands, for ever."""
        while True:
            try:
                await self._name()
                self.latest = now = await self.book.standing()
                self._touch.felt()
                self._attend({one.boot: one.age for one in now.workers.values()}, now.boots())
            except OSError as error:
                self._touch.lost()
                log.debug("It cannot be read who watches which room", reason=str(error))
            except Exception:
                log.exception("It cannot be read who watches which room")
            await asyncio.sleep(LOOK_SECONDS)

    def _tell(self, outcome: Outcome) -> None:
        """One line for each move."""
        for move in outcome.freed:
            self.moves[move.reason] += 1
            log.info("A room has lost its recognizer", room=move.room.name, worker=move.source, reason=move.reason)
        for move in outcome.claims:
            self.moves[move.reason] += 1
            log.info(
                "A room has another recognizer",
                room=move.room.name,
                worker=move.room.owner,
                before=move.source,
                epoch=move.room.epoch,
                reason=move.reason,
            )
