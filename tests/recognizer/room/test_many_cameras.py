"""Many cameras share the slots and the processor: who waits for whom, with stand-ins for LiveKit and in virtual time.

A camera's first picture comes some time after it was asked for, or never; pictures cost the two threads of the engine a
fixed time each. So every figure here is exact, and the same every time.
"""

from __future__ import annotations

import asyncio
import math
from dataclasses import dataclass, field
from itertools import pairwise
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pytest
from livekit import rtc

from facematch.faces.attention import Extent
from facematch.faces.engine import Sight
from facematch.faces.reference import ReferenceSet
from facematch.protocol.events import Outcome
from facematch.recognizer.batch_slots import MOST_CROWDED, BatchSlots
from facematch.recognizer.room import forwarding, probe
from facematch.recognizer.room.attendance import Attendance
from facematch.recognizer.room.cooldowns import Cooldowns
from facematch.recognizer.room.cycle import CycleRules, ReportCheck, State
from facematch.recognizer.room.frames import Picture
from facematch.recognizer.room.pauses import Pauses
from facematch.recognizer.room.room import RoomWatch
from facematch.recognizer.shared import TrackLimits
from tests.rig.attendance import Told
from tests.rig.embeddings import axis, face
from tests.rig.fake_room import Room, publication
from tests.rig.stand_ins import StandInReferences, engine, shared
from tests.rig.virtual_time import now, run

if TYPE_CHECKING:
    from collections.abc import Callable

    from facematch.faces.detector import Pixels
    from facematch.recognizer.room.frames import Selection
    from facematch.recognizer.room.subject import Subject

RULES = CycleRules(
    batch_max_frames=5,
    hold_seconds=10.0,
    wait_seconds=10.0,
    batch_timeout_seconds=10.0,
    cooldown_seconds=3.0,
    threshold=0.5,
)
SLOTS = 8
THREADS = 2
FRAME_SECONDS = 0.1
NEVER = math.inf


@dataclass
class Camera:
    """`latency`: seconds from asking for its pictures to the first; `pictures`: how many it sends before it stalls."""

    name: str
    latency: float = 0.3
    pictures: float = math.inf
    distance: float = 0.3
    published: float = 0.0
    checks: list[tuple[float, Outcome]] = field(default_factory=list)
    asked: float = 0.0
    decoded: int = 0

    @property
    def first(self) -> float:
        """Seconds from publishing to the first Check."""
        return self.checks[0][0] - self.published

    @property
    def gaps(self) -> list[float]:
        return [later - earlier for (earlier, _), (later, _) in pairwise(self.checks)]


