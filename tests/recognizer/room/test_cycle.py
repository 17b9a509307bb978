"""The cycle's table, row by row, in virtual time: every test starts at 0.0 and jumps to the next deadline."""

from __future__ import annotations

import copy
from dataclasses import replace
from itertools import count, product
from typing import TYPE_CHECKING, Any

import pytest

from facematch.protocol.events import Outcome
from facematch.recognizer.room.cycle import (
    LEAST_PAUSE,
    MEDIA,
    TRANSITIONS,
    Cooldown,
    Cycle,
    CycleRules,
    IllegalInputError,
    Input,
    LookCloser,
    Media,
    Output,
    ReportCheck,
    ReportMatch,
    Rest,
    Seen,
    SetMedia,
    State,
)
from tests.rig.stand_ins import faces_at

if TYPE_CHECKING:
    from collections.abc import Callable

RULES = CycleRules(
    batch_max_frames=5,
    hold_seconds=10.0,
    wait_seconds=7.0,
    batch_timeout_seconds=4.0,
    cooldown_seconds=3.0,
    threshold=0.5,
)
STRANGER = 0.8
MATCHING = 0.4


def new_cycle(*, rules: CycleRules = RULES, cooldown: Cooldown | None = None, ids: str = "batch") -> Cycle:
    numbers = count(1)
    return Cycle(rules, cooldown or Cooldown(3.0), lambda: f"{ids}-{next(numbers)}")


def probing(now: float = 0.0, **how: Any) -> Cycle:
    cycle = new_cycle(**how)
    cycle.start(now, reference=True)
    cycle.admitted(now)
    return cycle


def holding(now: float = 0.0) -> Cycle:
    cycle = probing(now)
    cycle.looked(now, faces_at([MATCHING]))
    return cycle


def waiting(now: float = 0.0) -> Cycle:
    cycle = probing(now)
    cycle.timed_out(now)
    return cycle


def in_state(state: State) -> Cycle:
    cycle = new_cycle()
    match state:
        case State.IDLE:
            cycle.start(0.0, reference=False)
        case State.QUEUED:
            cycle.start(0.0, reference=True)
        case State.PROBE:
            cycle = probing()
        case State.HOLD:
            cycle = holding()
        case State.WAIT:
            cycle = waiting()
        case State.STOPPED:
            cycle = probing()
            cycle.stop(0.0)
        case State.NEW:
            pass
    assert cycle.state is state
    return cycle


def exhaust(cycle: Cycle, now: float) -> tuple[Output, ...]:
    return [cycle.looked(now, faces_at([STRANGER])) for _ in range(RULES.batch_max_frames)][-1]


GIVE: dict[Input, Callable[[Cycle, float], tuple[Output, ...]]] = {
    Input.START: lambda cycle, now: cycle.start(now, reference=True),
    Input.START_RESTING: lambda cycle, now: cycle.start(now, reference=True, rest=Rest(until=99.0)),
    Input.REFERENCE_ENROLLED: lambda cycle, now: cycle.reference_enrolled(now),
    Input.REFERENCE_REMOVED: lambda cycle, now: cycle.reference_removed(now),
    Input.ADMITTED: lambda cycle, now: cycle.admitted(now),
    Input.MATCHED: lambda cycle, now: cycle.looked(now, faces_at([MATCHING])),
    Input.EXHAUSTED: exhaust,
    Input.TIMED_OUT: lambda cycle, now: cycle.timed_out(now),
    Input.MUTED: lambda cycle, now: cycle.muted(now),
    Input.REFUSED: lambda cycle, now: cycle.refused(now, Outcome.ENCRYPTED),
    Input.FAILED: lambda cycle, now: cycle.failed(now),
    Input.CROWDED_OUT: lambda cycle, now: cycle.crowded_out(now),
    Input.DUE: lambda cycle, now: cycle.due(now),
    Input.WANTED: lambda cycle, now: cycle.wanted(now),
    Input.STOP: lambda cycle, now: cycle.stop(now),
}

MOVES_NOTHING = {
    *product([State.QUEUED, State.PROBE, State.HOLD, State.WAIT], [Input.REFERENCE_ENROLLED]),
    (State.IDLE, Input.REFERENCE_REMOVED),
}
"""The reference comes and goes at any time; here it moves nothing."""

