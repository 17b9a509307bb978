"""The signal connection breaks and is resumed, with the same tracks. The stand-ins for the SDK and the server do what
the real ones were seen to do; `tests/e2e/test_resumed.py` has the real ones.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from itertools import pairwise
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pytest
from livekit import rtc
from structlog.testing import capture_logs

from facematch.faces.attention import Extent
from facematch.faces.engine import Sight
from facematch.faces.reference import ReferenceSet
from facematch.protocol.events import Outcome
from facematch.recognizer.room import forwarding, probe
from facematch.recognizer.room.attendance import Attendance
from facematch.recognizer.room.cooldowns import Cooldowns
from facematch.recognizer.room.cycle import CycleRules, ReportCheck
from facematch.recognizer.room.frames import Picture
from facematch.recognizer.room.pauses import Pauses
from facematch.recognizer.room.room import RoomWatch
from tests.rig.attendance import Told
from tests.rig.embeddings import axis, face
from tests.rig.fake_room import Room, publication
from tests.rig.stand_ins import StandInReferences, engine, shared
from tests.rig.virtual_time import now, run

if TYPE_CHECKING:
    from collections.abc import Callable

    from facematch.recognizer.room.frames import Selection

RULES = CycleRules(
    batch_max_frames=2,
    hold_seconds=10.0,
    wait_seconds=10.0,
    batch_timeout_seconds=4.0,
    cooldown_seconds=3.0,
    threshold=0.5,
)
SOON = 0.3
"""Seconds from a subscription to its track."""

CLOSING = 1.0
"""Seconds that closing a stream takes at most."""


class Sfu:
    """One camera as the SDK and the server know it.

    While the signal connection is away, requests are kept and reach the server together. To unsubscribe is confirmed by
    the SDK itself, at once; a subscription that the server never ended is not delivered a second time.
    """

    def __init__(self, room: Room) -> None:
        self.room = room
        self.camera = publication("TR_1")
        self.camera.width = 160
        self.camera.set_subscribed = self.set_subscribed
        self.connected = True
        self.flows = False
        self.flowing = True
        """Whether the camera sends anything."""
        self.too_large = False
        """Whether its frames are."""
        self.loses_the_answer = False
        """Whether the next break comes while a subscription is agreed on: nothing will ever come of that one."""
        self._lost = False
        self._kept: list[bool] = []
        self._subscribed = False
        self._disabled: dict[str, bool] = {}
        """Which the server keeps from one subscription of a track to the next."""

    def set_subscribed(self, wanted: bool) -> None:
        if not wanted:
            self.flows, self.camera.track = False, None
            self.room.emit("track_unsubscribed", None, self.camera, None)
        self._kept.append(wanted)
        if self.connected:
            self._hand_over()

    def pause(self, _camera: object) -> None:
        self.flows, self._disabled[self.camera.sid] = False, True

    def resume(self, camera: Any, _width: int) -> None:
        self.flows = camera.track is not None and not self._lost
        asyncio.get_running_loop().call_later(0.01, self._send_settings)

    def _send_settings(self) -> None:
        """As they are when they are sent: what has no track by then is said to be disabled."""
        self._disabled[self.camera.sid] = not (self.flows or self._lost)

    async def breaks(self, seconds: float, *, unnoticed: float = 0.0) -> None:
        self.connected = False
        self._lost = self.loses_the_answer
        self.flows = self.flows and not self._lost
        await asyncio.sleep(unnoticed)
        self.room.emit("reconnecting")
        await asyncio.sleep(seconds)
        self.connected = True
        asyncio.get_running_loop().call_later(0.05, self._hand_over)  # with what is asked for on `reconnected`
        self.room.emit("reconnected")

    def _hand_over(self) -> None:
        last = self._kept[-1] if self._kept else self._subscribed
        self._kept.clear()
        if last and not self._subscribed:
            asyncio.get_running_loop().call_later(SOON, self._deliver)
        if not last:
            self.flows = self._lost = False
        self._subscribed = last

    def _deliver(self) -> None:
        self.flows, self.camera.track = not self._disabled.get(self.camera.sid, False), object()
        self.room.emit("track_subscribed", self.camera.track, self.camera, None)


def stream_of(sfu: Sfu, closing: float) -> type:
    """Stands for `FrameStream`: a frame every tenth of a second while any flow; `closing`: how long its end takes."""

    class Stream:
        def __init__(self, _track: object, selection: Selection, arrived: Callable[[], None], _enough: object) -> None:
            self._pump = asyncio.create_task(self._run(arrived))
            self._selection = selection
            self._newest: Picture | None = None
            self.too_large = False

        async def _run(self, arrived: Callable[[], None]) -> None:
            while True:
                await asyncio.sleep(0.1)
                if sfu.flows and sfu.flowing:
                    self.too_large = sfu.too_large
                    self._newest = Picture(np.full((120, 160, 3), 99, np.uint8), now())
                    arrived()

        over = False

        def ready(self) -> bool:
            return self._newest is not None or self.too_large

        def take(self) -> Picture | None:
            newest, self._newest = self._newest, None
            if self.too_large or newest is None or not self._selection.wants(160, newest.at):
                return None
            self._selection.count(newest.at)
            return newest

        async def aclose(self) -> None:
            self._pump.cancel()
            await asyncio.sleep(closing)

    return Stream


class Scene:
    """A room with one camera in front of one face, `distance` from the reference; `told` is what was reported."""

    def __init__(
        self,
        monkeypatch: pytest.MonkeyPatch,
        *,
        closing: float = 0.0,
        cooldown: float = 0.0,
        rules: CycleRules = RULES,
    ) -> None:
        self.room = Room()
        self.sfu = Sfu(self.room)
        self.room.joins("alice", self.sfu.camera)
        self.distance = 0.3
        self.looking_seconds = 0.03
        self.told: list[tuple[float, Outcome]] = []
        self.matches: list[float] = []
        self.references = StandInReferences(ReferenceSet("r", axis(0)[np.newaxis]))

        monkeypatch.setattr(probe, "FrameStream", stream_of(self.sfu, closing))
        monkeypatch.setattr(forwarding, "subscribe", lambda camera, _width: camera.set_subscribed(True))
        monkeypatch.setattr(forwarding, "pause", self.sfu.pause)
        monkeypatch.setattr(forwarding, "resume", self.sfu.resume)
        self.watch = RoomWatch(
            cast("rtc.Room", self.room),
            rules,
            Cooldowns(cooldown),
            Pauses(),
            shared(engine=engine(look=self._look), references=self.references),
            cast(
                "Any",
                SimpleNamespace(room="a room", match=self._match, check=self._check, attendance=Attendance(Told())),
            ),
        )

    def run(self, live: Callable[[], Any]) -> None:
        """Run `live` beside the watch, and end the watch after it."""

        async def scenario() -> None:
            watching = asyncio.create_task(self.watch.run())
            await live()
            self.room.emit("disconnected", rtc.DisconnectReason.SERVER_SHUTDOWN)
            await watching

        run(scenario())

    def removes_the_reference(self) -> None:
        self.references.current = None
        self.references.say_that_it_changed()

    async def _look(self, *_: object, **__: object) -> Sight:
        await asyncio.sleep(self.looking_seconds)
        return Sight((face(axis(self.distance)),), Extent.WHOLE, (), cast("Any", None))

    async def _match(self, *_: object, **__: object) -> None:
        self.matches.append(round(now(), 2))

    async def _check(self, _subject: object, report: ReportCheck, *_: object) -> None:
        self.told.append((round(now(), 2), report.outcome))


@pytest.mark.parametrize("away", [0.01, 0.5, 3.0])
def test_who_was_in_hold_is_matched_again_at_once_and_then_as_before(
    monkeypatch: pytest.MonkeyPatch, away: float
) -> None:
    scene = Scene(monkeypatch)

    async def live() -> None:
        await asyncio.sleep(3.0)
        assert scene.told == [(0.43, Outcome.MATCH)]
        await scene.sfu.breaks(away)
        await asyncio.sleep(15.0)

    scene.run(live)
    assert [outcome for _, outcome in scene.told] == [Outcome.MATCH] * 3
    assert scene.told[1][0] <= 3.0 + away + 0.5
    assert scene.told[2][0] - scene.told[1][0] == pytest.approx(RULES.hold_seconds, abs=0.5)


@pytest.mark.parametrize("away", [0.01, 0.5, 3.0])
def test_who_was_in_a_batch_is_matched_in_the_next(monkeypatch: pytest.MonkeyPatch, away: float) -> None:
    scene = Scene(monkeypatch, closing=CLOSING)
    scene.looking_seconds = 1.5

    async def live() -> None:
        await asyncio.sleep(SOON + 0.5)
        assert scene.watch.tracks[0].cycle.state == "probe"
        await scene.sfu.breaks(away)
        await asyncio.sleep(CLOSING + 0.1)
        assert scene.watch.tracks[0].cycle.state == "probe"
        assert scene.sfu.flows  # what ends the batch of before did not stop this one
        await asyncio.sleep(5.0)

    scene.run(live)
    assert [outcome for _, outcome in scene.told] == [Outcome.MATCH]


@pytest.mark.parametrize("away", [0.01, 0.5, 3.0])
def test_a_camera_whose_subscription_is_lost_with_the_connection_is_asked_for_again_in_the_same_batch(
    monkeypatch: pytest.MonkeyPatch, away: float
) -> None:
    scene = Scene(monkeypatch)
    scene.looking_seconds = 1.5

    async def live() -> None:
        await asyncio.sleep(SOON + 0.5)
        assert scene.watch.tracks[0].cycle.state == "probe"
        scene.sfu.loses_the_answer = True
        await scene.sfu.breaks(away)
        await asyncio.sleep(RULES.batch_timeout_seconds + 2.0)

    scene.run(live)
    assert [outcome for _, outcome in scene.told] == [Outcome.MATCH]


@pytest.mark.parametrize("timeout", [1.0, 2.0, 2.2])
def test_where_there_is_no_time_to_ask_again_the_batch_says_that_no_picture_came(
    monkeypatch: pytest.MonkeyPatch, timeout: float
) -> None:
    scene = Scene(monkeypatch, rules=replace(RULES, batch_timeout_seconds=timeout))

    async def live() -> None:
        await asyncio.sleep(3.0)
        scene.sfu.loses_the_answer = True
        await scene.sfu.breaks(0.5)
        await asyncio.sleep(timeout + 1.0)
        assert [outcome for _, outcome in scene.told] == [Outcome.MATCH, Outcome.NO_FRAMES]
        await asyncio.sleep(RULES.wait_seconds)

    scene.run(live)
    assert scene.told[-1][1] is Outcome.MATCH


def test_a_camera_that_sends_nothing_is_asked_for_again_once_after_a_break(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = Scene(monkeypatch)
    asked: list[float] = []

    def subscribe(camera: Any, _width: int) -> None:
        asked.append(now())
        camera.set_subscribed(True)

    monkeypatch.setattr(forwarding, "subscribe", subscribe)

    async def live() -> None:
        await asyncio.sleep(3.0)
        monkeypatch.setattr(scene.sfu, "flowing", False)
        await scene.sfu.breaks(0.5)
        await asyncio.sleep(RULES.batch_timeout_seconds + RULES.wait_seconds / 2)

    scene.run(live)
    assert [outcome for _, outcome in scene.told] == [Outcome.MATCH, Outcome.NO_FRAMES]
    assert len(asked) == 2


@pytest.mark.parametrize("away", [0.01, 0.5])
def test_who_was_about_to_be_subscribed_is_matched(monkeypatch: pytest.MonkeyPatch, away: float) -> None:
    scene = Scene(monkeypatch)

    async def live() -> None:
        await asyncio.sleep(SOON / 2)
        await scene.sfu.breaks(away)
        await asyncio.sleep(2.0)

    scene.run(live)
    assert [outcome for _, outcome in scene.told] == [Outcome.MATCH]


def test_a_match_that_was_decided_and_not_told_any_more_is_told_by_the_next_batch(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scene = Scene(monkeypatch, closing=CLOSING, cooldown=3600.0)

    async def live() -> None:
        await asyncio.sleep(0.8)  # matched, and its stream is being closed
        assert (scene.watch.tracks[0].cycle.state, scene.matches) == ("hold", [])
        await scene.sfu.breaks(0.5)
        await asyncio.sleep(30.0)

    scene.run(live)
    assert len(scene.matches) == 1
    assert [outcome for _, outcome in scene.told] == [Outcome.MATCH] * 3


def test_who_was_in_wait_is_looked_at_again(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = Scene(monkeypatch)
    scene.distance = 0.9

    async def live() -> None:
        await asyncio.sleep(3.0)
        await scene.sfu.breaks(0.5)
        await asyncio.sleep(2.0)

    scene.run(live)
    assert [outcome for _, outcome in scene.told] == [Outcome.NO_MATCH] * 2


def test_who_was_given_back_at_that_moment_is_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """The server hears of it together with the next subscription, and takes that for the former one."""
    scene = Scene(monkeypatch)
    scene.distance = 0.9

    async def live() -> None:
        await asyncio.sleep(SOON + 0.2)
        await scene.sfu.breaks(0.5, unnoticed=0.5)
        assert [outcome for _, outcome in scene.told] == [Outcome.NO_MATCH]
        await asyncio.sleep(RULES.batch_timeout_seconds)

    scene.run(live)
    assert [outcome for _, outcome in scene.told] == [Outcome.NO_MATCH] * 2


def test_a_camera_that_was_off_in_hold_is_looked_at_when_it_is_on_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is resumed and given back in one moment, and of that the server hears the latter only."""
    scene = Scene(monkeypatch)

    async def live() -> None:
        await asyncio.sleep(3.0)
        scene.sfu.camera.muted = True
        await asyncio.sleep(RULES.hold_seconds)
        assert [outcome for _, outcome in scene.told] == [Outcome.MATCH, Outcome.MUTED]
        scene.sfu.camera.muted = False
        await asyncio.sleep(RULES.wait_seconds)

    scene.run(live)
    assert scene.told[-1][1] is Outcome.MATCH


