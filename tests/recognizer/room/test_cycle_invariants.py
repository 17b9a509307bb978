"""What holds for the cycle whatever happens in whatever order, searched for a counter-example by Hypothesis.

Two tracks of one participant live through any sequence of legal and illegal inputs. The test keeps a record of its
own, made only from the outputs, and compares it with the rules after every step.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from facematch.protocol.events import Outcome
from facematch.recognizer.room.cycle import (
    LEAST_PAUSE,
    MEDIA,
    Cooldown,
    Cycle,
    CycleRules,
    IllegalInputError,
    LookCloser,
    Media,
    Output,
    ReportCheck,
    ReportMatch,
    Rest,
    SetMedia,
    State,
)
from tests.rig.stand_ins import faces_at

if TYPE_CHECKING:
    from collections.abc import Callable

THRESHOLD = 0.5
QUARTERS = st.integers(0, 60).map(lambda quarters: quarters / 4)  # sums of quarters are exact: no rounding to allow for
DISTANCES = st.sampled_from([[], [0.3], [0.5, 0.9], [0.3, 0.5], [0.51], [0.9, 0.95]])
TRACKS = st.sampled_from([0, 1])


@dataclass
class Record:
    """What the outside has seen of one track."""

    cycle: Cycle
    media: Media = Media.UNSUBSCRIBED
    open_batch: str | None = None
    frames: int = 0
    looking_closer: bool = False
    blank_batches: int = 0
    batches: list[str] = field(default_factory=list)
    checks: list[str] = field(default_factory=list)

    @property
    def there(self) -> bool:
        return self.cycle.state not in (State.NEW, State.STOPPED)

    @property
    def probing(self) -> bool:
        return self.open_batch is not None


NEAR = faces_at([0.3])

INPUTS: list[tuple[Callable[[Cycle, float], object], Callable[[Record], bool]]] = [
    (lambda cycle, now: cycle.start(now, reference=True), lambda record: record.cycle.state is State.NEW),
    (
        lambda cycle, now: cycle.start(now, reference=True, rest=Rest(now + 1)),
        lambda record: record.cycle.state is State.NEW,
    ),
    (lambda cycle, now: cycle.reference_enrolled(now), lambda record: record.there),
    (lambda cycle, now: cycle.reference_removed(now), lambda record: record.there),
    (lambda cycle, now: cycle.admitted(now), lambda record: record.cycle.state is State.QUEUED),
    (
        lambda cycle, now: cycle.looked(now, faces_at([0.3])),
        lambda record: record.probing and not record.looking_closer,
    ),
    (
        lambda cycle, now: cycle.looked(now, faces_at([]), closer=True),
        lambda record: record.probing and record.looking_closer,
    ),
    (lambda cycle, now: cycle.timed_out(now), lambda record: record.probing),
    (lambda cycle, now: cycle.muted(now), lambda record: record.probing),
    (lambda cycle, now: cycle.refused(now, Outcome.DENIED), lambda record: record.probing),
    (lambda cycle, now: cycle.failed(now), lambda record: record.probing),
    (lambda cycle, now: cycle.crowded_out(now), lambda record: record.probing),
    (lambda cycle, now: cycle.due(now), lambda record: record.cycle.state in (State.HOLD, State.WAIT)),
    (lambda cycle, now: cycle.stop(now), lambda record: record.cycle.state is not State.STOPPED),
]
"""Every input, and when it is legal."""


class TwoTracks(RuleBasedStateMachine):
    @initialize(
        frames=st.integers(1, 4),
        hold=QUARTERS,
        wait=QUARTERS,
        timeout=QUARTERS,
        cooldown=QUARTERS,
        enrolled=st.booleans(),
    )
    def begin(self, frames: int, hold: float, wait: float, timeout: float, cooldown: float, enrolled: bool) -> None:
        self.now = 0.0
        self.enrolled = enrolled
        self.rules_in_force = CycleRules(frames, hold, wait, timeout, cooldown, THRESHOLD)
        self.cooldown_seconds = cooldown
        self.reported_at: list[float] = []
        shared, numbers = Cooldown(cooldown), count(1)
        self.tracks = [Record(Cycle(self.rules_in_force, shared, lambda: f"batch-{next(numbers)}")) for _ in range(2)]

    # Inputs. Each goes to a track that can take it, so that most steps lead somewhere.

    def the_one_in(self, track: int, *states: State) -> int:
        found = self.one_in(track, *states)
        assert found is not None
        return found

    def one_in(self, track: int, *states: State) -> int | None:
        """This track, or else the other one, if it is in one of these states."""
        return next((index for index in (track, 1 - track) if self.state(index) in states), None)

    @rule(seconds=QUARTERS)
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule(track=TRACKS, rest=st.sampled_from([0.0, 0.0, 2.5]))
    @precondition(lambda self: self.one_in(0, State.NEW) is not None)
    def start(self, track: int, rest: float) -> None:
        track = self.the_one_in(track, State.NEW)
        cycle = self.tracks[track].cycle
        self.took(track, cycle.start(self.now, reference=self.enrolled, rest=Rest(self.now + rest)))
        assert cycle.state is ((State.WAIT if rest else State.QUEUED) if self.enrolled else State.IDLE)
        assert cycle.rest.until == (self.now + rest if rest and self.enrolled else 0.0)

    @rule(enrolled=st.sampled_from([True, True, True, False]))
    def reference(self, enrolled: bool) -> None:
        self.enrolled = enrolled
        for track in (0, 1):
            if self.tracks[track].there:
                cycle = self.tracks[track].cycle
                tell = cycle.reference_enrolled if enrolled else cycle.reference_removed
                self.took(track, tell(self.now))

    @rule(track=TRACKS)
    @precondition(lambda self: self.one_in(0, State.QUEUED) is not None)
    def admit(self, track: int) -> None:
        track = self.the_one_in(track, State.QUEUED)
        record = self.tracks[track]
        outputs = record.cycle.admitted(self.now)
        assert record.open_batch is None, "a second batch of the track at once"
        assert record.cycle.cycle_id is not None
        record.open_batch = record.cycle.cycle_id
        record.batches.append(record.open_batch)
        record.frames, record.looking_closer = 0, False
        self.took(track, outputs)
        assert record.cycle.deadline == self.now + self.rules_in_force.batch_timeout_seconds

    @rule(track=TRACKS, distances=DISTANCES)
    @precondition(lambda self: self.one_in(0, State.PROBE) is not None)
    def look(self, track: int, distances: list[float]) -> None:
        track = self.the_one_in(track, State.PROBE)
        record = self.tracks[track]
        closer, record.looking_closer = record.looking_closer, False
        record.frames += not closer
        told = not self.reported_at or self.now - self.reported_at[-1] >= self.cooldown_seconds
        outputs = record.cycle.looked(self.now, faces_at(distances), closer=closer)
        self.took(track, outputs)
        record.looking_closer = LookCloser() in outputs
        matched = bool(distances) and distances[0] <= THRESHOLD
        assert (record.cycle.state is State.HOLD) == matched, "the first match ends the batch, nothing else does so"
        assert any(isinstance(output, ReportMatch) for output in outputs) == (matched and told)

    @rule(track=TRACKS, how=st.sampled_from(["timed_out", "muted", "failed", "refused"]))
    @precondition(lambda self: self.one_in(0, State.PROBE) is not None)
    def batch_cut_short(self, track: int, how: str) -> None:
        track = self.the_one_in(track, State.PROBE)
        why = [Outcome.TOO_LARGE] if how == "refused" else []
        self.took(track, getattr(self.tracks[track].cycle, how)(self.now, *why))
        assert self.state(track) is State.WAIT

    @rule(track=TRACKS)
    @precondition(lambda self: self.one_in(0, State.PROBE) is not None)
    def crowded_out(self, track: int) -> None:
        track = self.the_one_in(track, State.PROBE)
        record = self.tracks[track]
        self.took(track, record.cycle.crowded_out(self.now))
        assert self.state(track) is (State.WAIT if record.frames else State.QUEUED)
        if not record.frames:  # it saw nothing, and is begun anew
            assert record.open_batch == record.batches.pop()
            record.open_batch = None

    @rule(track=TRACKS, at_the_deadline=st.booleans())
    @precondition(lambda self: self.one_in(0, State.HOLD, State.WAIT) is not None)
    def due(self, track: int, at_the_deadline: bool) -> None:
        track = self.the_one_in(track, State.HOLD, State.WAIT)
        record = self.tracks[track]
        assert record.cycle.deadline is not None
        if at_the_deadline:
            self.now = max(self.now, record.cycle.deadline)
        early = self.now < record.cycle.deadline
        before = self.state(track)
        self.took(track, record.cycle.due(self.now))
        if early:
            assert self.state(track) is before
        else:
            assert self.state(track) is State.QUEUED

    @rule(track=TRACKS)
    @precondition(lambda self: self.now > 400)  # late: it leaves the other rules nothing to do
    def stop(self, track: int) -> None:
        if self.state(track) is not State.STOPPED:
            record = self.tracks[track]
            self.took(track, record.cycle.stop(self.now))
            record.open_batch = None

    @rule(track=TRACKS)
    def everything_illegal(self, track: int) -> None:
        record = self.tracks[track]
        before = insides(record.cycle)
        for give, legal in INPUTS:
            if not legal(record):
                with pytest.raises(IllegalInputError):
                    give(record.cycle, self.now)
        assert insides(record.cycle) == before

    # What came out.

    def took(self, track: int, outputs: tuple[Output, ...]) -> None:
        record, cycle = self.tracks[track], self.tracks[track].cycle
        for output in outputs:
            match output:
                case SetMedia(media):
                    assert media is not record.media, "the same demand twice"
                    record.media = media
                case ReportMatch(cycle_id, faces):
                    assert cycle_id == record.open_batch, "a Match outside a batch"
                    assert faces
                    self.reported_at.append(self.now)
                    cycle.reported()
                case ReportCheck(None, outcome):
                    assert outcome is Outcome.NO_REFERENCE
                    assert record.open_batch is None
                    assert cycle.state is State.IDLE
                case ReportCheck(str(cycle_id), outcome, frames):
                    assert cycle_id == record.open_batch, "a Check outside a batch"
                    assert frames == record.frames
                    record.checks.append(cycle_id)
                    record.open_batch = None
                    if outcome is Outcome.NO_REFERENCE:
                        assert cycle.state is State.IDLE
                        continue
                    rules = self.rules_in_force
                    pause = rules.hold_seconds if outcome is Outcome.MATCH else rules.wait_seconds
                    blank = outcome in (Outcome.NO_FRAMES, Outcome.TOO_LARGE)
                    record.blank_batches = record.blank_batches + 1 if blank else 0
                    if blank or outcome in (Outcome.MUTED, Outcome.ERROR):
                        pause = max(pause, LEAST_PAUSE)
                    if record.blank_batches > 1:
                        pause = max(pause, min(30.0, pause * 2 ** (record.blank_batches - 1)))
                    assert cycle.deadline == self.now + pause
                case LookCloser():
                    assert record.frames == self.rules_in_force.batch_max_frames

    def state(self, track: int) -> State:
        return self.tracks[track].cycle.state

    @invariant()
    def one_check_per_batch(self) -> None:
        for record in self.tracks:
            finished = [batch for batch in record.batches if batch != record.open_batch]
            if record.cycle.state is State.STOPPED:  # the batch that the end cut short has none
                assert record.checks == finished[: len(record.checks)]
                assert len(finished) - len(record.checks) <= 1
            else:
                assert record.checks == finished
            assert (record.open_batch is not None) == (record.cycle.state is State.PROBE)

    @invariant()
    def media_as_the_table_says(self) -> None:
        for record in self.tracks:
            assert record.media is record.cycle.media
            assert record.media in MEDIA[record.cycle.state]

    @invariant()
    def never_more_than_n_frames(self) -> None:
        assert all(record.frames <= self.rules_in_force.batch_max_frames for record in self.tracks)

    @invariant()
    def deadlines_where_time_decides_and_nowhere_else(self) -> None:
        for record in self.tracks:
            timed = record.cycle.state in (State.PROBE, State.HOLD, State.WAIT)
            assert (record.cycle.deadline is not None) == timed
            assert record.cycle.batches == len(record.batches)

    @invariant()
    def matches_at_least_the_cooldown_apart(self) -> None:
        apart = [later - earlier for earlier, later in zip(self.reported_at, self.reported_at[1:], strict=False)]
        assert all(seconds >= self.cooldown_seconds for seconds in apart)


def insides(cycle: Cycle) -> dict[str, Any]:
    kept = {name: value for name, value in vars(cycle).items() if name not in ("_cooldown", "_new_id")}
    return copy.deepcopy(kept) | {"cooldown": dict(vars(cycle._cooldown))}


TestTwoTracks = TwoTracks.TestCase
TestTwoTracks.settings = settings(max_examples=100, stateful_step_count=80, derandomize=True, deadline=None)
