"""The recognizer's account of itself: what a heartbeat tells."""

from __future__ import annotations

import asyncio
import time
from bisect import bisect_right
from dataclasses import asdict
from datetime import UTC, datetime
from itertools import accumulate
from typing import TYPE_CHECKING

from facematch.protocol.heartbeat import MOST_TRACKS, Heartbeat, LiveKitState, TrackStatus
from facematch.protocol.values import LONGEST_NAME
from facematch.recognizer.room.admission import Withheld

if TYPE_CHECKING:
    from collections.abc import Sequence

    from facematch.recognizer.delivery.outbox import Outbox
    from facematch.recognizer.erasure_orders import ErasureOrders
    from facematch.recognizer.process.memory import MemorySampler
    from facematch.recognizer.room.admission import IdleCamera
    from facematch.recognizer.room.session import RoomSession
    from facematch.recognizer.room.track import TrackWatch
    from facematch.recognizer.shared import Shared

SHORTEST_SPAN = 0.25
"""Seconds over which the processor's share is told at least: that of a moment says nothing."""

_STATES = {"new": "queued", "stopped": "idle"}
"""States that last no longer than a callback, in the words of the wire."""

_WORST_FIRST = (
    LiveKitState.DISCONNECTED,
    LiveKitState.CONNECTING,
    LiveKitState.WAITING,
    LiveKitState.RECONNECTING,
    LiveKitState.CONNECTED,
)


class Account:
    """Put together anew for every heartbeat.

    Args:
        source: names this boot.
        sessions: the rooms, at least one. The wire has one name and one state: the first's, and the worst.
        shared: by the rooms.
        outbox: its counts are part of the account.
        orders: what was carried out is told.
        memory: reads memory figures.
    """

    def __init__(
        self,
        source: str,
        sessions: Sequence[RoomSession],
        shared: Shared,
        outbox: Outbox,
        orders: ErasureOrders,
        memory: MemorySampler,
    ) -> None:
        self._source = source
        self._sessions = sessions
        self._shared = shared
        self._outbox = outbox
        self._orders = orders
        self._memory = memory
        self._started_at = datetime.now(UTC)
        self._cpu_seconds = time.process_time()
        self._sampled_at = time.monotonic()

    def now(self) -> Heartbeat:
        """The account now. Its processor share is of the time since the last one."""
        now, cpu = time.monotonic(), time.process_time()
        ratio = (cpu - self._cpu_seconds) / max(SHORTEST_SPAN, now - self._sampled_at)
        self._cpu_seconds, self._sampled_at = cpu, now
        memory = self._memory.recent()
        engine, references, counters = self._shared.engine, self._shared.references, self._shared.counters
        gallery, default = self._shared.gallery, self._shared.matching.default
        first = self._sessions[0]
        tracks = [_status(track) for session in self._sessions for track in session.tracks]
        tracks += [_idle(camera) for session in self._sessions for camera in session.idle]
        return Heartbeat(
            source=self._source,
            room=first.name,
            started_at=self._started_at,
            sent_at=datetime.now(UTC),
            livekit=min((session.state for session in self._sessions), key=_WORST_FIRST.index),
            reference_id=default.id if default else None,
            reference_error=references.error,
            gallery_version=gallery.current.version or None,
            gallery_error=gallery.error and gallery.error[:LONGEST_NAME],
            settings=first.rules.told(),
            agreed=dict(self._shared.agreed),
            tracks=tracks[:MOST_TRACKS],
            tracks_left_out=sum(session.tracks_left_out for session in self._sessions),
            tracks_untold=max(0, len(tracks) - MOST_TRACKS),
            counters=counters.totals()
            | {f"events_{name}": count for name, count in asdict(self._outbox.status).items()}
            | {"tasks": len(asyncio.all_tasks())},
            outcomes=dict(counters.outcomes),
            timings={
                "detect": round(engine.detect_seconds, 3),
                "encode": round(engine.encode_seconds, 3),
                "delay": round(counters.delay_seconds, 3),
            },
            orders_done=self._orders.done,
            outbox_age_seconds=round(self._outbox.age_seconds, 3),
            outbox_durable=self._outbox.durable,
            batch_places_waiting=self._shared.slots.waiting,
            cpu_seconds=round(cpu, 3),
            cpu_ratio=round(max(0.0, ratio), 4),
            memory_bytes=memory.resident,
            memory_ratio=round(memory.ratio, 4),
        )


def fitted(heartbeat: Heartbeat, most_bytes: int) -> tuple[bytes, int]:
    """A heartbeat as JSON, with as many of its first tracks as fit.

    Returns:
        It, and how many tracks it does not tell of.
    """
    whole = heartbeat.model_dump_json().encode()
    if len(whole) <= most_bytes:  # nearly always, and several times a second
        return whole, heartbeat.tracks_untold
    longest = {"tracks": [], "tracks_untold": heartbeat.tracks_untold + len(heartbeat.tracks)}
    room = most_bytes - len(heartbeat.model_copy(update=longest).model_dump_json().encode())
    ends = list(accumulate(len(track.model_dump_json().encode()) + 1 for track in heartbeat.tracks))
    kept = bisect_right(ends, room)
    untold = heartbeat.tracks_untold + len(heartbeat.tracks) - kept
    cut = heartbeat.model_copy(update={"tracks": heartbeat.tracks[:kept], "tracks_untold": untold})
    return cut.model_dump_json().encode(), untold


def _status(track: TrackWatch) -> TrackStatus:
    cycle, subject = track.cycle, track.subject
    left = None if cycle.deadline is None else max(0.0, cycle.deadline - asyncio.get_running_loop().time())
    return TrackStatus(
        track_sid=subject.track_sid,
        participant_id=subject.participant_id,
        participant_identity=subject.participant_identity,
        participant_name=subject.participant_name,
        claims_person=track.claims_person,
        state=_STATES.get(cycle.state, cycle.state),
        deadline_in=None if left is None else round(left, 3),
        muted=track.publication.muted,
        cycle_id=cycle.cycle_id,
        batches=cycle.batches,
        last_outcome=track.last_outcome,
        last_check_at=track.last_check_at,
        last_match_at=track.last_match_at,
    )


def _idle(camera: IdleCamera) -> TrackStatus:
    subject, asking = camera.subject, camera.why is Withheld.ASKING
    return TrackStatus(
        track_sid=subject.track_sid,
        participant_id=subject.participant_id,
        participant_identity=subject.participant_identity,
        participant_name=subject.participant_name,
        state="queued" if asking else "idle",
        idle_reason=None if asking else camera.why,
        muted=camera.publication.muted,
    )