EVERYTHING = list(product(State, Input))
LEGAL = [(state, given) for state, given in EVERYTHING if given in TRANSITIONS[state]]
ILLEGAL = [pair for pair in EVERYTHING if pair not in LEGAL and pair not in MOVES_NOTHING]


def inside(cycle: Cycle) -> dict[str, Any]:
    """All that a cycle knows, the batch included, without what is shared or injected."""
    return copy.deepcopy({name: value for name, value in vars(cycle).items() if name not in ("_rules", "_new_id")})


def same_inside(cycle: Cycle, before: dict[str, Any]) -> bool:
    after = inside(cycle)
    cooldowns = [vars(known.pop("_cooldown")) for known in (before, after)]
    return after == before and cooldowns[0] == cooldowns[1]


@pytest.mark.parametrize(("state", "given"), LEGAL)
def test_every_transition_of_the_table_can_be_taken(state: State, given: Input) -> None:
    cycle = in_state(state)
    GIVE[given](cycle, 20.0)
    assert cycle.state is TRANSITIONS[state][given]
    assert cycle.since == 20.0
    assert cycle.media in MEDIA[cycle.state]


@pytest.mark.parametrize(("state", "given"), ILLEGAL)
def test_an_illegal_input_raises_and_changes_nothing(state: State, given: Input) -> None:
    cycle = in_state(state)
    before = inside(cycle)
    with pytest.raises(IllegalInputError, match=state) as caught:
        GIVE[given](cycle, 20.0)
    assert caught.value.state is state
    assert same_inside(cycle, before)


@pytest.mark.parametrize(("state", "given"), sorted(MOVES_NOTHING))
def test_a_reference_that_comes_or_goes_in_between_moves_nothing(state: State, given: Input) -> None:
    cycle = in_state(state)
    deadline, since = cycle.deadline, cycle.since
    assert GIVE[given](cycle, 1.0) == ()
    assert (cycle.state, cycle.deadline, cycle.since) == (state, deadline, since)


def test_every_state_has_a_row_and_its_media() -> None:
    assert set(TRANSITIONS) == set(MEDIA) == set(State)


def test_every_state_but_the_last_can_be_stopped() -> None:
    assert all(Input.STOP in TRANSITIONS[state] for state in State if state is not State.STOPPED)


# The table of the design, in its order.


def test_the_first_frame_that_matches_ends_the_batch_and_holds() -> None:
    cycle = probing()
    assert cycle.looked(0.5, faces_at([MATCHING, 0.45, STRANGER])) == (
        SetMedia(Media.PAUSED),
        ReportMatch("batch-1", (0, 1)),
        ReportCheck("batch-1", Outcome.MATCH, frames=1, faces=3, best_distance=MATCHING),
    )
    assert (cycle.state, cycle.deadline, cycle.media) == (State.HOLD, 10.5, Media.PAUSED)


def test_a_distance_of_exactly_the_threshold_matches() -> None:
    assert ReportMatch("batch-1", (0,)) in probing().looked(0.0, faces_at([RULES.threshold]))


@pytest.mark.parametrize("earlier", [1, 2, 3, 4])
def test_a_later_frame_matches_as_well_as_the_first(earlier: int) -> None:
    cycle = probing()
    for number in range(earlier):
        assert cycle.looked(0.1 * number, faces_at([STRANGER])) == ()
    check = cycle.looked(1.0, faces_at([MATCHING]))[-1]
    assert check == ReportCheck("batch-1", Outcome.MATCH, frames=earlier + 1, faces=1, best_distance=MATCHING)


def test_n_frames_of_strangers_end_in_no_match() -> None:
    cycle = probing()
    seen: list[list[float]] = [[0.9], [0.8, 0.95], [], [0.7]]
    assert [cycle.looked(0.1, faces_at(distances)) for distances in seen] == [()] * 4
    assert cycle.looked(0.5, faces_at([0.85])) == (
        SetMedia(Media.UNSUBSCRIBED),
        ReportCheck("batch-1", Outcome.NO_MATCH, frames=5, faces=2, best_distance=0.7),
    )
    assert (cycle.state, cycle.deadline, cycle.media) == (State.WAIT, 7.5, Media.UNSUBSCRIBED)


