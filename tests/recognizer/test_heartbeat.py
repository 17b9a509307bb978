"""The recognizer's account of itself, and when it is posted: in virtual time, to a stand-in for the web process."""

from __future__ import annotations

import asyncio
import json
import re
from datetime import UTC, datetime
from itertools import pairwise
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast
from uuid import UUID

import aiohttp
import pytest

from facematch.protocol.events import Outcome
from facematch.protocol.heartbeat import MOST_TRACKS, Heartbeat, LiveKitState
from facematch.recognizer.batch_slots import Places
from facematch.recognizer.counters import Counters
from facematch.recognizer.delivery.api_client import Answer
from facematch.recognizer.delivery.outbox import OutboxStatus
from facematch.recognizer.heartbeat import Heart
from facematch.recognizer.process.memory import MemorySampler
from facematch.recognizer.room.cycle import Cooldown, Cycle, CycleRules, State
from facematch.recognizer.room.reporter import Subject
from facematch.recognizer.wakeup import Changed
from tests.rig.virtual_time import now, run

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from facematch.recognizer.room.track import TrackWatch

RULES = CycleRules(batch_max_frames=5, hold_seconds=10.0, wait_seconds=7.0, batch_timeout_seconds=4.0, threshold=0.5)
FINE = Answer(200, b'{"ok": true}')


class Api:
    """Stands in for the web process: says `answers` in turn, then that all is well."""

    def __init__(self, *answers: Answer | Exception) -> None:
        self._answers = list(answers)
        self.beats: list[float] = []
        self.bodies: list[dict[str, Any]] = []

    async def post(self, path: str, body: dict[str, Any], seconds: float) -> Answer:
        assert path == "/api/heartbeat"
        assert seconds <= 2.0
        self.beats.append(now())
        self.bodies.append(json.loads(json.dumps(body, allow_nan=False)))
        answer = self._answers.pop(0) if self._answers else FINE
        if isinstance(answer, Exception):
            raise answer
        return answer


class Orders:
    """Stands in for what carries out orders, which has tests of its own."""

    def __init__(self) -> None:
        self.given: list[int] = []
        self.done: list[Any] = []

    async def carry_out(self, orders: Sequence[Any]) -> bool:
        new = [order.id.int for order in orders if order.id.int not in self.given]
        self.given += new
        return bool(new)


class Parts(SimpleNamespace):
    """What a heart is told about, each part as simple as it can be."""

    def __init__(self, api: Api | None = None) -> None:
        super().__init__(
            api=api or Api(),
            connection=SimpleNamespace(state=LiveKitState.CONNECTED, watch=None),
            references=SimpleNamespace(current=SimpleNamespace(id="abc"), error=None),
            outbox=SimpleNamespace(
                status=OutboxStatus(queued=1, posted=2, dropped=3, rejected=4), age_seconds=1.5, durable=True
            ),
            counters=Counters(batches=7),
            memory=MemorySampler(),
            places=Places(8),
            orders=Orders(),
            engine=SimpleNamespace(detect_seconds=1.0, encode_seconds=0.5),
            changed=Changed(),
        )

    def heart(self) -> Heart:
        return Heart(source="boot", room="a room", rules=RULES, cooldown_seconds=3.0, **vars(self))

    def watch(self, tracks: Sequence[object]) -> None:
        self.connection.watch = SimpleNamespace(tracks=tracks)


async def beating(parts: Parts, seconds: float) -> list[float]:
    """The times of the beats within these seconds."""
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(seconds):
            await parts.heart().run()
    beats: list[float] = parts.api.beats
    return beats


def track(cycle: Cycle, **change: Any) -> TrackWatch:
    known: dict[str, Any] = {
        "cycle": cycle,
        "subject": Subject("PA_1", "Alice", "alice", "TR_1"),
        "publication": SimpleNamespace(muted=False),
        "last_outcome": None,
        "last_check_at": None,
        "last_match_at": None,
    }
    return cast("TrackWatch", SimpleNamespace(**known | change))