class Hall:
    """A room full of cameras and the watch over it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, slots: int = SLOTS, look_seconds: float = 0.03) -> None:
        self.room = Room()
        self.cameras: dict[str, Camera] = {}
        self.slots = BatchSlots(slots)
        self.open = 0
        self.most_open = 0
        self._look_seconds = look_seconds
        monkeypatch.setattr(probe, "FrameStream", self._stream())
        monkeypatch.setattr(forwarding, "subscribe", lambda camera, _width: camera.set_subscribed(True))
        monkeypatch.setattr(forwarding, "pause", lambda _: None)
        monkeypatch.setattr(forwarding, "resume", lambda camera, _width: self._resumed(camera.sid))
        self._threads = asyncio.Semaphore(THREADS)
        self._engine = engine(look=self._look)
        self.watch = RoomWatch(
            cast("rtc.Room", self.room),
            RULES,
            Cooldowns(0.0),
            Pauses(),
            shared(
                engine=self._engine,
                references=StandInReferences(ReferenceSet("r", axis(0)[np.newaxis])),
                slots=self.slots,
                limits=TrackLimits(per_participant=100, per_room=500),
            ),
            cast(
                "Any",
                SimpleNamespace(room="a room", match=self._match, check=self._check, attendance=Attendance(Told())),
            ),
        )

    def publish(self, camera: Camera, *, whose: str | None = None) -> Camera:
        camera.published = now()
        self.cameras[camera.name] = camera
        made = publication(camera.name)
        made.width = 160

        def set_subscribed(wanted: bool) -> None:
            made.track = SimpleNamespace(camera=camera) if wanted else None
            self._resumed(camera.name)
            self.room.emit("track_subscribed" if wanted else "track_unsubscribed", made.track, made, None)

        made.set_subscribed = set_subscribed
        identity = whose or camera.name
        if identity in self.room.remote_participants:
            self.room.remote_participants[identity].track_publications[made.sid] = made
            self.room.emit("track_published")
        else:
            self.room.joins(identity, made)
        return camera

    def states(self) -> dict[str, State]:
        return {watch.publication.sid: watch.cycle.state for watch in self.watch.tracks}

    def run(self, live: Callable[[], Any]) -> None:
        async def scenario() -> None:
            watching = asyncio.create_task(self.watch.run())
            await live()
            self.room.emit("disconnected", rtc.DisconnectReason.SERVER_SHUTDOWN)
            await watching

        run(scenario())

    def _resumed(self, name: str) -> None:
        self.cameras[name].asked = now()

    def _stream(self) -> type:
        hall = self

        class Stream:
            """Stands for `FrameStream`; counts as open while pictures come, for then it costs something."""

            def __init__(
                self, track: Any, selection: Selection, arrived: Callable[[], None], enough: Callable[[int], bool]
            ) -> None:
                self._kept: list[Picture] = []
                self._selection = selection
                self._enough = enough
                self.too_large = False
                self._pump = asyncio.create_task(self._run(track.camera, arrived))

            async def _run(self, camera: Camera, arrived: Callable[[], None]) -> None:
                await asyncio.sleep(max(0.0, camera.asked + min(camera.latency, 1e6) - now()))
                hall.open += 1
                hall.most_open = max(hall.most_open, hall.open)
                try:
                    await self._receive(camera, arrived)
                finally:
                    hall.open -= 1

            async def _receive(self, camera: Camera, arrived: Callable[[], None]) -> None:
                sent, enough = 0, False
                while sent < camera.pictures and not enough:
                    sent += 1
                    camera.decoded += 1
                    if self._selection.wants(160, now()):
                        self._selection.count(now())
                        pixels = np.full((120, 160, 3), round(camera.distance * 100), np.uint8)
                        self._kept.append(Picture(pixels, now()))
                        enough = self._enough(len(self._kept))
                    arrived()
                    await asyncio.sleep(0 if enough else FRAME_SECONDS)

            @property
            def over(self) -> bool:
                return self._pump.done() and not self._kept

            def ready(self) -> bool:
                return bool(self._kept)

            def take(self) -> Picture | None:
                return self._kept.pop(0) if self._kept else None

            async def aclose(self) -> None:
                self._pump.cancel()

        return Stream

    async def _look(self, pixels: Pixels, *_: object, **__: object) -> Sight:
        async with self._threads:
            self._engine.busy = self._threads.locked()
            await asyncio.sleep(self._look_seconds)
        self._engine.busy = self._threads.locked()
        return Sight((face(axis(pixels[0, 0, 0] / 100)),), Extent.WHOLE, (), cast("Any", None))

    async def _match(self, *_: object, **__: object) -> None: ...

    async def _check(self, subject: Subject, report: ReportCheck, *_: object) -> None:
        self.cameras[subject.track_sid].checks.append((now(), report.outcome))


def alone(monkeypatch: pytest.MonkeyPatch, camera: Camera) -> Camera:
    """The same camera in a room of its own."""
    hall = Hall(monkeypatch)

    async def live() -> None:
        hall.publish(camera)
        await asyncio.sleep(60.0)

    hall.run(live)
    return camera


@pytest.mark.parametrize("slots", [2, 8])
@pytest.mark.parametrize("good", [Camera("good"), Camera("good", distance=0.9, latency=1.5)], ids=["held", "stranger"])
def test_a_hundred_silent_cameras_delay_nobody(monkeypatch: pytest.MonkeyPatch, slots: int, good: Camera) -> None:
    lone = alone(monkeypatch, Camera(good.name, good.latency, distance=good.distance))
    hall = Hall(monkeypatch, slots=slots)
    silent = [Camera(f"silent-{number}", NEVER) for number in range(100)]

    async def live() -> None:
        for camera in silent:
            hall.publish(camera)
            await asyncio.sleep(0.4 if slots == 2 else 0.05)
        hall.publish(good)
        await asyncio.sleep(180.0)

    good.checks.clear()
    hall.run(live)
    assert good.first <= min(2.0, lone.first + 0.5)
    assert max(good.gaps) <= 1.15 * max(lone.gaps)
    assert {outcome for camera in silent for _, outcome in camera.checks} == {Outcome.NO_FRAMES}
    assert all(min(camera.gaps[2:]) >= 39.9 for camera in silent)  # they are asked less often


def test_who_finds_a_room_full_of_silent_cameras_is_soon_through_with_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """The recognizer comes when they are all there, and knows none of them: each is waited for a second, 28 at once."""
    hall = Hall(monkeypatch)

    async def live() -> None:
        for number in range(100):
            hall.publish(Camera(f"silent-{number}", NEVER))
        hall.publish(Camera("good"))
        await asyncio.sleep(60.0)

    hall.run(live)
    good = hall.cameras["good"]
    assert good.first <= 4.0
    assert max(good.gaps) <= 11.0


def test_three_hundred_held_cameras_are_looked_at_on_time(monkeypatch: pytest.MonkeyPatch) -> None:
    hall = Hall(monkeypatch, look_seconds=0.02)

    async def live() -> None:
        for number in range(300):
            hall.publish(Camera(f"held-{number}", latency=0.1 + number % 10 / 11))
        await asyncio.sleep(40.0)

    hall.run(live)
    gaps = sorted(gap for camera in hall.cameras.values() for gap in camera.gaps[1:])  # they all begin at once
    assert len(gaps) >= 300 * 2
    assert gaps[len(gaps) * 95 // 100] <= 11.2  # 10 s, the wait for the first picture of up to 0.9, and a look
    assert hall.most_open <= SLOTS * MOST_CROWDED


def test_where_looking_takes_long_nothing_is_decoded_that_is_not_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    hall = Hall(monkeypatch, look_seconds=0.2)

    async def live() -> None:
        for number in range(60):
            hall.publish(Camera(f"held-{number}"))
            hall.publish(Camera(f"stranger-{number}", distance=0.9))
        await asyncio.sleep(300.0)

    hall.run(live)
    for camera in hall.cameras.values():
        assert {outcome for _, outcome in camera.checks} == {
            Outcome.MATCH if camera.name.startswith("held") else Outcome.NO_MATCH
        }
        batches = len(camera.checks) + 1
        assert camera.decoded <= (5 * batches if camera.name.startswith("stranger") else batches + 5)


def test_a_held_camera_that_was_known_at_first_sight_sends_one_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    hall = Hall(monkeypatch, look_seconds=0.35)
    decoded: list[int] = []

    async def live() -> None:
        camera = hall.publish(Camera("held"))
        for _ in range(4):
            await asyncio.sleep(9.0 if not decoded else 10.65)
            decoded.append(camera.decoded)

    hall.run(live)
    first, *later = (after - before for before, after in pairwise([0, *decoded]))
    assert first > 1  # nobody knew
    assert later == [1, 1, 1]


def test_a_held_camera_whose_first_picture_does_not_do_is_looked_at_further(monkeypatch: pytest.MonkeyPatch) -> None:
    hall = Hall(monkeypatch, look_seconds=0.2)

    async def live() -> None:
        for number in range(40):
            hall.publish(Camera(f"held-{number}"))
        await asyncio.sleep(60.0)
        for camera in hall.cameras.values():
            camera.checks.clear()
            camera.distance, camera.decoded = 0.9, 0  # somebody else
        await asyncio.sleep(50.0)

    hall.run(live)
    for camera in hall.cameras.values():
        assert Outcome.NO_MATCH in {outcome for _, outcome in camera.checks}
        assert camera.decoded >= 5


def test_pictures_that_come_late_and_all_at_once_are_stopped_and_asked_for_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hall = Hall(monkeypatch, slots=2, look_seconds=0.5)
    queued: list[int] = []

    async def live() -> None:
        for number in range(40):
            hall.publish(Camera(f"late-{number}", latency=0.0))
        for camera in hall.cameras.values():
            camera.latency = 3.0 if camera.name != "late-0" else 0.3
        await asyncio.sleep(3.2)
        queued.append(sum(state is State.QUEUED for state in hall.states().values()))
        for camera in hall.cameras.values():
            camera.latency = 0.3
        await asyncio.sleep(40.0)

    hall.run(live)
    assert hall.most_open <= 2 * MOST_CROWDED + 1  # the one that is stopped has begun to come
    assert queued[0] >= 1
    assert {outcome for camera in hall.cameras.values() for _, outcome in camera.checks} == {Outcome.MATCH}
    assert max(camera.first for camera in hall.cameras.values()) <= 20.0  # 40 looks of half a second, by two threads


def test_a_camera_that_stalls_in_the_middle_of_a_batch_keeps_nobody_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    hall = Hall(monkeypatch, slots=1)

    async def live() -> None:
        hall.publish(Camera("stalls", pictures=2, distance=0.9))
        await asyncio.sleep(0.5)
        hall.publish(Camera("good"))
        await asyncio.sleep(15.0)

    hall.run(live)
    stalls, good = hall.cameras["stalls"], hall.cameras["good"]
    assert good.first <= 1.5
    assert stalls.checks == [(10.0, Outcome.NO_MATCH)]


@pytest.mark.parametrize("look_seconds", [0.15, 0.2, 0.3])
def test_many_tracks_of_one_participant_delay_nobody_else(monkeypatch: pytest.MonkeyPatch, look_seconds: float) -> None:
    hall = Hall(monkeypatch, look_seconds=look_seconds)

    async def live() -> None:
        for number in range(80):
            hall.publish(Camera(f"mallory-{number}", distance=0.9), whose="mallory")
        await asyncio.sleep(5.0)
        hall.publish(Camera("good"))
        await asyncio.sleep(60.0)

    hall.run(live)
    good = hall.cameras["good"]
    assert good.first <= 2.0
    assert max(good.gaps) <= 12.5
