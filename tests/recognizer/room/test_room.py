"""The choice of tracks and the bookkeeping around them, with stand-ins for the room. What a track then does, and what
LiveKit really says, is proven end to end.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import pytest
from livekit import rtc
from structlog.testing import capture_logs

from facematch.protocol.attributes import COMPARED, CONSENT, GIVEN, NO
from facematch.protocol.heartbeat import HeartbeatAnswer
from facematch.recognizer.counters import Counters
from facematch.recognizer.directions import Directions
from facematch.recognizer.room.admission import FIRST_WORD_SECONDS
from facematch.recognizer.room.attendance import Attendance
from facematch.recognizer.room.cooldowns import Cooldowns
from facematch.recognizer.room.cycle import CycleRules, ReportCheck
from facematch.recognizer.room.pauses import Pauses
from facematch.recognizer.room.room import RESTART_SECONDS, RoomWatch
from facematch.recognizer.shared import TrackLimits
from tests.rig.attendance import Told
from tests.rig.fake_room import AUDIO, CAMERA, STANDARD, VIDEO, Room, publication
from tests.rig.stand_ins import StandInReferences, shared
from tests.rig.virtual_time import now, run

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import SimpleNamespace

RULES = CycleRules(
    batch_max_frames=5,
    hold_seconds=10.0,
    wait_seconds=7.0,
    batch_timeout_seconds=4.0,
    cooldown_seconds=3.0,
    threshold=0.5,
)


class Reporter(Told):
    """Takes Checks; `fails` says for which tracks it raises."""

    def __init__(self) -> None:
        super().__init__()
        self.room = "a room"
        self.fails: set[str] = set()
        self.checks: list[tuple[str, float]] = []
        self.attendance = Attendance(self)

    async def check(self, subject: Any, report: ReportCheck, *_: object) -> None:
        self.checks.append((subject.track_sid, now()))
        if subject.track_sid in self.fails:
            raise ZeroDivisionError


class Scene:
    """A room without a reference: its tracks say so, and idle."""

    def __init__(
        self, cooldowns: Cooldowns | None = None, directions: Directions | None = None, *, consent: bool = False
    ) -> None:
        self.room = Room()
        self.reporter = Reporter()
        self.counters = Counters()
        self.references = StandInReferences()
        limits = TrackLimits(per_participant=3, per_room=5)
        common = replace(
            shared(counters=self.counters, limits=limits, references=self.references, directions=directions),
            consent_required=consent,
        )
        self.watch = RoomWatch(
            cast("rtc.Room", self.room),
            RULES,
            cooldowns or Cooldowns(3.0),
            Pauses(),
            common,
            cast("Any", self.reporter),
        )

    def watched(self) -> list[str]:
        return [watch.publication.sid for watch in self.watch.tracks]


async def settled() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


def in_a_room(live: Callable[[Scene], Any], make: Callable[[], Scene] = Scene) -> None:
    """Run a scene's life beside its watch, and end the watch after it."""

    async def scenario() -> None:
        scene = make()
        watching = asyncio.create_task(scene.watch.run())
        await settled()
        try:
            await live(scene)
        finally:
            scene.room.emit("disconnected", rtc.DisconnectReason.SERVER_SHUTDOWN)
            reason = await watching
        assert reason == "SERVER_SHUTDOWN"
        assert scene.watched() == []

    run(scenario())