def new_cycle() -> Cycle:
    return Cycle(RULES, Cooldown(3.0), lambda: "batch-1")


# When.


def test_it_beats_every_two_seconds() -> None:
    assert run(beating(Parts(), 9)) == pytest.approx([0, 2, 4, 6, 8])


def test_a_change_is_told_at_once() -> None:
    async def scenario() -> list[float]:
        parts = Parts()
        asyncio.get_running_loop().call_at(0.7, parts.changed.notify)
        return await beating(parts, 4)

    assert run(scenario()) == pytest.approx([0, 0.7, 2.7])


def test_changes_that_come_fast_are_told_together() -> None:
    async def scenario() -> list[float]:
        parts = Parts()
        for hundredth in range(1, 200):
            asyncio.get_running_loop().call_at(hundredth / 100, parts.changed.notify)
        return await beating(parts, 4.1)

    beats = run(scenario())
    busy = [beat for beat in beats if beat < 2]
    assert len(busy) == 8
    assert min(later - earlier for earlier, later in pairwise(beats)) >= 0.2499
    assert beats[8:] == pytest.approx([2.0, 4.0])  # the last change is told, and then it is quiet again


def test_a_change_during_a_post_is_not_missed() -> None:
    class Slow(Api):
        async def post(self, path: str, body: dict[str, Any], seconds: float) -> Answer:
            answer = await super().post(path, body, seconds)
            await asyncio.sleep(0.5)
            return answer

    async def scenario() -> list[float]:
        parts = Parts(Slow())
        asyncio.get_running_loop().call_at(0.3, parts.changed.notify)
        return await beating(parts, 2)

    assert run(scenario()) == pytest.approx([0, 0.75])


@pytest.mark.parametrize(
    "trouble",
    [
        aiohttp.ClientConnectionError(),
        TimeoutError(),
        OSError(),
        Answer(500, b"<html>sorry</html>"),
        Answer(200, b""),
        Answer(200, b'{"ok": true, "orders": "all"}'),
        Answer(403, b'{"detail": "no", "code": "FORBIDDEN"}'),
        Answer(200, b"\xff\xfe"),
    ],
)
def test_no_trouble_with_the_web_process_stops_the_heart(trouble: Answer | Exception) -> None:
    assert run(beating(Parts(Api(trouble, trouble)), 5)) == pytest.approx([0, 2, 4])


def test_an_order_is_carried_out_and_told_at_once() -> None:
    order = {"id": str(UUID(int=7)), "kind": "erase_participant", "participant_identity": "alice"}
    ordering = Answer(200, json.dumps({"ok": True, "orders": [order]}).encode())

    async def scenario() -> tuple[list[float], list[int]]:
        parts = Parts(Api(ordering, ordering))
        return await beating(parts, 2), parts.orders.given

    beats, given = run(scenario())
    assert given == [7]
    assert beats == pytest.approx([0, 0.25])


# What.


def account(parts: Parts) -> Heartbeat:
    async def scenario() -> Heartbeat:
        return parts.heart().account()

    return run(scenario())


def test_the_account_is_whole() -> None:
    told = account(Parts())
    assert (told.source, told.room, told.livekit, told.tracks) == ("boot", "a room", LiveKitState.CONNECTED, [])
    assert (told.reference_id, told.reference_error) == ("abc", None)
    assert told.settings.model_dump() == {
        "batch_max_frames": 5,
        "hold_seconds": 10.0,
        "wait_seconds": 7.0,
        "batch_timeout_seconds": 4.0,
        "match_cooldown_seconds": 3.0,
        "threshold": 0.5,
    }
    assert told.started_at <= told.sent_at
    assert told.memory_bytes > 0
    assert 0 < told.memory_ratio < 1
    assert (told.outbox_age_seconds, told.outbox_durable, told.batch_places_waiting) == (1.5, True, 0)
    assert (told.timings["detect"], told.timings["encode"]) == (1.0, 0.5)