def test_nothing_flows_while_livekit_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = Scene(monkeypatch)
    scene.looking_seconds = 1.0

    async def live() -> None:
        await asyncio.sleep(SOON + 0.5)
        flowed = [scene.sfu.flows]
        breaking = asyncio.create_task(scene.sfu.breaks(2.0))
        await asyncio.sleep(0.1)
        flowed.append(scene.sfu.flows)
        assert flowed == [True, False]
        assert scene.sfu.camera.track is not None
        await breaking

    scene.run(live)


def test_who_publishes_anew_or_comes_back_sits_out_the_rest_of_the_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = Scene(monkeypatch)

    def brings_back(*, rejoins: bool) -> None:
        scene.sfu.set_subscribed(False)
        if rejoins:
            scene.room.leaves("alice")
        anew = publication(f"TR_{now():.0f}")
        anew.width, anew.set_subscribed = 160, scene.sfu.set_subscribed
        scene.sfu.camera = anew
        if rejoins:
            scene.room.joins("alice", anew)
        else:
            scene.room.remote_participants["alice"].track_publications = {anew.sid: anew}
            scene.room.emit("track_published")

    async def live() -> None:
        for number in range(60):  # one and a half minutes of it
            await asyncio.sleep(1.5)
            brings_back(rejoins=number % 2 == 0)

    scene.run(live)
    times = [when for when, _ in scene.told]
    assert 6 <= len(times) <= 90 / RULES.hold_seconds + 1
    assert min(later - earlier for earlier, later in pairwise(times)) >= RULES.hold_seconds


