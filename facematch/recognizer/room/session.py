"""One room of a process: everything that it does not share with the others."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from facematch.recognizer.room.connection import Connection
from facematch.recognizer.room.cooldowns import Cooldowns
from facematch.recognizer.room.pauses import Pauses
from facematch.recognizer.room.reporter import Reporter
from facematch.recognizer.room.room import RoomWatch
from facematch.recognizer.room.signal import RoomSignal

if TYPE_CHECKING:
    from livekit import rtc

    from facematch.protocol.heartbeat import LiveKitState
    from facematch.recognizer.delivery.outbox import Outbox
    from facematch.recognizer.delivery.snapshots import Snapshots
    from facematch.recognizer.room.admission import IdleCamera
    from facematch.recognizer.room.cycle import CycleRules
    from facematch.recognizer.room.livekit_access import LiveKitAccess
    from facematch.recognizer.room.track import TrackWatch
    from facematch.recognizer.shared import Shared


class RoomSession:
    """Watches one room: its connection, the cycles of its tracks, what they report, and its people's cooldowns.

    Args:
        name: the room's.
        livekit: where it is, and how to get in.
        rules: the settings of its cycles.
        shared: with the other rooms of the process.
        outbox: takes its events.
        snapshots: takes its pictures.
    """

    def __init__(
        self,
        name: str,
        livekit: LiveKitAccess,
        rules: CycleRules,
        shared: Shared,
        outbox: Outbox,
        snapshots: Snapshots,
    ) -> None:
        self.name = name
        self.rules = rules
        self._shared = shared
        self._cooldowns = Cooldowns(rules.cooldown_seconds)  # one for all stays: the room closes when it is empty
        self._pauses = Pauses()
        self._reporter = Reporter(
            outbox,
            snapshots,
            room=name,
            model=shared.engine.model,
            counters=shared.counters,
            may_be_named=shared.matching.names,
        )
        if livekit.tenure is not None:
            self._reporter.epoch = livekit.tenure.epoch
        self._signal = RoomSignal(livekit.observers) if livekit.observers else None
        self._reporter.signal = self._signal
        self._connection = Connection(livekit, name, watch=self._watch, state_changed=shared.changed.notify)

    @property
    def state(self) -> LiveKitState:
        """The connection now."""
        return self._connection.state

    @property
    def tracks(self) -> list[TrackWatch]:
        """The tracks watched now, in the order in which they came."""
        watch = self._connection.watch
        return watch.tracks if watch else []

    @property
    def idle(self) -> list[IdleCamera]:
        """Cameras that may not be looked at."""
        watch = self._connection.watch
        return watch.idle if watch else []

    @property
    def tracks_left_out(self) -> int:
        """Tracks over the limits, which are not watched."""
        watch = self._connection.watch
        return watch.left_out if watch else 0

    async def run(self) -> None:
        """Stay in the room until cancelled.

        Raises:
            CredentialsRefusedError: LiveKit refused the key or the secret.
            StayEndedError: the room was given to us, and is not ours any more.
        """
        if self._signal is None:
            await self._connection.run()
            return
        signalling = asyncio.create_task(self._signal.run(), name=f"signals of room {self.name}")
        try:
            await self._connection.run()
        finally:
            signalling.cancel()
            await asyncio.wait([signalling])

    def _watch(self, room: rtc.Room) -> RoomWatch:
        if self._signal is not None:
            self._signal.room = room
        return RoomWatch(room, self.rules, self._cooldowns, self._pauses, self._shared, self._reporter)
