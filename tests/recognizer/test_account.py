"""What the recognizer tells of itself."""

from __future__ import annotations

import asyncio
import re
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from facematch.protocol.events import Outcome
from facematch.protocol.heartbeat import MOST_BYTES, MOST_TRACKS, Heartbeat, LiveKitState
from facematch.recognizer.account import Account, fitted
from facematch.recognizer.counters import Counters
from facematch.recognizer.delivery.outbox import OutboxStatus
from facematch.recognizer.process.memory import MemorySampler
from facematch.recognizer.room.admission import IdleCamera, Withheld
from facematch.recognizer.room.cycle import Cooldown, Cycle, CycleRules, State
from facematch.recognizer.room.subject import Subject
from tests.rig.stand_ins import faces_at, shared
from tests.rig.virtual_time import run

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from facematch.recognizer.room.session import RoomSession
    from facematch.recognizer.room.track import TrackWatch

RULES = CycleRules(
    batch_max_frames=5,
    hold_seconds=10.0,
    wait_seconds=7.0,
    batch_timeout_seconds=4.0,
    cooldown_seconds=3.0,
    threshold=0.5,
)


def session(
    name: str = "a room",
    state: LiveKitState = LiveKitState.CONNECTED,
    tracks: Sequence[TrackWatch] = (),
    left_out: int = 0,
    idle: Sequence[IdleCamera] = (),
) -> RoomSession:
    known = {"name": name, "state": state, "tracks": list(tracks), "idle": list(idle), "rules": RULES}
    known["tracks_left_out"] = left_out
    return cast("RoomSession", SimpleNamespace(**known))


def account_of(*sessions: RoomSession, reference: str | None = "abc", error: str | None = None) -> Account:
    return Account(
        "boot",
        sessions or [session()],
        shared(
            references=SimpleNamespace(current=reference and SimpleNamespace(id=reference), error=error),
            counters=Counters(batches=7),
        ),
        cast(
            "Any",
            SimpleNamespace(
                status=OutboxStatus(queued=1, posted=2, dropped=3, rejected=4), age_seconds=1.5, durable=True
            ),
        ),
        cast("Any", SimpleNamespace(done=[])),
        MemorySampler(),
    )


def told(*sessions: RoomSession, **known: Any) -> Heartbeat:
    async def scenario() -> Heartbeat:
        return account_of(*sessions, **known).now()

    return run(scenario())


def track(cycle: Cycle, **change: Any) -> TrackWatch:
    known: dict[str, Any] = {
        "cycle": cycle,
        "subject": Subject("PA_1", "Alice", "alice", "TR_1"),
        "publication": SimpleNamespace(muted=False),
        "claims_person": None,
        "last_outcome": None,
        "last_check_at": None,
        "last_match_at": None,
    }
    return cast("TrackWatch", SimpleNamespace(**known | change))


def new_cycle() -> Cycle:
    return Cycle(RULES, Cooldown(3.0), lambda: "batch-1")


def test_the_account_is_whole() -> None:
    whole = told()
    assert (whole.source, whole.room, whole.livekit, whole.tracks) == ("boot", "a room", LiveKitState.CONNECTED, [])
    assert (whole.reference_id, whole.reference_error) == ("abc", None)
    assert whole.settings.model_dump() == {
        "batch_max_frames": 5,
        "hold_seconds": 10.0,
        "wait_seconds": 7.0,
        "batch_timeout_seconds": 4.0,
        "match_cooldown_seconds": 3.0,
        "threshold": 0.5,
    }
    assert whole.started_at <= whole.sent_at
    assert whole.memory_bytes > 0
    assert 0 < whole.memory_ratio < 1
    assert (whole.outbox_age_seconds, whole.outbox_durable, whole.batch_places_waiting) == (1.5, True, 0)
    assert (whole.timings["detect"], whole.timings["encode"]) == (1.0, 0.5)


def test_the_counters_are_those_that_the_contract_names() -> None:
    described = Heartbeat.model_fields["counters"].description
    assert described is not None
    counts = told().counters
    assert set(counts) == set(re.findall(r"[a-z_]+(?=[,; ]|$)", re.sub(r"\([^)]*\)", "", described)))
    assert (counts["batches"], counts["events_queued"], counts["events_posted"]) == (7, 1, 2)
    assert (counts["events_dropped"], counts["events_rejected"]) == (3, 4)


def test_without_a_reference_the_reason_is_told() -> None:
    whole = told(reference=None, error="No face found.")
    assert (whole.reference_id, whole.reference_error) == (None, "No face found.")


def test_the_first_account_does_not_blame_the_start_on_a_moment() -> None:
    """The CPU time of loading everything is not divided by the millisecond since."""
    assert told().cpu_ratio <= 64