def test_n_frames_without_a_face_ask_for_a_closer_look_and_end_in_no_face() -> None:
    cycle = probing()
    assert [cycle.looked(0.1, faces_at([])) for _ in range(4)] == [()] * 4
    assert cycle.looked(0.5, faces_at([])) == (LookCloser(),)
    assert cycle.state is State.PROBE
    assert cycle.looked(0.6, faces_at([]), closer=True) == (
        SetMedia(Media.UNSUBSCRIBED),
        ReportCheck("batch-1", Outcome.NO_FACE, frames=5, faces=0, best_distance=None),
    )
    assert (cycle.state, cycle.deadline) == (State.WAIT, 7.6)


@pytest.mark.parametrize(
    ("distances", "outcome", "state"),
    [([MATCHING], Outcome.MATCH, State.HOLD), ([STRANGER], Outcome.NO_MATCH, State.WAIT)],
)
def test_the_closer_look_decides(distances: list[float], outcome: Outcome, state: State) -> None:
    cycle = probing()
    for _ in range(5):
        cycle.looked(0.5, faces_at([]))
    outputs = cycle.looked(0.6, faces_at(distances), closer=True)
    assert outputs[-1] == ReportCheck("batch-1", outcome, frames=5, faces=1, best_distance=distances[0])
    assert cycle.state is state


def test_a_batch_that_saw_a_face_gets_no_closer_look() -> None:
    cycle = probing()
    cycle.looked(0.1, faces_at([STRANGER]))
    outputs = [cycle.looked(0.2, faces_at([])) for _ in range(4)]
    assert LookCloser() not in {output for several in outputs for output in several}
    assert cycle.state is State.WAIT


def test_a_closer_look_is_taken_only_when_asked_for() -> None:
    cycle = probing()
    before = inside(cycle)
    with pytest.raises(IllegalInputError):
        cycle.looked(0.1, faces_at([MATCHING]), closer=True)
    assert same_inside(cycle, before)


def test_no_frame_above_n_even_while_a_closer_look_is_awaited() -> None:
    cycle = probing()
    for _ in range(5):
        cycle.looked(0.1, faces_at([]))
    before = inside(cycle)
    with pytest.raises(IllegalInputError):
        cycle.looked(0.2, faces_at([MATCHING]))
    assert same_inside(cycle, before)


@pytest.mark.parametrize(
    ("given", "outcome"),
    [
        (Input.TIMED_OUT, Outcome.NO_FRAMES),
        (Input.MUTED, Outcome.MUTED),
        (Input.REFUSED, Outcome.ENCRYPTED),
        (Input.FAILED, Outcome.ERROR),
    ],
)
def test_what_ends_a_batch_without_a_frame_unsubscribes_and_waits(given: Input, outcome: Outcome) -> None:
    cycle = probing()
    assert cycle.deadline == RULES.batch_timeout_seconds
    assert GIVE[given](cycle, 4.0) == (
        SetMedia(Media.UNSUBSCRIBED),
        ReportCheck("batch-1", outcome, frames=0, faces=0, best_distance=None),
    )
    assert (cycle.state, cycle.deadline) == (State.WAIT, 11.0)


@pytest.mark.parametrize(
    ("given", "pause"),
    [
        (Input.MUTED, LEAST_PAUSE),
        (Input.FAILED, LEAST_PAUSE),
        (Input.TIMED_OUT, LEAST_PAUSE),
        (Input.REFUSED, LEAST_PAUSE),
        (Input.EXHAUSTED, 0.0),
        (Input.MATCHED, 0.0),
    ],
)
def test_after_a_batch_that_looked_at_nothing_there_is_always_a_pause(given: Input, pause: float) -> None:
    cycle = probing(rules=replace(RULES, hold_seconds=0.0, wait_seconds=0.0))
    GIVE[given](cycle, 1.0)
    assert cycle.deadline == 1.0 + pause


@pytest.mark.parametrize(
    ("wait", "pauses"),
    [(0.0, [1, 2, 4, 8, 16, 30, 30]), (7.0, [7, 14, 28, 30, 30]), (30.0, [30, 30, 30]), (60.0, [60, 60, 60])],
)
def test_a_track_that_shows_nothing_is_asked_less_and_less_often(wait: float, pauses: list[float]) -> None:
    cycle, now = new_cycle(rules=replace(RULES, wait_seconds=wait)), 0.0
    cycle.start(now, reference=True)
    told = []
    for number in range(len(pauses)):
        cycle.admitted(now)
        if number % 2:
            cycle.timed_out(now)
        else:
            cycle.refused(now, Outcome.DENIED)
        assert cycle.deadline is not None
        told.append(cycle.deadline - now)
        now = cycle.deadline
        cycle.due(now)
    assert told == pauses


