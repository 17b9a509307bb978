"""The rooms that the process holds, made equal to those that it is to hold, whenever that is said."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import structlog

from facematch.protocol.beat import PARTICIPANT_REMOVED, ROOM_DELETED
from facematch.recognizer.room.connection import CredentialsRefusedError
from facematch.recognizer.room.tenure import Tenure
from facematch.runtime.exit_codes import ExitCode

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from facematch.protocol.beat import AssignedRoom, HeldRoom
    from facematch.recognizer.process.shutdown import Shutdown
    from facematch.recognizer.stays.stay import Stay
    from facematch.recognizer.wakeup import Wakeup

REFUSED: Final = "LiveKit refused the credentials; check LIVEKIT_API_KEY and LIVEKIT_API_SECRET"

_REASONS: Final = {
    ROOM_DELETED: "it is no more",
    PARTICIPANT_REMOVED: "its next owner, or an operator, has removed this recognizer",
}

log = structlog.get_logger(__name__)

LEAVE_SECONDS: Final = 3.0
"""How long the end waits for stays to be left: a disconnection that LiveKit confirms takes hundredths."""


class Stays:
    """At most one in each room. Owns their tasks.

    Args:
        make: a stay, not begun.
        changed: notified when a beat should tell something at once.
        shutdown: ends the process, when LiveKit refuses its credentials.
    """

    def __init__(self, make: Callable[[Tenure], Stay], changed: Wakeup, shutdown: Shutdown) -> None:
        self._make = make
        self._changed = changed
        self._shutdown = shutdown
        self._held: dict[str, tuple[Stay, asyncio.Task[None]]] = {}
        self._leaving: dict[asyncio.Task[None], str] = {}
        """Which room each of them is of: one that was never entered is left before a former one is."""
        self.draining = False
        """Nothing is begun any more."""

    @property
    def told(self) -> list[HeldRoom]:
        """What a beat tells."""
        return [stay.told() for stay, _ in self._held.values()]

    @property
    def count(self) -> int:
        """Rooms that are held."""
        return len(self._held)

    def hold(self, rooms: Sequence[AssignedRoom], deployment: str) -> None:
        """Hold these rooms, and no others. Never waits."""
        wanted = {one.room: one for one in rooms}
        for room, (stay, _) in list(self._held.items()):
            if (reason := _why_not(stay, wanted.get(room), deployment)) is not None:
                self._leave(room, reason)
        for room, one in wanted.items():
            if room not in self._held and not one.arrived_elsewhere and not self.draining:
                self._begin(Tenure(deployment, room, one.epoch))

    def leave_all(self, reason: str) -> None:
        """Hold none. Never waits."""
        for room in list(self._held):
            self._leave(room, reason)

    async def emptied(self) -> None:
        """Return when none is held any more, and all are left."""
        while self._held or self._leaving:
            await self._changed.until(lambda: not self._held, None)
            if self._leaving:
                await asyncio.wait(list(self._leaving))

    async def aclose(self) -> None:
        """Leave all, in a bounded time."""
        self.leave_all("the process ends")
        if self._leaving:
            await asyncio.wait(list(self._leaving), timeout=LEAVE_SECONDS)

    def _begin(self, tenure: Tenure) -> None:
        stay = self._make(tenure)
        former = [task for task, room in self._leaving.items() if room == tenure.room]
        task = asyncio.create_task(self._run(stay, former), name=f"room {tenure.room}")
        self._held[tenure.room] = stay, task
        log.info("Room taken on", room=tenure.room, epoch=tenure.epoch, reason="given to this recognizer")

    async def _run(self, stay: Stay, former: list[asyncio.Task[None]]) -> None:
        room = stay.tenure.room
        try:
            if former:
                await asyncio.wait(former)
            await stay.run()
            _tell_end(stay)
        except asyncio.CancelledError:
            _tell_end(stay)  # it was over before it was taken away
            raise
        except CredentialsRefusedError as error:
            log.error(REFUSED, reason=str(error))  # noqa: TRY400  (it says what to do)
            self._shutdown.request(ExitCode.CREDENTIALS_REFUSED)
        except Exception as error:  # one room must not take the others with it
            log.exception("Watching a room failed; it is given back", room=room)
            stay.ended = type(error).__name__
            self._changed.notify()

    def _leave(self, room: str, reason: str) -> None:
        stay, task = self._held.pop(room)
        if stay.ended is None:
            log.info("Room left", room=room, epoch=stay.tenure.epoch, reason=reason)
        self._leaving[task] = room
        task.add_done_callback(self._left)
        task.cancel()
        self._changed.notify()

    def _left(self, task: asyncio.Task[None]) -> None:
        room = self._leaving.pop(task)
        if not task.cancelled() and task.exception() is not None:
            log.error("A room was not left in order", room=room, exc_info=task.exception())


def _tell_end(stay: Stay) -> None:
    """Of a stay that is over for good; of others, whoever ends them tells it."""
    room, epoch = stay.tenure.room, stay.tenure.epoch
    if stay.ended in _REASONS:
        log.info("Room left", room=room, epoch=epoch, reason=_REASONS[stay.ended])
    elif stay.ended:
        log.warning("Room left: removed by another client", room=room, epoch=epoch, reason=stay.ended)


def _why_not(stay: Stay, wanted: AssignedRoom | None, deployment: str) -> str | None:
    """Why a stay is to be left; None: it is not."""
    if wanted is None:
        return "it is not this recognizer's any more"
    if wanted.epoch != stay.tenure.epoch or deployment != stay.tenure.deployment:
        return f"it is to be entered anew, under epoch {wanted.epoch}"
    if wanted.arrived_elsewhere:
        return "its next owner has arrived"
    return None