def test_the_counters_are_those_that_the_contract_names() -> None:
    described = Heartbeat.model_fields["counters"].description
    assert described is not None
    told = account(Parts()).counters
    assert set(told) == set(re.findall(r"[a-z_]+(?=[,; ]|$)", re.sub(r"\([^)]*\)", "", described)))
    assert (told["batches"], told["events_queued"], told["events_posted"]) == (7, 1, 2)
    assert (told["events_dropped"], told["events_rejected"]) == (3, 4)


def test_without_a_reference_the_reason_is_told() -> None:
    parts = Parts()
    parts.references = SimpleNamespace(current=None, error="No face found.")
    told = account(parts)
    assert (told.reference_id, told.reference_error) == (None, "No face found.")


def test_the_first_account_does_not_blame_the_start_on_a_moment() -> None:
    """The CPU time of loading everything is not divided by the millisecond since."""
    assert account(Parts()).cpu_ratio <= 64


LIVES: dict[State, Callable[[Cycle], object]] = {
    State.NEW: lambda cycle: None,
    State.IDLE: lambda cycle: cycle.start(0, reference=False),
    State.QUEUED: lambda cycle: cycle.start(0, reference=True),
    State.PROBE: lambda cycle: (cycle.start(0, reference=True), cycle.admitted(0)),
    State.HOLD: lambda cycle: (cycle.start(0, reference=True), cycle.admitted(0), cycle.looked(0, [0.4])),
    State.WAIT: lambda cycle: (cycle.start(0, reference=True), cycle.admitted(0), cycle.muted(0)),
    State.STOPPED: lambda cycle: cycle.stop(0),
}


@pytest.mark.parametrize(
    ("state", "told_as", "left"),
    [
        (State.NEW, "queued", None),
        (State.IDLE, "idle", None),
        (State.QUEUED, "queued", None),
        (State.PROBE, "probe", 4.0),
        (State.HOLD, "hold", 10.0),
        (State.WAIT, "wait", 7.0),
        (State.STOPPED, "idle", None),
    ],
)
def test_every_state_of_a_track_can_be_told(state: State, told_as: str, left: float | None) -> None:
    cycle = new_cycle()
    LIVES[state](cycle)
    assert cycle.state is state
    parts = Parts()
    parts.watch([track(cycle)])
    (told,) = account(parts).tracks
    assert (told.state, told.deadline_in) == (told_as, left)


def test_a_track_is_told_with_its_person_and_its_past() -> None:
    cycle = new_cycle()
    LIVES[State.HOLD](cycle)
    when = datetime(2025, 9, 25, 14, 7, 8, tzinfo=UTC)
    parts = Parts()
    parts.watch(
        [
            track(
                cycle,
                publication=SimpleNamespace(muted=True),
                last_outcome=Outcome.MATCH,
                last_check_at=when,
                last_match_at=when,
            )
        ]
    )
    (told,) = account(parts).tracks
    assert (told.track_sid, told.participant_id) == ("TR_1", "PA_1")
    assert (told.participant_identity, told.participant_name) == ("alice", "Alice")
    assert (told.muted, told.cycle_id, told.batches) == (True, "batch-1", 1)
    assert (told.last_outcome, told.last_check_at, told.last_match_at) == (Outcome.MATCH, when, when)


def test_a_deadline_that_has_passed_is_now() -> None:
    async def scenario() -> float | None:
        cycle = new_cycle()
        LIVES[State.WAIT](cycle)
        parts = Parts()
        parts.watch([track(cycle)])
        heart = parts.heart()
        await asyncio.sleep(60)
        return heart.account().tracks[0].deadline_in

    assert run(scenario()) == 0.0


def test_a_room_of_thousands_is_told_in_part_and_is_no_end() -> None:
    parts = Parts()
    parts.watch([track(new_cycle())] * 3000)
    assert len(account(parts).tracks) == MOST_TRACKS