@pytest.mark.parametrize(
    ("kind", "source", "who", "is_watched"),
    [
        (VIDEO, CAMERA, STANDARD, True),
        (VIDEO, rtc.TrackSource.SOURCE_UNKNOWN, STANDARD, True),
        (VIDEO, CAMERA, rtc.ParticipantKind.PARTICIPANT_KIND_SIP, True),
        (VIDEO, CAMERA, rtc.ParticipantKind.PARTICIPANT_KIND_INGRESS, True),
        (VIDEO, CAMERA, rtc.ParticipantKind.PARTICIPANT_KIND_BRIDGE, True),
        (VIDEO, CAMERA, rtc.ParticipantKind.PARTICIPANT_KIND_CONNECTOR, True),
        (VIDEO, CAMERA, 77, True),  # a kind that comes yet
        (VIDEO, CAMERA, rtc.ParticipantKind.PARTICIPANT_KIND_AGENT, False),
        (VIDEO, CAMERA, rtc.ParticipantKind.PARTICIPANT_KIND_EGRESS, False),
        (VIDEO, rtc.TrackSource.SOURCE_SCREENSHARE, STANDARD, False),
        (AUDIO, rtc.TrackSource.SOURCE_MICROPHONE, STANDARD, False),
        (AUDIO, rtc.TrackSource.SOURCE_SCREENSHARE_AUDIO, STANDARD, False),
    ],
)
def test_peoples_cameras_are_watched_and_nothing_else(kind: int, source: int, who: int, is_watched: bool) -> None:
    async def live(scene: Scene) -> None:
        scene.room.joins("alice", publication("TR_1", kind=kind, source=source), kind=who)
        await settled()
        assert scene.watched() == (["TR_1"] if is_watched else [])

    in_a_room(live)


def test_nobody_is_told_that_there_is_no_reference_before_it_was_looked_for() -> None:
    """After every restart the file is read again, which takes longer than joining the room."""

    async def live(scene: Scene) -> None:
        scene.references.looked = False
        scene.room.joins("alice", publication("TR_1"))
        await settled()
        assert (scene.watched(), scene.reporter.checks) == ([], [])
        scene.references.looked = True
        scene.references.say_that_it_changed()
        await settled()
        assert scene.watched() == ["TR_1"]

    in_a_room(live)


def test_tracks_that_were_there_before_are_watched_too() -> None:
    async def scenario() -> None:
        scene = Scene()
        scene.room.joins("alice", publication("TR_1"))
        watching = asyncio.create_task(scene.watch.run())
        await settled()
        assert scene.watched() == ["TR_1"]
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)

    run(scenario())


@pytest.mark.parametrize("told", [("track", "publication", "who"), ("who", "publication"), ("who", "sid", "error")])
def test_what_is_said_of_one_track_wakes_that_one_and_no_other(told: tuple[str, ...]) -> None:
    """With hundreds in the room the others' waking costs more than the batch itself."""

    async def live(scene: Scene) -> None:
        scene.room.joins("alice", publication("TR_1"))
        scene.room.joins("bob", publication("TR_2"))
        await settled()
        one, other = scene.watch.tracks
        before = [one.changed.count, other.changed.count]
        known = {"sid": "TR_1", "publication": one.publication, "who": one.participant}
        scene.room.emit("track_unsubscribed", *(known.get(name) for name in told))
        assert [one.changed.count, other.changed.count] == [before[0] + 1, before[1]]
        scene.references.say_that_it_changed()
        assert [one.changed.count, other.changed.count] == [before[0] + 2, before[1] + 1]

    in_a_room(live)


def test_every_camera_of_a_person_is_watched() -> None:
    async def live(scene: Scene) -> None:
        scene.room.joins("alice", publication("TR_1"), publication("TR_2"))
        await settled()
        assert scene.watched() == ["TR_1", "TR_2"]

    in_a_room(live)


def cameras(who: str, count: int) -> list[SimpleNamespace]:
    return [publication(f"TR_{who}{number}") for number in range(count)]


def test_who_has_too_many_cameras_is_watched_by_the_first_and_named_once() -> None:
    async def live(scene: Scene) -> None:
        with capture_logs() as lines:
            scene.room.joins("mallory", *cameras("m", 64))
            scene.room.joins("alice", publication("TR_1"))
            await settled()
            scene.room.emit("participant_name_changed")
            await settled()
        assert scene.watched() == ["TR_m0", "TR_m1", "TR_m2", "TR_1"]
        assert scene.watch.left_out == 61
        (line,) = [line for line in lines if line["log_level"] == "warning"]
        assert (line["identity"], line["cameras"], line["watched"]) == ("mallory", 64, 3)
        assert "MAX_TRACKS_PER_PARTICIPANT" in line["event"]

    in_a_room(live)


