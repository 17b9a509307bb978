"""The recognizer's account of itself, posted at a steady pace and soon after every change of a track's state."""

from __future__ import annotations

import asyncio
import time
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import aiohttp
import structlog
from pydantic import ValidationError

from facematch.protocol.heartbeat import MOST_TRACKS, CycleSettings, Heartbeat, HeartbeatAnswer, TrackStatus

if TYPE_CHECKING:
    from facematch.faces.engine import FaceEngine
    from facematch.recognizer.batch_slots import Places
    from facematch.recognizer.counters import Counters
    from facematch.recognizer.delivery.api_client import ApiClient
    from facematch.recognizer.delivery.outbox import Outbox
    from facematch.recognizer.erasure_orders import Orders
    from facematch.recognizer.process.memory import MemorySampler
    from facematch.recognizer.references import References
    from facematch.recognizer.room.connection import Connection
    from facematch.recognizer.room.cycle import CycleRules
    from facematch.recognizer.room.track import TrackWatch
    from facematch.recognizer.wakeup import Changed

log = structlog.get_logger(__name__)

HEARTBEAT_SECONDS = 2.0
LEAST_SECONDS = 0.25
"""Changes that come faster are told together."""

POST_SECONDS = 2.0
_STATES = {"new": "queued", "stopped": "idle"}
"""States that last no longer than a callback, in the words of the wire."""


class Heart:
    """Posts heartbeats. A lost one is not repeated: the next says more.

    Args:
        api: where they go.
        source: names this boot.
        room: the room's name.
        rules: the settings of the cycles.
        cooldown_seconds: least time between Match events of one participant.
        connection: the connection and, through it, the tracks.
        references: the reference in use.
        outbox: its counts are part of the account.
        counters: the recognizer's.
        memory: reads memory figures.
        places: the batch places.
        engine: its times are part of the account.
        orders: carries out what the answers ask for.
        changed: its own; notified when a track's state or the connection changed.
    """

    def __init__(
        self,
        api: ApiClient,
        *,
        source: str,
        room: str,
        rules: CycleRules,
        cooldown_seconds: float,
        connection: Connection,
        references: References,
        outbox: Outbox,
        counters: Counters,
        memory: MemorySampler,
        places: Places,
        orders: Orders,
        engine: FaceEngine,
        changed: Changed,
    ) -> None:
        self._api = api
        self._source = source
        self._room = room
        self._rules = rules
        self._cooldown_seconds = cooldown_seconds
        self._connection = connection
        self._references = references
        self._outbox = outbox
        self._counters = counters
        self._memory = memory
        self._places = places
        self._orders = orders
        self._engine = engine
        self._changed = changed
        self._started_at = datetime.now(UTC)
        self._cpu_seconds = time.process_time()
        self._sampled_at = time.monotonic()
        self._told = 0
        self._refused = False

    async def run(self) -> None:
        """Beat, for ever."""
        while True:
            await self._beat()
            await asyncio.sleep(LEAST_SECONDS)
            await self._changed.until(lambda: self._changed.count != self._told, HEARTBEAT_SECONDS - LEAST_SECONDS)

    async def _beat(self) -> None:
        self._told = self._changed.count
        try:
            answer = await self._api.post("/api/heartbeat", self.account().model_dump(mode="json"), POST_SECONDS)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            log.debug("Heartbeat not delivered", reason=type(error).__name__)
            return
        self._note_refusal(answer.status)
        try:
            orders = HeartbeatAnswer.model_validate_json(answer.body).orders
        except ValidationError:
            log.debug("Heartbeat not understood", status=answer.status)
            return
        if await self._orders.carry_out(orders):
            self._changed.notify()  # tell at once that it is done

    def _note_refusal(self, status: int) -> None:
        """One line when the web process does not take us for its recognizer, not one per beat."""
        refused = status in (401, 403)
        if refused and not self._refused:
            log.error("The API refuses this recognizer; set the same RECOGNIZER_KEY for both", status=status)
        self._refused = refused

    def account(self) -> Heartbeat:
        """The account now."""
        now, wall = time.monotonic(), datetime.now(UTC)
        cpu = time.process_time()
        ratio = (cpu - self._cpu_seconds) / max(LEAST_SECONDS, now - self._sampled_at)
        self._cpu_seconds, self._sampled_at = cpu, now
        memory = self._memory.sample()
        watch = self._connection.watch
        events = self._outbox.status
        return Heartbeat(
            source=self._source,
            room=self._room,
            started_at=self._started_at,
            sent_at=wall,
            livekit=self._connection.state,
            reference_id=self._references.current.id if self._references.current else None,
            reference_error=self._references.error,
            settings=CycleSettings(
                batch_max_frames=self._rules.batch_max_frames,
                hold_seconds=self._rules.hold_seconds,
                wait_seconds=self._rules.wait_seconds,
                batch_timeout_seconds=self._rules.batch_timeout_seconds,
                match_cooldown_seconds=self._cooldown_seconds,
                threshold=self._rules.threshold,
            ),
            tracks=[_status(track) for track in (watch.tracks[:MOST_TRACKS] if watch else ())],
            counters=self._counters.totals()
            | {f"events_{name}": count for name, count in asdict(events).items()}
            | {"tasks": len(asyncio.all_tasks())},
            outcomes=dict(self._counters.outcomes),
            timings={
                "detect": round(self._engine.detect_seconds, 3),
                "encode": round(self._engine.encode_seconds, 3),
                "delay": round(self._counters.delay_seconds, 3),
            },
            orders_done=self._orders.done,
            outbox_age_seconds=round(self._outbox.age_seconds, 3),
            outbox_durable=self._outbox.durable,
            batch_places_waiting=self._places.waiting,
            cpu_seconds=round(cpu, 3),
            cpu_ratio=round(max(0.0, ratio), 4),
            memory_bytes=memory.resident,
            memory_ratio=round(memory.ratio, 4),
        )


def _status(track: TrackWatch) -> TrackStatus:
    cycle, subject = track.cycle, track.subject
    left = None if cycle.deadline is None else max(0.0, cycle.deadline - asyncio.get_running_loop().time())
    return TrackStatus(
        track_sid=subject.track_sid,
        participant_id=subject.participant_id,
        participant_identity=subject.participant_identity,
        participant_name=subject.participant_name,
        state=_STATES.get(cycle.state, cycle.state),
        deadline_in=None if left is None else round(left, 3),
        muted=track.publication.muted,
        cycle_id=cycle.cycle_id,
        batches=cycle.batches,
        last_outcome=track.last_outcome,
        last_check_at=track.last_check_at,
        last_match_at=track.last_match_at,
    )
