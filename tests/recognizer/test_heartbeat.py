"""When heartbeats are posted, and what their answers bring: in virtual time, to a stand-in for the web process."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from itertools import pairwise
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
from structlog.testing import capture_logs

from facematch.protocol.heartbeat import Heartbeat, LiveKitState, TrackStatus
from facematch.recognizer.delivery.api_client import Answer, ApiUnreachableError, as_json
from facematch.recognizer.delivery.understanding import Understanding
from facematch.recognizer.directions import Directions
from facematch.recognizer.heartbeat import Hearers, HeartbeatSender
from facematch.recognizer.room.cycle import CycleRules
from facematch.recognizer.wakeup import Wakeup
from tests.rig.virtual_time import now, run

if TYPE_CHECKING:
    from collections.abc import Sequence

RULES = CycleRules(
    batch_max_frames=5,
    hold_seconds=10.0,
    wait_seconds=7.0,
    batch_timeout_seconds=4.0,
    cooldown_seconds=3.0,
    threshold=0.5,
)
FINE = Answer(200, b'{"ok": true}')


class Api:
    """Stands in for the web process: says `answers` in turn, then that all is well."""

    def __init__(self, *answers: Answer | Exception) -> None:
        self._answers = list(answers)
        self.beats: list[float] = []
        self.bodies: list[dict[str, Any]] = []

    async def post(self, path: str, body: bytes, seconds: float) -> Answer:
        assert path == "/api/heartbeat"
        assert seconds <= 2.0
        self.beats.append(now())
        self.bodies.append(json.loads(body))
        answer = self._answers.pop(0) if self._answers else FINE
        if isinstance(answer, Exception):
            raise answer
        return answer


class Orders:
    """Stands in for what carries out orders, which has tests of its own."""

    def __init__(self) -> None:
        self.given: list[int] = []
        self.done: list[Any] = []

    async def carry_out(self, orders: Sequence[Any], _room: str) -> bool:
        new = [order.id.int for order in orders if order.id.int not in self.given]
        self.given += new
        return bool(new)


class Account:
    """Stands in for what is told, which has tests of its own."""

    def now(self) -> Heartbeat:
        return told()


class Follower:
    """Stands in for the gallery: hears which version is published."""

    def __init__(self) -> None:
        self.versions: list[int | None] = []

    def told(self, version: int | None) -> None:
        self.versions.append(version)


class Parts(SimpleNamespace):
    """What a sender is told about, each part as simple as it can be."""

    def __init__(self, api: Api | None = None) -> None:
        super().__init__(
            api=api or Api(),
            account=Account(),
            orders=Orders(),
            changed=Wakeup(),
            gallery=Follower(),
            understanding=Understanding(),
            directions=Directions(),
        )

    def sender(self) -> HeartbeatSender:
        hearers = Hearers(self.gallery, self.understanding, self.directions)
        return HeartbeatSender(self.api, self.account, self.orders, self.changed, hearers)


def told() -> Heartbeat:
    """A short account."""
    now = datetime.now(UTC)
    return Heartbeat(
        source="boot",
        room="a room",
        started_at=now,
        sent_at=now,
        livekit=LiveKitState.CONNECTED,
        settings=RULES.told(),
        tracks=[],
        counters={},
        cpu_seconds=0,
        cpu_ratio=0,
        memory_bytes=0,
        memory_ratio=0,
    )


async def beating(parts: Parts, seconds: float) -> list[float]:
    """The times of the beats within these seconds."""
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(seconds):
            await parts.sender().run()
    beats: list[float] = parts.api.beats
    return beats


def test_it_beats_every_two_seconds() -> None:
    assert run(beating(Parts(), 9)) == pytest.approx([0, 2, 4, 6, 8])


def test_what_the_web_process_takes_is_heard() -> None:
    knows = Answer(200, b'{"ok": true, "takes": ["match", "check", "watch", "of the future"]}')

    def taken(*answers: Answer) -> list[bool]:
        parts = Parts(Api(*answers))
        run(beating(parts, 1))
        return [parts.understanding.includes(type_) for type_ in ("match", "participant", "watch")]

    assert taken(knows) == [True, False, True]
    assert taken(Answer(200, b'{"ok": true}')) == [True, False, False]  # an older one
    assert taken(Answer(503, b"")) == [True, True, True]  # nobody knows yet


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


@pytest.mark.parametrize(("tracks", "apart"), [(0, 0.25), (100, 0.25), (300, 0.75), (2000, 2.0)])
def test_beats_with_many_tracks_are_fewer(tracks: int, apart: float) -> None:
    class Many(Account):
        def now(self) -> Heartbeat:
            status = TrackStatus(
                track_sid="TR", participant_id="PA", participant_identity="ann", participant_name="Ann", state="hold"
            )
            return told().model_copy(update={"tracks": [status] * tracks})

    async def scenario() -> list[float]:
        parts = Parts()
        parts.account = Many()
        for hundredth in range(1, 600):
            asyncio.get_running_loop().call_at(hundredth / 100, parts.changed.notify)
        return await beating(parts, 5.9)

    beats = run(scenario())
    assert beats == pytest.approx([apart * number for number in range(int(5.9 / apart) + 1)], abs=0.25)
    assert min(later - earlier for earlier, later in pairwise(beats)) >= apart - 0.0001


def test_a_change_during_a_post_is_not_missed() -> None:
    class Slow(Api):
        async def post(self, path: str, body: bytes, seconds: float) -> Answer:
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
        ApiUnreachableError("ConnectError"),
        ApiUnreachableError("TimeoutError"),
        Answer(500, b"<html>sorry</html>"),
        Answer(200, b""),
        Answer(200, b'{"ok": true, "orders": "all"}'),
        Answer(403, b'{"detail": "no", "code": "FORBIDDEN"}'),
        Answer(200, b"\xff\xfe"),
    ],
)
def test_no_trouble_with_the_web_process_ends_the_heartbeats(trouble: Answer | Exception) -> None:
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


def test_the_gallery_hears_which_version_is_published() -> None:
    async def scenario() -> list[int | None]:
        parts = Parts(Api(Answer(200, b'{"ok": true, "gallery_version": 7}'), Answer(200, b'{"ok": true}')))
        await beating(parts, 3)
        versions: list[int | None] = parts.gallery.versions
        return versions

    assert run(scenario()) == [7, None]


class Camera(Account):
    """Of Alice."""

    def now(self) -> Heartbeat:
        track = TrackStatus(
            track_sid="TR", participant_id="PA", participant_identity="alice", participant_name="Alice", state="hold"
        )
        return told().model_copy(update={"tracks": [track]})


def test_what_is_said_of_participants_is_heard_with_whom_was_named() -> None:
    said = {"ok": True, "bindings": {"alice": "p_1"}, "not_compared": [], "look_now": ["alice"]}
    parts = Parts(Api(Answer(200, json.dumps(said).encode())))
    parts.account = Camera()
    run(beating(parts, 1))
    directions = parts.directions
    assert directions.bound_person("alice") == "p_1"
    assert [directions.known("alice"), directions.known("bob")] == [True, False]
    assert directions.look_asked("alice") > 0


def lines_of(*answers: Answer | Exception) -> list[tuple[str, str]]:
    with capture_logs() as lines:
        run(beating(Parts(Api(*answers)), 2 * len(answers)))
    return [(line["log_level"], line["event"]) for line in lines if line["log_level"] != "debug"]


@pytest.mark.parametrize(
    ("status", "level", "words"),
    [
        (401, "error", "RECOGNIZER_KEY"),
        (403, "error", "RECOGNIZER_KEY"),
        (413, "warning", "of this size"),
        (422, "warning", "offline"),
        (500, "warning", "offline"),
    ],
)
def test_a_refusal_is_told_once_and_once_more_when_it_comes_back(status: int, level: str, words: str) -> None:
    no = Answer(status, b"no")
    told_once = lines_of(no, no, no)
    assert [line[0] for line in told_once] == [level]
    assert words in told_once[0][1]
    assert lines_of(no, FINE, no) == told_once * 2
    assert lines_of(FINE, FINE) == []


class Crowd(Account):
    """Many tracks, with long names."""

    def now(self) -> Heartbeat:
        name = "李" * 500
        one = TrackStatus(
            track_sid="TR_1", participant_id="PA_1", participant_identity=name, participant_name=name, state="hold"
        )
        return told().model_copy(update={"tracks": [one] * 2000})


def test_an_api_that_takes_less_is_told_less_and_that_is_said() -> None:
    class Small(Api):
        async def post(self, path: str, body: bytes, seconds: float) -> Answer:
            await super().post(path, body, seconds)
            return FINE if len(body) <= 1_000_000 else Answer(413, b"too large")

    parts = Parts(Small())
    parts.account = Crowd()
    with capture_logs() as lines:
        run(beating(parts, 8))
    sizes = [len(as_json(body)) for body in parts.api.bodies]
    assert [size > 1_000_000 for size in sizes] == [True, True, True, False]
    assert all(body["tracks_untold"] + len(body["tracks"]) == 2000 for body in parts.api.bodies)
    warnings = [line["event"] for line in lines if line["log_level"] == "warning"]
    assert [("of this size" in line, "Not all tracks" in line) for line in warnings] == [(False, True), (True, False)]