@pytest.mark.parametrize("given", [Input.MUTED, Input.FAILED, Input.EXHAUSTED, Input.MATCHED])
def test_one_batch_that_had_something_to_see_begins_the_count_anew(given: Input) -> None:
    cycle, now = new_cycle(), 0.0
    cycle.start(now, reference=True)
    for _ in range(3):
        cycle.admitted(now)
        cycle.timed_out(now)
        now = cycle.deadline or 0.0
        cycle.due(now)
    cycle.admitted(now)
    GIVE[given](cycle, now)
    now = cycle.deadline or 0.0
    cycle.due(now)
    cycle.admitted(now)
    cycle.timed_out(now)
    assert cycle.deadline == now + RULES.wait_seconds


# What is left of a pause.


@pytest.mark.parametrize(
    ("state", "rest"),
    [
        (State.IDLE, Rest(0.0, 0)),
        (State.QUEUED, Rest(0.0, 0)),
        (State.PROBE, Rest(7.0, 0)),
        (State.HOLD, Rest(10.0, 0)),
        (State.WAIT, Rest(7.0, 1)),
    ],
)
def test_a_camera_that_goes_owes_what_is_left_of_its_pause(state: State, rest: Rest) -> None:
    """A batch that is cut off is followed by a pause as any other is: else one could be had at any time."""
    assert in_state(state).rest == rest


def test_a_camera_that_comes_back_sits_out_what_is_left() -> None:
    cycle = Cycle(RULES, Cooldown(3.0), lambda: "batch-1", Media.PAUSED)
    assert cycle.start(4.0, reference=True, rest=Rest(until=10.0, shown_nothing=2)) == (SetMedia(Media.UNSUBSCRIBED),)
    assert (cycle.state, cycle.deadline, cycle.rest) == (State.WAIT, 10.0, Rest(10.0, 2))
    cycle.due(10.0)
    cycle.admitted(10.0)
    cycle.timed_out(10.0)
    assert cycle.deadline == 10.0 + 28.0


@pytest.mark.parametrize("until", [0.0, 3.9, 4.0])
def test_a_pause_that_is_over_keeps_nobody(until: float) -> None:
    cycle = new_cycle()
    assert cycle.start(4.0, reference=True, rest=Rest(until=until)) == ()
    assert cycle.state is State.QUEUED


def test_without_a_reference_there_is_nothing_to_sit_out() -> None:
    cycle = new_cycle()
    cycle.start(4.0, reference=False, rest=Rest(until=10.0))
    assert (cycle.state, cycle.deadline) == (State.IDLE, None)


@pytest.mark.parametrize(
    ("seen", "outcome", "best"), [([STRANGER], Outcome.NO_MATCH, STRANGER), ([], Outcome.NO_FACE, None)]
)
def test_a_batch_whose_frames_dry_up_says_what_it_saw(seen: list[float], outcome: Outcome, best: float | None) -> None:
    cycle = probing()
    cycle.looked(0.1, faces_at(seen))
    check = cycle.timed_out(4.0)[-1]
    assert check == ReportCheck("batch-1", outcome, frames=1, faces=len(seen), best_distance=best)


def test_a_batch_that_is_crowded_out_is_begun_anew_and_told_of_once() -> None:
    cycle = probing()
    assert cycle.crowded_out(1.0) == (SetMedia(Media.PAUSED),)
    assert (cycle.state, cycle.deadline, cycle.batches) == (State.QUEUED, None, 0)
    assert cycle.admitted(2.0) == (SetMedia(Media.FLOWING),)
    assert (cycle.cycle_id, cycle.batches, cycle.deadline) == ("batch-2", 1, 6.0)


def test_what_a_batch_saw_before_it_was_crowded_out_is_told() -> None:
    cycle = probing()
    cycle.looked(0.1, faces_at([STRANGER]))
    check = cycle.crowded_out(1.0)[-1]
    assert check == ReportCheck("batch-1", Outcome.NO_MATCH, frames=1, faces=1, best_distance=STRANGER)
    assert (cycle.state, cycle.media) == (State.WAIT, Media.UNSUBSCRIBED)