def test_one_over_the_limit_takes_the_place_of_one_that_goes() -> None:
    async def live(scene: Scene) -> None:
        scene.room.joins("mallory", *cameras("m", 4))
        await settled()
        del scene.room.remote_participants["mallory"].track_publications["TR_m1"]
        scene.room.emit("track_unpublished")
        await settled()
        assert scene.watched() == ["TR_m0", "TR_m2", "TR_m3"]
        assert scene.watch.left_out == 0

    in_a_room(live)


def test_a_full_room_goes_on_watching_whom_it_watched() -> None:
    async def live(scene: Scene) -> None:
        with capture_logs() as lines:
            for who in ("a", "b", "c"):
                scene.room.joins(who, *cameras(who, 1))
            scene.room.joins("d", *cameras("d", 3))
            await settled()
            scene.room.remote_participants["a"].track_publications |= {one.sid: one for one in cameras("x", 2)}
            scene.room.emit("track_published")
            await settled()
        assert scene.watched() == ["TR_a0", "TR_b0", "TR_c0", "TR_d0", "TR_d1"]
        assert scene.watch.left_out == 3
        assert ["MAX_TRACKS;" in line["event"] for line in lines if line["log_level"] == "warning"] == [True]

    in_a_room(live)


def test_nobodys_leaving_touches_anybody_else() -> None:
    async def live(scene: Scene) -> None:
        scene.room.joins("alice", publication("TR_1"))
        scene.room.joins("bob", publication("TR_2"))
        await settled()
        kept = scene.watch.tracks[1]
        scene.room.leaves("alice")
        await settled()
        assert scene.watch.tracks == [kept]
        assert scene.reporter.checks == [("TR_1", 0.0), ("TR_2", 0.0)]

    in_a_room(live)


def test_who_comes_and_goes_is_told_and_which_cameras_are_watched() -> None:
    async def live(scene: Scene) -> None:
        scene.room.joins("alice", publication("TR_1"))
        scene.room.joins("recorder", publication("TR_2"), kind=rtc.ParticipantKind.PARTICIPANT_KIND_EGRESS)
        await settled()
        scene.room.joins("bob")  # without a camera
        await settled()
        scene.room.leaves("alice")
        await settled()
        assert scene.reporter.told == [
            "room began 0",
            "alice joined",
            "TR_1 began",
            "bob joined",
            "alice left",
            "TR_1 lost",
        ]

    in_a_room(live)


def test_who_leaves_while_livekit_is_away_is_told_of_afterwards() -> None:
    async def live(scene: Scene) -> None:
        scene.room.joins("alice", publication("TR_1"))
        scene.room.joins("bob")
        await settled()
        told = scene.reporter.told
        told.clear()
        scene.room.emit("reconnecting")
        scene.room.leaves("alice")
        await settled()
        assert told == ["room lost RECONNECTING"]
        scene.room.emit("reconnected")
        await settled()
        assert told[1:] == ["room began 1", "alice left already", "bob joined already"]

    in_a_room(live)


def test_the_end_of_a_stay_is_told_with_its_reason() -> None:
    scenes: list[Scene] = []

    async def live(scene: Scene) -> None:
        scenes.append(scene)
        scene.room.joins("alice", publication("TR_1"))
        await settled()

    in_a_room(live)
    assert scenes[0].reporter.told[-1] == "room lost SERVER_SHUTDOWN"


def test_a_stay_that_is_cut_off_is_told_too() -> None:
    async def scenario() -> list[str]:
        scene = Scene()
        watching = asyncio.create_task(scene.watch.run())
        await settled()
        watching.cancel()
        await asyncio.wait([watching])
        return scene.reporter.told

    assert run(scenario()) == ["room began 0", "room lost STOPPED"]


def test_while_livekit_is_away_nothing_is_watched_and_afterwards_all_of_it_anew() -> None:
    async def live(scene: Scene) -> None:
        scene.room.joins("alice", publication("TR_1"))
        await settled()
        scene.room.emit("reconnecting")
        await settled()
        states = [scene.watch.reconnecting]
        assert scene.watched() == []
        scene.room.remote_participants["alice"].track_publications = {"TR_9": publication("TR_9")}
        scene.room.emit("reconnected")
        await settled()
        states.append(scene.watch.reconnecting)
        assert scene.watched() == ["TR_9"]
        assert states == [True, False]

    in_a_room(live)