def test_a_batch_that_is_cut_off_by_publishing_anew_is_followed_by_a_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = Scene(monkeypatch)
    scene.looking_seconds = 1.0

    async def live() -> None:
        await asyncio.sleep(1.0)
        assert scene.watch.tracks[0].cycle.state == "probe"
        anew = publication("TR_2")
        anew.width, anew.set_subscribed = 160, scene.sfu.set_subscribed
        scene.sfu.set_subscribed(False)
        scene.sfu.camera = anew
        scene.room.remote_participants["alice"].track_publications = {"TR_2": anew}
        scene.room.emit("track_published")
        await asyncio.sleep(1.0)
        (watch,) = scene.watch.tracks
        assert (watch.publication.sid, watch.cycle.state, watch.cycle.deadline) == ("TR_2", "wait", RULES.wait_seconds)

    scene.run(live)


def test_a_track_that_livekit_does_not_give_is_asked_for_twice_and_then_said_to_be_denied(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scene = Scene(monkeypatch)
    asked: list[float] = []
    monkeypatch.setattr(forwarding, "subscribe", lambda *_: asked.append(round(now(), 1)))

    async def live() -> None:
        with capture_logs() as lines:
            await asyncio.sleep(40.0)
        assert [(line["event"].partition(":")[0]) for line in lines if line["log_level"] == "warning"] == [
            "Track is not looked at"
        ]

    scene.run(live)
    timeout = RULES.batch_timeout_seconds
    assert scene.told == [(timeout, Outcome.DENIED), (2 * timeout + RULES.wait_seconds, Outcome.DENIED)]
    assert asked == [0.0, 2.5, 14.0, 16.5, 38.0]  # the second pause is twice as long


def test_an_encrypted_track_is_not_asked_for_and_is_said_so_once(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = Scene(monkeypatch)
    scene.sfu.camera.encryption_type = rtc.EncryptionType.GCM
    asked: list[float] = []
    monkeypatch.setattr(forwarding, "subscribe", lambda *_: asked.append(now()))

    async def live() -> None:
        with capture_logs() as lines:
            await asyncio.sleep(35.0)
        (line,) = [line for line in lines if line["log_level"] == "warning"]
        assert "encrypted" in line["event"]
        assert (line["track"], line["identity"]) == ("TR_1", "alice")
        assert scene.watch.tracks[0].last_outcome is Outcome.ENCRYPTED

    scene.run(live)
    assert scene.told == [(0.0, Outcome.ENCRYPTED), (10.0, Outcome.ENCRYPTED), (30.0, Outcome.ENCRYPTED)]
    assert asked == []


def test_a_frame_that_is_larger_than_was_said_ends_its_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = Scene(monkeypatch)
    looked: list[object] = []
    scene.sfu.too_large = True
    monkeypatch.setattr(scene.watch._shared.engine, "look", lambda *_, **__: looked.append(None))

    async def live() -> None:
        await asyncio.sleep(3.0)

    scene.run(live)
    assert [outcome for _, outcome in scene.told] == [Outcome.TOO_LARGE]
    assert looked == []
    assert scene.sfu.camera.track is None


def test_a_reference_that_goes_meanwhile_gives_the_track_back(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = Scene(monkeypatch)

    async def live() -> None:
        await asyncio.sleep(3.0)
        breaking = asyncio.create_task(scene.sfu.breaks(0.5))
        await asyncio.sleep(0.1)
        scene.removes_the_reference()
        await breaking
        await asyncio.sleep(1.0)
        assert scene.sfu.camera.track is None
        assert scene.watch.tracks[0].cycle.state == "idle"

    scene.run(live)
    assert scene.told[-1][1] is Outcome.NO_REFERENCE