LIVES: dict[State, Callable[[Cycle], object]] = {
    State.NEW: lambda cycle: None,
    State.IDLE: lambda cycle: cycle.start(0, reference=False),
    State.QUEUED: lambda cycle: cycle.start(0, reference=True),
    State.PROBE: lambda cycle: (cycle.start(0, reference=True), cycle.admitted(0)),
    State.HOLD: lambda cycle: (cycle.start(0, reference=True), cycle.admitted(0), cycle.looked(0, faces_at([0.4]))),
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
    (one,) = told(session(tracks=[track(cycle)])).tracks
    assert (one.state, one.deadline_in) == (told_as, left)


def test_a_track_is_told_with_its_person_and_its_past() -> None:
    cycle = new_cycle()
    LIVES[State.HOLD](cycle)
    when = datetime(2025, 9, 25, 14, 7, 8, tzinfo=UTC)
    known = track(
        cycle,
        publication=SimpleNamespace(muted=True),
        last_outcome=Outcome.MATCH,
        last_check_at=when,
        claims_person=None,
        last_match_at=when,
    )
    (one,) = told(session(tracks=[known])).tracks
    assert (one.track_sid, one.participant_id) == ("TR_1", "PA_1")
    assert (one.participant_identity, one.participant_name) == ("alice", "Alice")
    assert (one.muted, one.cycle_id, one.batches) == (True, "batch-1", 1)
    assert (one.last_outcome, one.last_check_at, one.last_match_at) == (Outcome.MATCH, when, when)


def test_a_deadline_that_has_passed_is_now() -> None:
    async def scenario() -> float | None:
        cycle = new_cycle()
        LIVES[State.WAIT](cycle)
        account = account_of(session(tracks=[track(cycle)]))
        await asyncio.sleep(60)
        return account.now().tracks[0].deadline_in

    assert run(scenario()) == 0.0


def test_a_room_of_thousands_is_told_in_part_and_is_no_end() -> None:
    whole = told(session(tracks=[track(new_cycle())] * 3000))
    assert (len(whole.tracks), whole.tracks_untold) == (MOST_TRACKS, 1000)


def test_cameras_over_the_limits_are_counted() -> None:
    assert told(session(left_out=2), session("another", left_out=3)).tracks_left_out == 5


@pytest.mark.parametrize("name", ["Alice", "x" * 512, "李" * 512, "\n" * 512])
@pytest.mark.parametrize("most_bytes", [70_000, 1_000_000, MOST_BYTES])
def test_a_heartbeat_fits_whatever_people_call_themselves(name: str, most_bytes: int) -> None:
    named = track(new_cycle(), subject=Subject("PA_1", name, name, "TR_1"))
    cut, untold = fitted(told(session(tracks=[named] * MOST_TRACKS)), most_bytes)
    assert len(cut) <= most_bytes
    heartbeat = Heartbeat.model_validate_json(cut)
    assert len(heartbeat.tracks) + untold == MOST_TRACKS
    assert heartbeat.tracks_untold == untold
    if untold:
        assert len(cut) > most_bytes - 10_000  # as many as fit


def test_a_heartbeat_fits_wherever_its_last_track_ends() -> None:
    whole = told(session(tracks=[track(new_cycle())] * 200))
    of_few = len(told(session(tracks=[track(new_cycle())] * 5)).model_dump_json())
    for most_bytes in range(of_few, of_few + 600):  # more than one track
        assert len(fitted(whole, most_bytes)[0]) <= most_bytes


def test_the_most_tracks_with_ordinary_names_are_all_told() -> None:
    named = track(new_cycle(), subject=Subject("PA_" + "x" * 20, "Besprechung Müller " * 2, "x" * 36, "TR_" + "x" * 20))
    whole = told(session(tracks=[named] * MOST_TRACKS))
    body, untold = fitted(whole, MOST_BYTES)
    assert untold == 0
    assert Heartbeat.model_validate_json(body) == whole


def test_the_rooms_of_a_process_are_told_together() -> None:
    """One name and one state are what the wire has: the first's, and the worst."""
    lost = LiveKitState.RECONNECTING
    both = told(session(tracks=[track(new_cycle())]), session("another", lost, [track(new_cycle())] * 2))
    assert (both.room, both.livekit, len(both.tracks)) == ("a room", lost, 3)
    assert told(session(), session("another")).livekit is LiveKitState.CONNECTED


def test_a_camera_that_may_not_be_looked_at_is_told_with_the_reason() -> None:
    def idle(why: Withheld) -> IdleCamera:
        return IdleCamera(Subject("PA_1", "Alice", "alice", f"TR_{why}"), cast("Any", SimpleNamespace(muted=True)), why)

    tracks = told(session(idle=[idle(why) for why in Withheld])).tracks
    assert [(one.track_sid, one.state, one.idle_reason) for one in tracks] == [
        ("TR_consent", "idle", "consent"),
        ("TR_not_compared", "idle", "not_compared"),
        ("TR_asking", "queued", None),
    ]
    assert {(one.participant_identity, one.muted) for one in tracks} == {("alice", True)}