def test_a_track_that_is_announced_anew_under_its_old_sid_is_watched_anew() -> None:
    """What the SDK knew of it before a restart of the connection is of no use after it."""

    async def live(scene: Scene) -> None:
        scene.room.joins("alice", publication("TR_1"))
        await settled()
        anew = publication("TR_1")
        scene.room.leaves("alice")
        scene.room.joins("alice", anew)  # before anybody could look
        await settled()
        assert [id(watch.publication) for watch in scene.watch.tracks] == [id(anew)]

    in_a_room(live)


def test_a_cycle_that_fails_begins_anew_after_a_pause_and_touches_nobody_else() -> None:
    async def live(scene: Scene) -> None:
        scene.reporter.fails.add("TR_1")
        with capture_logs() as lines:
            scene.room.joins("alice", publication("TR_1"))
            scene.room.joins("bob", publication("TR_2"))
            await asyncio.sleep(2.5 * RESTART_SECONDS)
        failed = [line for line in lines if line["log_level"] == "error"]
        assert [line["event"] for line in failed] == ["Cycle failed and starts anew"] * 3
        assert scene.counters.errors == 3
        assert [when for sid, when in scene.reporter.checks if sid == "TR_2"] == [0.0]
        scene.reporter.fails.clear()
        await asyncio.sleep(2 * RESTART_SECONDS)
        assert sorted(scene.watched()) == ["TR_1", "TR_2"]
        assert scene.counters.errors == 3

    in_a_room(live)


def test_a_failed_cycle_whose_track_is_gone_does_not_come_back() -> None:
    async def live(scene: Scene) -> None:
        scene.reporter.fails.add("TR_1")
        with capture_logs():
            scene.room.joins("alice", publication("TR_1"))
            await settled()
            scene.room.leaves("alice")
            await asyncio.sleep(3 * RESTART_SECONDS)
        assert (scene.watched(), scene.counters.errors) == ([], 1)

    in_a_room(live)


def test_a_participants_tracks_share_a_cooldown_that_outlives_a_rejoin() -> None:
    def cooldowns(scene: Scene) -> list[object]:
        return [watch.cycle._cooldown for watch in scene.watch.tracks]

    async def live(scene: Scene) -> None:
        scene.room.joins("alice", publication("TR_1"), publication("TR_2"))
        scene.room.joins("bob", publication("TR_3"))
        await settled()
        first, second, bobs = cooldowns(scene)
        assert first is second
        assert first is not bobs
        scene.watch.tracks[0].cycle._cooldown.restart(now(), ["somebody"])
        scene.room.leaves("alice")
        await settled()
        await asyncio.sleep(2.0)
        scene.room.joins("alice", publication("TR_4"))
        await settled()
        assert cooldowns(scene) == [bobs, first]

    in_a_room(live)


def test_a_cooldown_outlives_the_stay_in_the_room() -> None:
    """The room closes when it is empty, and LiveKit restarts: neither is a reason to report somebody twice."""

    async def scenario() -> None:
        kept = Cooldowns(3600.0)
        seen = []
        for _ in range(2):
            scene = Scene(kept)
            watching = asyncio.create_task(scene.watch.run())
            scene.room.joins("alice", publication("TR_1"))
            await settled()
            (watch,) = scene.watch.tracks
            seen.append(watch.cycle._cooldown.over(now(), "somebody"))
            watch.cycle._cooldown.restart(now(), ["somebody"])
            scene.room.emit("disconnected", rtc.DisconnectReason.ROOM_DELETED)
            await watching
            await asyncio.sleep(60.0)
        assert seen == [True, False]

    run(scenario())


def idle(scene: Scene) -> list[tuple[str, str]]:
    return [(one.subject.track_sid, one.why) for one in scene.watch.idle]


