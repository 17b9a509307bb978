"""One room that was given to the process: its session and its heartbeats, from being given to being left."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import structlog

from facematch.protocol.beat import HeldRoom
from facematch.protocol.heartbeat import LiveKitState
from facematch.recognizer.account import Account
from facematch.recognizer.directions import Directions
from facematch.recognizer.heartbeat import HEARTBEAT_SECONDS, IDLE_SECONDS, Hearers, HeartbeatSender
from facematch.recognizer.room.cycle import LEAST_PAUSE
from facematch.recognizer.room.session import RoomSession
from facematch.recognizer.room.tenure import StayEndedError, Tenure
from facematch.recognizer.wakeup import Wakeup

if TYPE_CHECKING:
    from collections.abc import Callable

    from facematch.recognizer.delivery.api_client import ApiClient
    from facematch.recognizer.delivery.outbox import Outbox
    from facematch.recognizer.delivery.snapshots import Snapshots
    from facematch.recognizer.erasure_orders import ErasureOrders
    from facematch.recognizer.process.memory import MemorySampler
    from facematch.recognizer.room.cycle import CycleRules
    from facematch.recognizer.room.livekit_access import LiveKitAccess
    from facematch.recognizer.shared import Shared

log = structlog.get_logger(__name__)

BATCH_SECONDS: Final = 0.5
"""About how long a batch of a camera lasts that sends at once: its frames are spread over that."""


@dataclass(frozen=True, slots=True)
class Ground:
    """What all stays of the process stand on."""

    livekit: LiveKitAccess
    rules: CycleRules
    shared: Shared
    api: ApiClient
    outbox: Outbox
    snapshots: Snapshots
    orders: ErasureOrders
    memory: MemorySampler


class Stay:
    """In one room, under one epoch.

    Args:
        tenure: which.
        ground: what it stands on.
        changed: notified when a beat should tell of it at once.
    """

    def __init__(self, tenure: Tenure, ground: Ground, changed: Wakeup) -> None:
        self.tenure = tenure
        self.ended: str | None = None
        """Why it is over for good, in LiveKit's word; None: it is not."""
        self._ground = ground
        self._beat_changed = changed
        self._shared = replace(  # what the web process says is said of this room's people
            ground.shared,
            directions=Directions(self._acknowledge),
            changed=_Overheard(self._look),
        )
        self._was_there = False
        self._session = RoomSession(
            tenure.room,
            replace(ground.livekit, tenure=tenure),
            ground.rules,
            self._shared,
            ground.outbox,
            ground.snapshots,
        )

    @property
    def arrived(self) -> bool:
        """Whether we are in the room, in LiveKit's eyes."""
        return self.ended is None and self._session.state in (LiveKitState.CONNECTED, LiveKitState.RECONNECTING)

    def told(self) -> HeldRoom:
        """What a beat tells of it."""
        cost = planned(len(self._session.tracks), self._ground.rules)
        room, epoch = self.tenure.room, self.tenure.epoch
        return HeldRoom(room=room, epoch=epoch, arrived=self.arrived, cost=cost, ended=self.ended)

    async def run(self) -> None:
        """Stay until cancelled, or until it is over for good, which `ended` says then.

        Raises:
            CredentialsRefusedError: LiveKit refused the key or the secret.
        """
        shared, room = self._shared, self.tenure.room
        shared.matching.subscribe(shared.changed.notify)
        reporting = asyncio.create_task(self._heartbeats().run(), name=f"heartbeats of room {room}")
        try:
            await self._session.run()
        except StayEndedError as error:
            self.ended = str(error)
            self._beat_changed.notify()
        finally:
            shared.matching.unsubscribe(shared.changed.notify)
            reporting.cancel()
            await asyncio.wait([reporting])
            self._ground.orders.unasked(room)
            shared.evidence.left(room)

    def _acknowledge(self, identity: str) -> None:
        self._shared.evidence.of(self.tenure.room).acknowledge(identity)

    def _heartbeats(self) -> HeartbeatSender:
        ground, shared = self._ground, self._shared
        account = Account(ground.livekit.source, [self._session], shared, ground.outbox, ground.orders, ground.memory)
        hearers = Hearers(shared.gallery, ground.outbox.understanding, shared.directions)
        return HeartbeatSender(ground.api, account, ground.orders, shared.changed, hearers, self._pace)

    def _pace(self) -> float:
        return HEARTBEAT_SECONDS if self._session.tracks or self._session.idle else IDLE_SECONDS

    def _look(self) -> None:
        """What is told at once is only that we have arrived, or are not there any more."""
        if self.arrived != self._was_there:
            self._was_there = self.arrived
            self._beat_changed.notify()


class _Overheard(Wakeup):
    """One that somebody else listens to, besides the task that waits for it.

    Args:
        heard: called after each `notify`.
    """

    def __init__(self, heard: Callable[[], None]) -> None:
        super().__init__()
        self._heard = heard

    def notify(self) -> None:
        """See `Wakeup`."""
        super().notify()
        self._heard()


def planned(cameras: int, rules: CycleRules) -> float:
    """Frames a second that so many cameras need by the duty cycle, in which nobody is recognised at once."""
    pause = max(LEAST_PAUSE, min(rules.hold_seconds, rules.wait_seconds))
    return round(cameras * rules.batch_max_frames / (pause + BATCH_SECONDS), 3)
