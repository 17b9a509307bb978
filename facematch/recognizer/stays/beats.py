"""The beat: once a second what is held, and as soon as something is worth telling; the answer is carried out at once.

Nobody takes a room away but the web process, or LiveKit: while there is no answer, every stay is kept. A process whose
face work hangs beside a healthy loop falls silent, so that its rooms are given to others.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import structlog
from pydantic import ValidationError

from facematch import __version__
from facematch.protocol.beat import ANSWER_SECONDS, BEAT_SECONDS, MOST_ROOMS, Beat, BeatAnswer
from facematch.recognizer.delivery.api_client import ApiUnreachableError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from facematch.recognizer.delivery.api_client import ApiClient
    from facematch.recognizer.erasure_orders import ErasureOrders
    from facematch.recognizer.gallery import GalleryFollower
    from facematch.recognizer.stays.stays import Stays
    from facematch.recognizer.wakeup import Wakeup

log = structlog.get_logger(__name__)

LEAST_SECONDS: Final = 0.1
"""From one beat to the next: what comes together is told together."""
AGAIN_SECONDS: Final = 0.25
"""After the first beat that is not answered: a web process that was killed takes one with it, and another is there."""
HANG_SECONDS: Final = 10.0
"""One piece of face work takes a fraction of a second. After so long its thread hangs."""
HANG_LOOK_SECONDS: Final = 0.2
_UNANSWERED: Final = 2
"""Beats in a row: one may be lost in a restart."""
_REFUSALS: Final = {
    401: "The API refuses this recognizer; set the same RECOGNIZER_KEY for both",
    403: "The API refuses this recognizer; set the same RECOGNIZER_KEY for both",
    404: "The API gives no rooms; set ROOMS for it, too, and run the same version",
}


@dataclass(frozen=True, slots=True)
class Worker:
    """What stays the same from beat to beat."""

    name: str
    """Stable: of the machine and its data."""
    boot: str
    """Names this start."""
    capacity: float
    """Frames a second."""
    settings: Mapping[str, str]
    """Those that have to be the same everywhere."""


@dataclass(frozen=True, slots=True)
class Listeners:
    """What else the answers are for."""

    gallery: GalleryFollower
    orders: ErasureOrders


class Beats:
    """Sends beats.

    Args:
        api: where they go.
        worker: whose they are.
        stays: told, and told what to be.
        changed: notified when something is worth telling at once.
        listeners: told what the answers say besides.
        longest_work: seconds for which the oldest piece of face work has been going on.
    """

    def __init__(
        self,
        api: ApiClient,
        worker: Worker,
        stays: Stays,
        changed: Wakeup,
        listeners: Listeners,
        longest_work: Callable[[], float],
    ) -> None:
        self._api = api
        self._worker = worker
        self._stays = stays
        self._changed = changed
        self._listeners = listeners
        self._longest_work = longest_work
        self._answered = False
        self._unanswered = 0
        self._pause = BEAT_SECONDS
        self._alone = asyncio.Event()
        """Set while we end, when we are told that there is nobody who could take our rooms."""
        self._hung = False
        self._said: set[str] = set()

    async def run(self) -> None:
        """Send, for ever."""
        while True:
            began = _now()
            told = self._changed.count
            if self._hangs():
                await asyncio.sleep(HANG_LOOK_SECONDS)
                continue
            await self._beat()
            await asyncio.sleep(LEAST_SECONDS)
            left = max(0.0, began + (AGAIN_SECONDS if self._unanswered == 1 else self._pause) - _now())
            await self._changed.until(lambda told=told: self._changed.count != told, left)  # type: ignore[misc]

    async def drain(self, seconds: float) -> None:
        """Give the rooms back, each when its next owner is there. Call it while `run` runs.

        Returns early when none is held any more, or when the answer to a beat says that nobody could take them. Without
        an answer they are kept to the end: whoever answers may be back within it, and until then only we watch them.

        Args:
            seconds: at most.
        """
        self._stays.draining = True
        if not self._stays.count:
            return
        log.info("Giving the rooms back", rooms=self._stays.count)
        self._changed.notify()
        gone = asyncio.create_task(self._stays.emptied(), name="rooms given back")
        alone = asyncio.create_task(self._alone.wait(), name="nobody else is there")
        try:
            await asyncio.wait((gone, alone), timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            if alone.done():
                log.info("Nobody is there who could take the rooms", rooms=self._stays.count)
            elif self._stays.count:
                log.warning("Rooms are left before their next owner has come", rooms=self._stays.count)
        finally:
            gone.cancel()
            alone.cancel()
            await asyncio.wait((gone, alone))

    async def _beat(self) -> None:
        told = self._told()
        self._pause = BEAT_SECONDS
        try:
            answer = await self._api.post("/api/beat", told.model_dump_json().encode(), ANSWER_SECONDS)
            if answer.status in _REFUSALS:
                self._say(_REFUSALS[answer.status])
            said = BeatAnswer.model_validate_json(answer.body)
        except (ApiUnreachableError, ValidationError) as error:
            self._note_unanswered(error)
            return
        if self._unanswered > 1:
            log.info("Beats are answered again", unanswered=self._unanswered)
        self._answered, self._unanswered = True, 0
        if told.draining and said.others == 0:
            self._alone.set()  # nobody could take the rooms; what an earlier beat was told may be so no more
        if said.again_seconds is not None:
            self._pause = min(BEAT_SECONDS, said.again_seconds)
        await self._carry_out(said)

    def _told(self) -> Beat:
        worker = self._worker
        return Beat(
            worker=worker.name,
            boot=worker.boot,
            sent_at=datetime.now(UTC),
            first=not self._answered,
            capacity=worker.capacity,
            draining=self._stays.draining,
            rooms=self._stays.told[:MOST_ROOMS],
            settings=dict(worker.settings),
            orders_done=self._listeners.orders.done[:100],
            version=__version__,
        )

    async def _carry_out(self, said: BeatAnswer) -> None:
        if said.refused is not None:
            self._say(said.refused)
            self._stays.leave_all(said.refused)
        else:
            self._stays.hold(said.rooms, said.deployment)
        for sentence in said.settings_differ:
            self._say(sentence)
        self._listeners.gallery.told(said.gallery_version)
        if await self._listeners.orders.carry_out(said.orders, "beat"):
            self._changed.notify()

    def _note_unanswered(self, error: Exception) -> None:
        self._unanswered += 1
        if self._unanswered == _UNANSWERED:
            reason = str(error) if isinstance(error, ApiUnreachableError) else "an answer that is none"
            log.warning("Beats are not answered; every room is kept", reason=reason, rooms=self._stays.count)

    def _hangs(self) -> bool:
        hung = self._longest_work() > HANG_SECONDS
        if hung and not self._hung:
            log.error("Face work hangs; no beat is sent, so that others take the rooms over", rooms=self._stays.count)
        self._hung = hung
        return hung

    def _say(self, sentence: str) -> None:
        """Once."""
        if sentence not in self._said and len(self._said) < MOST_ROOMS:
            self._said.add(sentence)
            log.error(sentence)


def _now() -> float:
    return asyncio.get_running_loop().time()