def test_with_consent_required_a_camera_is_watched_from_consent_to_withdrawal() -> None:
    async def live(scene: Scene) -> None:
        scene.room.joins("alice", publication("TR_1"))
        scene.room.joins("bob", publication("TR_2"))
        await settled()
        assert (scene.watched(), idle(scene)) == ([], [("TR_1", "consent"), ("TR_2", "consent")])
        alice = scene.room.remote_participants["alice"]
        for value, watched in ((GIVEN, ["TR_1"]), ("Given", []), (GIVEN, ["TR_1"]), ("", [])):
            alice.attributes[CONSENT] = value
            scene.room.emit("participant_attributes_changed", {CONSENT: value}, alice)
            await settled()
            assert scene.watched() == watched
        assert [line for line in scene.reporter.told if "consent_" in line] == [
            f"alice consent_{change}" for change in ("given", "withdrawn") * 2
        ]
        assert {sid for sid, _ in scene.reporter.checks} == {"TR_1"}

    in_a_room(live, lambda: Scene(consent=True))


def test_without_consent_required_nobody_is_asked() -> None:
    async def live(scene: Scene) -> None:
        scene.room.joins("alice", publication("TR_1"))
        scene.room.remote_participants["alice"].attributes[CONSENT] = "no"
        await settled()
        assert (scene.watched(), idle(scene)) == (["TR_1"], [])

    in_a_room(live)


def test_who_joined_without_being_compared_is_not_watched() -> None:
    async def live(scene: Scene) -> None:
        scene.room.joins("bob", publication("TR_2"), publication("TR_3", kind=AUDIO))
        scene.room.remote_participants["bob"].attributes[COMPARED] = NO
        await settled()
        assert (scene.watched(), idle(scene), scene.reporter.checks) == ([], [("TR_2", "not_compared")], [])
        assert "TR_2 lost not_compared" in scene.reporter.told

    in_a_room(live)


def hear(directions: Directions, *named: str, not_compared: tuple[str, ...] = ()) -> None:
    answer = HeartbeatAnswer(not_compared=list(not_compared), bindings={})
    directions.hear(answer, frozenset(named), asyncio.get_running_loop().time())


def test_who_is_new_is_watched_when_the_web_process_has_had_its_say() -> None:
    async def live(scene: Scene, directions: Directions) -> None:
        scene.room.joins("alice", publication("TR_1"))
        scene.room.joins("bob", publication("TR_2"))
        await settled()
        assert (scene.watched(), idle(scene)) == ([], [("TR_1", "asking"), ("TR_2", "asking")])
        hear(directions, "alice", "bob", not_compared=("bob",))
        await settled()
        assert (scene.watched(), idle(scene)) == (["TR_1"], [("TR_2", "not_compared")])
        hear(directions, "alice", "bob", not_compared=("alice",))
        await settled()
        assert (scene.watched(), idle(scene)) == (["TR_2"], [("TR_1", "not_compared")])

    directions = Directions()
    in_a_room(lambda scene: live(scene, directions), lambda: Scene(directions=directions))


def test_who_is_not_spoken_of_is_watched_after_a_while_and_asked_about_anew_when_they_come_back() -> None:
    async def live(scene: Scene) -> None:
        scene.room.joins("alice")
        await asyncio.sleep(2 * FIRST_WORD_SECONDS)  # without a camera: nobody is asked
        for _ in range(2):
            scene.room.leaves("alice")
            await settled()
            scene.room.joins("alice", publication("TR_1"))
            await settled()
            assert idle(scene) == [("TR_1", "asking")]
            await asyncio.sleep(FIRST_WORD_SECONDS + 0.01)
            assert (scene.watched(), idle(scene)) == (["TR_1"], [])

    in_a_room(live, lambda: Scene(directions=Directions()))


def test_what_is_kept_of_whoever_withdraws_goes_also_while_their_camera_is_off(monkeypatch: pytest.MonkeyPatch) -> None:
    async def live(scene: Scene) -> None:
        forgotten: list[str] = []
        monkeypatch.setattr(scene.watch._evidence, "forget", forgotten.append)
        scene.room.joins("bob")
        bob = scene.room.remote_participants["bob"]
        for value, expected in ((GIVEN, []), ("", ["bob"])):
            forgotten.clear()
            bob.attributes[CONSENT] = value
            scene.room.emit("participant_attributes_changed", {CONSENT: value}, bob)
            await settled()
            assert sorted(set(forgotten)) == expected

    in_a_room(live, lambda: Scene(consent=True))