def test_hold_ends_in_the_next_batch_still_subscribed() -> None:
    cycle = holding()
    assert cycle.due(cycle.deadline or 0.0) == ()
    assert cycle.since == 10.0
    assert (cycle.state, cycle.deadline, cycle.media) == (State.QUEUED, None, Media.PAUSED)
    assert cycle.admitted(12.0) == (SetMedia(Media.FLOWING),)
    assert (cycle.state, cycle.deadline, cycle.cycle_id, cycle.batches) == (State.PROBE, 16.0, "batch-2", 2)


def test_wait_ends_in_a_subscription_and_the_next_batch() -> None:
    cycle = waiting()
    assert cycle.deadline == 7.0
    cycle.due(7.0)
    assert (cycle.state, cycle.media) == (State.QUEUED, Media.UNSUBSCRIBED)
    assert cycle.admitted(7.0) == (SetMedia(Media.FLOWING),)


@pytest.mark.parametrize("make", [holding, waiting])
def test_an_early_wake_up_does_no_harm(make: Callable[[], Cycle]) -> None:
    cycle = make()
    before = inside(cycle)
    assert cycle.due(6.999) == ()
    assert same_inside(cycle, before)


@pytest.mark.parametrize("state", [state for state in State if state is not State.STOPPED])
def test_a_track_that_is_gone_reports_nothing_and_gives_everything_back(state: State) -> None:
    cycle = in_state(state)
    held = cycle.media
    assert cycle.stop(1.0) == (() if held is Media.UNSUBSCRIBED else (SetMedia(Media.UNSUBSCRIBED),))
    assert (cycle.state, cycle.media, cycle.deadline) == (State.STOPPED, Media.UNSUBSCRIBED, None)


def test_a_track_found_paused_is_resumed_or_given_back() -> None:
    def found() -> Cycle:
        return Cycle(RULES, Cooldown(3.0), lambda: "batch", Media.PAUSED)

    cycle = found()
    assert cycle.start(0.0, reference=True) == ()
    assert cycle.media in MEDIA[cycle.state]
    assert cycle.admitted(0.0) == (SetMedia(Media.FLOWING),)
    assert found().start(0.0, reference=False)[0] == SetMedia(Media.UNSUBSCRIBED)
    assert found().stop(0.0) == (SetMedia(Media.UNSUBSCRIBED),)


# The reference comes and goes.

NO_REFERENCE = ReportCheck(None, Outcome.NO_REFERENCE, frames=0, faces=0, best_distance=None)


def test_without_a_reference_the_track_idles_and_says_so_once() -> None:
    cycle = new_cycle()
    assert cycle.start(0.0, reference=False) == (NO_REFERENCE,)
    assert (cycle.state, cycle.media, cycle.deadline, cycle.batches) == (State.IDLE, Media.UNSUBSCRIBED, None, 0)
    assert cycle.reference_removed(1.0) == ()
    assert cycle.reference_enrolled(2.0) == ()
    assert cycle.state is State.QUEUED


@pytest.mark.parametrize(
    ("state", "media"),
    [(State.QUEUED, ()), (State.WAIT, ()), (State.HOLD, (SetMedia(Media.UNSUBSCRIBED),))],
)
def test_a_reference_that_goes_between_batches_idles_the_track(state: State, media: tuple[Output, ...]) -> None:
    cycle = in_state(state)
    assert cycle.reference_removed(1.0) == (*media, NO_REFERENCE)
    assert (cycle.state, cycle.media, cycle.deadline) == (State.IDLE, Media.UNSUBSCRIBED, None)


def test_a_reference_that_goes_in_a_batch_ends_it_and_what_came_of_it_is_not_told() -> None:
    cycle = probing()
    cycle.looked(0.5, faces_at([STRANGER]))
    told = ReportCheck("batch-1", Outcome.NO_REFERENCE, frames=1, faces=1, best_distance=None)
    assert cycle.reference_removed(1.0) == (SetMedia(Media.UNSUBSCRIBED), told)
    assert (cycle.state, cycle.deadline) == (State.IDLE, None)


# The cooldown.


def test_the_cooldown_suppresses_the_match_and_never_the_check() -> None:
    rules = CycleRules(
        batch_max_frames=1,
        hold_seconds=1.0,
        wait_seconds=1.0,
        batch_timeout_seconds=4.0,
        cooldown_seconds=3.0,
        threshold=0.5,
    )
    cycle = probing(rules=rules, cooldown=Cooldown(3.0))
    told = []
    for now in (0.0, 1.0, 2.0, 3.0, 4.0):
        outputs = cycle.looked(now, faces_at([MATCHING]))
        told.append([type(output) for output in outputs if not isinstance(output, SetMedia)])
        cycle.due(now + 1.0)
        cycle.admitted(now + 1.0)
    assert told == [[ReportMatch, ReportCheck], [ReportCheck], [ReportCheck], [ReportMatch, ReportCheck], [ReportCheck]]


def test_the_cooldown_is_shared_by_the_tracks_of_a_participant() -> None:
    shared = Cooldown(3.0)
    camera, second = probing(cooldown=shared, ids="camera"), probing(cooldown=shared, ids="second")
    other = probing(cooldown=Cooldown(3.0), ids="other")
    assert ReportMatch("camera-1", (0,)) in camera.looked(0.0, faces_at([MATCHING]))
    assert second.looked(2.9, faces_at([MATCHING]))[1:] == (ReportCheck("second-1", Outcome.MATCH, 1, 1, MATCHING),)
    assert ReportMatch("other-1", (0,)) in other.looked(2.9, faces_at([MATCHING]))


@pytest.mark.parametrize("told", [True, False])
def test_a_match_that_the_end_of_its_track_kept_from_being_reported_has_no_cooldown(told: bool) -> None:
    cooldown = Cooldown(3600.0)
    gone, back = probing(cooldown=cooldown), probing(cooldown=cooldown)
    assert ReportMatch("batch-1", (0,)) in gone.looked(0.0, faces_at([MATCHING]))
    if told:
        gone.reported()
    gone.stop(0.1)
    assert (ReportMatch("batch-1", (0,)) in back.looked(1.0, faces_at([MATCHING]))) is not told


def test_a_suppressed_match_does_not_prolong_the_cooldown() -> None:
    cooldown = Cooldown(3.0)
    cooldown.restart(0.0, ["somebody"])
    assert [cooldown.over(now, "somebody") for now in (0.0, 2.999, 3.0)] == [False, False, True]


def test_a_cooldown_of_zero_lets_everything_through() -> None:
    cooldown = Cooldown(0.0)
    cooldown.restart(5.0, ["somebody"])
    assert cooldown.over(5.0, "somebody")


def test_one_persons_cooldown_hides_nobody_else() -> None:
    cooldown = Cooldown(3600.0)
    first, second, third = (probing(cooldown=cooldown) for _ in range(3))
    assert ReportMatch("batch-1", (0,)) in first.looked(0.0, Seen(1, ("alice",), 0.3))
    assert ReportMatch("batch-1", (1,)) in second.looked(1.0, Seen(3, ("alice", "bob"), 0.3))
    assert third.looked(2.0, Seen(2, ("bob", "alice"), 0.2))[1:] == (
        ReportCheck("batch-1", Outcome.MATCH, frames=1, faces=2, best_distance=0.2),
    )


def test_several_faces_of_one_person_are_told_together() -> None:
    assert ReportMatch("batch-1", (0, 1)) in probing().looked(0.0, Seen(2, ("default", "default"), 0.3))


def test_what_was_not_told_is_taken_back_for_those_whom_it_was_about() -> None:
    cooldown = Cooldown(3600.0)
    alices, bobs = probing(cooldown=cooldown), probing(cooldown=cooldown)
    alices.looked(0.0, Seen(1, ("alice",), 0.3))
    bobs.looked(1.0, Seen(1, ("bob",), 0.3))
    bobs.reported()
    alices.stop(2.0)
    assert (cooldown.over(2.0, "alice"), cooldown.over(2.0, "bob")) == (True, False)


def test_whose_cooldown_is_over_is_not_remembered() -> None:
    cooldown = Cooldown(3.0)
    for second in range(100):
        cooldown.restart(second, [f"person {second}"])
    assert len(cooldown._last) <= 4
    assert not cooldown.all_over(99.0)
    assert cooldown.all_over(103.0)


def test_the_best_distance_of_a_match_is_that_of_the_match() -> None:
    cycle = probing()
    cycle.looked(0.1, Seen(1, (), 0.3))  # near somebody, and not named: ambiguous
    check = cycle.looked(0.2, Seen(1, ("alice",), 0.4))[-1]
    assert check == ReportCheck("batch-1", Outcome.MATCH, frames=2, faces=1, best_distance=0.4)
