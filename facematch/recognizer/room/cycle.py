"""The batch / hold / wait cycle of one video track, as a state machine without I/O, clock or LiveKit.

Every input carries `now` (monotonic seconds); what must be done comes back as a tuple of values that the caller
executes in order. Every change of state goes through `TRANSITIONS`, which is the whole rule book; the diagram in
`docs/cycle.md` is made from it. An input that the table does not know raises `IllegalInputError` and changes nothing.

    IDLE    no reference is enrolled: nothing is subscribed, nothing is decoded
    QUEUED  a batch is due and waits for one of the batch places, or had to give its own up before it saw anything
    PROBE   a batch is at work
    HOLD    the last batch matched: subscribed, forwarding paused, nothing is processed
    WAIT    the last batch did not match: unsubscribed
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from facematch.protocol.events import Outcome
from facematch.protocol.heartbeat import CycleSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Collection


LEAST_PAUSE = 1.0
"""Seconds until the next batch after one that looked at nothing: with `WAIT_SECONDS=0` nothing else holds it back, and
a camera that is switched off would fill the log with Checks."""

SHOWS_NOTHING = frozenset({Outcome.NO_FRAMES, Outcome.ENCRYPTED, Outcome.DENIED, Outcome.TOO_LARGE})
"""Outcomes of a track at which nothing can be seen. One after the other they make the pauses longer."""

LOOKED_AT_NOTHING = SHOWS_NOTHING | {Outcome.MUTED, Outcome.ERROR}
"""Outcomes that may come at once, and for ever."""

SELDOM_SECONDS = 30.0
"""The longest pause that a track at which nothing can be seen gets by that, where WAIT_SECONDS is less."""


class State(StrEnum):
    NEW = "new"
    IDLE = "idle"
    QUEUED = "queued"
    PROBE = "probe"
    HOLD = "hold"
    WAIT = "wait"
    STOPPED = "stopped"


class Rest(NamedTuple):
    """What is left of the pause of a camera that goes: it belongs to the camera, whoever publishes it anew."""

    until: float = 0.0
    """Monotonic seconds."""
    shown_nothing: int = 0
    """Batches in a row that saw nothing."""


NO_REST = Rest()


class Input(StrEnum):
    """What can happen to a track, in the words of the table."""

    START = "start"
    START_RESTING = "start, within its camera's pause"
    REFERENCE_ENROLLED = "reference enrolled"
    REFERENCE_REMOVED = "reference removed"
    ADMITTED = "batch place free"
    MATCHED = "frame matches"
    EXHAUSTED = "last frame, no match"
    TIMED_OUT = "no frame in time"
    MUTED = "muted"
    REFUSED = "cannot be looked at"
    FAILED = "engine error"
    CROWDED_OUT = "pictures late, and no place"
    DUE = "time is up"
    WANTED = "somebody wants a look now"
    STOP = "track gone"


TRANSITIONS: dict[State, dict[Input, State]] = {
    State.NEW: {
        Input.START: State.QUEUED,
        Input.START_RESTING: State.WAIT,
        Input.STOP: State.STOPPED,
    },
    State.IDLE: {
        Input.REFERENCE_ENROLLED: State.QUEUED,
        Input.STOP: State.STOPPED,
    },
    State.QUEUED: {
        Input.ADMITTED: State.PROBE,
        Input.REFERENCE_REMOVED: State.IDLE,
        Input.STOP: State.STOPPED,
    },
    State.PROBE: {
        Input.MATCHED: State.HOLD,
        Input.EXHAUSTED: State.WAIT,
        Input.TIMED_OUT: State.WAIT,
        Input.MUTED: State.WAIT,
        Input.REFUSED: State.WAIT,
        Input.FAILED: State.WAIT,
        Input.CROWDED_OUT: State.QUEUED,
        Input.REFERENCE_REMOVED: State.IDLE,
        Input.STOP: State.STOPPED,
    },
    State.HOLD: {
        Input.DUE: State.QUEUED,
        Input.WANTED: State.QUEUED,
        Input.REFERENCE_REMOVED: State.IDLE,
        Input.STOP: State.STOPPED,
    },
    State.WAIT: {
        Input.DUE: State.QUEUED,
        Input.WANTED: State.QUEUED,
        Input.REFERENCE_REMOVED: State.IDLE,
        Input.STOP: State.STOPPED,
    },
    State.STOPPED: {},
}


class Media(StrEnum):
    """What the track costs right now."""

    UNSUBSCRIBED = "unsubscribed"
    FLOWING = "flowing"
    PAUSED = "paused"


MEDIA: dict[State, frozenset[Media]] = {
    State.NEW: frozenset({Media.UNSUBSCRIBED, Media.PAUSED}),  # as it was found
    State.IDLE: frozenset({Media.UNSUBSCRIBED}),
    State.QUEUED: frozenset({Media.UNSUBSCRIBED, Media.PAUSED}),  # as the state before it left them
    State.PROBE: frozenset({Media.FLOWING}),
    State.HOLD: frozenset({Media.PAUSED}),
    State.WAIT: frozenset({Media.UNSUBSCRIBED}),
    State.STOPPED: frozenset({Media.UNSUBSCRIBED}),
}


@dataclass(frozen=True, slots=True)
class SetMedia:
    """Bring the subscription into this state."""

    media: Media


@dataclass(frozen=True, slots=True)
class LookCloser:
    """No face in any frame of the batch: look at the last one again, one step larger."""


@dataclass(frozen=True, slots=True)
class ReportMatch:
    """A Match for each of these faces (places in the `Seen.named` of the last frame, best first)."""

    cycle_id: str
    faces: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ReportCheck:
    """The batch is over. `cycle_id` is None when there was none (no reference)."""

    cycle_id: str | None
    outcome: Outcome
    frames: int
    faces: int
    best_distance: float | None
    reused: int = 0
    """Of the frames, those that were as they had been when they were searched."""


Output = SetMedia | LookCloser | ReportMatch | ReportCheck


class IllegalInputError(Exception):
    """The machine was told something that cannot happen in its state. It has not changed."""

    def __init__(self, state: State, given: Input | str) -> None:
        super().__init__(f"{given!s} is not possible in state {state!s}")
        self.state = state
        self.given = given


class Seen(NamedTuple):
    """What the cycle has to know of one frame."""

    faces: int = 0
    """In it."""
    named: tuple[str, ...] = ()
    """Ids of the persons who were recognised, best first."""
    best_distance: float | None = None
    """Of the best of them, else the smallest of all; None without a face."""


class Cooldown:
    """The least time between Match events of one participant as one person, shared by all of the participant's tracks.

    Args:
        seconds: the least distance in time; 0 lets everything through.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._last: dict[str, float] = {}
        self._before: dict[str, float] = {}
        """What `_last` was before, for those that may be taken back."""

    def over(self, now: float, person: str) -> bool:
        """True when a Match of the person may be reported at `now` (monotonic seconds)."""
        return now - self._last.get(person, -math.inf) >= self._seconds

    def all_over(self, now: float) -> bool:
        """True when that is so for everybody."""
        return all(self.over(now, person) for person in self._last)

    def restart(self, now: float, people: Collection[str]) -> None:
        """A Match of each of them is to be reported, at `now`."""
        for person in [person for person in self._last if self.over(now, person) and person not in people]:
            del self._last[person]
            self._before.pop(person, None)
        for person in people:
            self._before[person] = self._last.get(person, -math.inf)
            self._last[person] = now

    def take_back(self, people: Collection[str]) -> None:
        """It was not reported after all."""
        for person in people:
            self._last[person] = self._before.pop(person, -math.inf)


@dataclass(frozen=True, slots=True)
class CycleRules:
    """The settings that one cycle obeys. Times in seconds, distances as the embeddings' Euclidean distance."""

    batch_max_frames: int
    hold_seconds: float
    wait_seconds: float
    batch_timeout_seconds: float
    cooldown_seconds: float
    """Least time between Match events of one participant as one person."""
    threshold: float
    """MATCH_TOLERANCE, to be told; who is recognised is decided elsewhere."""

    def told(self) -> CycleSettings:
        """As listeners are told."""
        return CycleSettings(
            batch_max_frames=self.batch_max_frames,
            hold_seconds=self.hold_seconds,
            wait_seconds=self.wait_seconds,
            batch_timeout_seconds=self.batch_timeout_seconds,
            match_cooldown_seconds=self.cooldown_seconds,
            threshold=self.threshold,
        )


@dataclass(slots=True)
class _Batch:
    id: str
    frames: int = 0
    reused: int = 0
    """Of them, those whose answer was that of an earlier search."""
    faces: int = 0
    best_distance: float | None = None
    look_closer: bool = False
    """The second look was asked for; nothing else can be looked at until it is taken."""

    def without_match(self) -> Outcome:
        return Outcome.NO_MATCH if self.faces else Outcome.NO_FACE


class Cycle:
    """One track's cycle.

    Args:
        rules: the settings.
        cooldown: shared with the participant's other tracks.
        new_id: makes the id of a batch; injected so that tests are deterministic.
        media: how the track was found: UNSUBSCRIBED, or PAUSED as a former cycle has left it.
    """

    def __init__(
        self, rules: CycleRules, cooldown: Cooldown, new_id: Callable[[], str], media: Media = Media.UNSUBSCRIBED
    ) -> None:
        self._rules = rules
        self._cooldown = cooldown
        self._new_id = new_id
        self._batch: _Batch | None = None
        self.state = State.NEW
        self.media = media
        self.deadline: float | None = None
        """When `due` (HOLD, WAIT) or `timed_out` (PROBE) is to be called; None where only events move the state."""
        self.since = 0.0
        """When the state began."""
        self.batches = 0
        self._shown_nothing = 0
        """Batches in a row that saw nothing."""
        self._owes_match: frozenset[str] = frozenset()
        """Of whom a Match was decided that is not reported yet."""

    @property
    def cycle_id(self) -> str | None:
        """The id of the batch at work, or of the last one."""
        return self._batch.id if self._batch else None

    @property
    def shown_nothing(self) -> int:
        """Batches in a row at which nothing could be seen, up to now."""
        return self._shown_nothing

    @property
    def rest(self) -> Rest:
        """What its camera still owes of its pause; a batch that is cut off is followed by one as any other is."""
        if self.state in (State.HOLD, State.WAIT):
            return Rest(self.deadline or 0.0, self._shown_nothing)
        return Rest(self.since + self._rules.wait_seconds if self.state is State.PROBE else 0.0, self._shown_nothing)

    def start(self, now: float, *, reference: bool, rest: Rest = NO_REST) -> tuple[Output, ...]:
        """The track was announced. With a reference its first batch is due at once, or when its camera's rest ends."""
        resting = reference and rest.until > now
        self._enter(Input.START_RESTING if resting else Input.START, now, rest.until - now if resting else None)
        self._shown_nothing = rest.shown_nothing
        if resting:
            return self._set_media(Media.UNSUBSCRIBED)
        return () if reference else self._go_idle(now)

    def reference_enrolled(self, now: float) -> tuple[Output, ...]:
        """There is a reference (again). Harmless when there was one already."""
        if self.state in (State.NEW, State.STOPPED):
            raise IllegalInputError(self.state, Input.REFERENCE_ENROLLED)
        if self.state is State.IDLE:
            self._enter(Input.REFERENCE_ENROLLED, now)
        return ()

    def reference_removed(self, now: float) -> tuple[Output, ...]:
        """There is none any more: a batch at work is over, whatever it has seen, and none is begun."""
        return () if self.state is State.IDLE else self._go_idle(now)

    def admitted(self, now: float) -> tuple[Output, ...]:
        """A batch place is free: the batch begins, and with it its timeout."""
        self._enter(Input.ADMITTED, now, self._rules.batch_timeout_seconds)
        self._batch = _Batch(self._new_id())
        self.batches += 1
        return self._set_media(Media.FLOWING)

    @property
    def most_frames(self) -> int:
        """Of a batch."""
        return self._rules.batch_max_frames

    @property
    def last_frame(self) -> bool:
        """Whether the next frame is the last of the batch at work, or the last has come."""
        return self._batch is None or self._batch.frames >= self._rules.batch_max_frames - 1

    def looked(self, now: float, seen: Seen, *, closer: bool = False, reused: bool = False) -> tuple[Output, ...]:
        """One frame was looked at.

        Args:
            now: monotonic seconds.
            seen: what it showed, and whom.
            closer: this was the second look that `LookCloser` asked for; it does not count as a frame.
            reused: nothing of it was searched, for it was as it had been when it was.
        """
        batch = self._at_work("frame")
        if closer is not batch.look_closer:
            raise IllegalInputError(self.state, "second look" if closer else "frame")
        batch.frames += not closer
        batch.reused += reused and not closer
        batch.faces = max(batch.faces, seen.faces)
        if seen.named:
            batch.best_distance = seen.best_distance
            return self._end(now, Input.MATCHED, Outcome.MATCH, seen.named)
        batch.best_distance = min(
            (distance for distance in (batch.best_distance, seen.best_distance) if distance is not None), default=None
        )
        if batch.frames < self._rules.batch_max_frames:
            return ()
        if batch.faces == 0 and not closer:
            batch.look_closer = True
            return (LookCloser(),)
        return self._end(now, Input.EXHAUSTED, batch.without_match())

    def timed_out(self, now: float) -> tuple[Output, ...]:
        """No (further) frame came in time. What was seen until then decides the outcome."""
        batch = self._at_work(Input.TIMED_OUT)
        return self._end(now, Input.TIMED_OUT, batch.without_match() if batch.frames else Outcome.NO_FRAMES)

    def muted(self, now: float) -> tuple[Output, ...]:
        """The publisher muted the track during the batch, or it was muted when the batch began."""
        return self._end(now, Input.MUTED, Outcome.MUTED)

    def refused(self, now: float, why: Outcome) -> tuple[Output, ...]:
        """Nothing of the track can be looked at, and the reason is known: one of `SHOWS_NOTHING`."""
        return self._end(now, Input.REFUSED, why)

    def failed(self, now: float) -> tuple[Output, ...]:
        """A frame could not be processed."""
        return self._end(now, Input.FAILED, Outcome.ERROR)

    def crowded_out(self, now: float) -> tuple[Output, ...]:
        """Pictures come after all, and others have the places by now. A batch that has seen none yet is begun anew when
        it is its turn again, and is not told of; what another one saw decides its outcome.
        """
        if self._at_work(Input.CROWDED_OUT).frames:
            return self.timed_out(now)
        self._enter(Input.CROWDED_OUT, now)
        self.batches -= 1
        return self._set_media(Media.PAUSED)

    def due(self, now: float) -> tuple[Output, ...]:
        """The clock moved. Ends HOLD or WAIT when their time is up; an early call does no harm."""
        if Input.DUE not in TRANSITIONS[self.state]:
            raise IllegalInputError(self.state, Input.DUE)
        if self.deadline is not None and now < self.deadline:
            return ()
        self._enter(Input.DUE, now)
        return ()

    def wanted(self, now: float) -> tuple[Output, ...]:
        """The pause ends before its time."""
        self._enter(Input.WANTED, now)
        return ()

    def reported(self) -> None:
        """The Match that was asked for is reported."""
        self._owes_match = frozenset()

    def stop(self, now: float) -> tuple[Output, ...]:
        """The track is gone. Nothing is reported; everything is released. A Match that was not reported any more does
        not keep the next one from it.
        """
        self._enter(Input.STOP, now)
        self._cooldown.take_back(self._owes_match)
        return self._set_media(Media.UNSUBSCRIBED)

    def _go_idle(self, now: float) -> tuple[Output, ...]:
        batch = self._batch if self.state is State.PROBE else None
        self._enter(Input.REFERENCE_REMOVED, now)
        check = ReportCheck(None, Outcome.NO_REFERENCE, 0, 0, None)
        if batch is not None:  # without a distance: that came of the reference, too
            check = ReportCheck(batch.id, Outcome.NO_REFERENCE, batch.frames, batch.faces, None, batch.reused)
        return (*self._set_media(Media.UNSUBSCRIBED), check)

    def _at_work(self, given: Input | str) -> _Batch:
        if self.state is not State.PROBE or self._batch is None:
            raise IllegalInputError(self.state, given)
        return self._batch

    def _end(self, now: float, given: Input, outcome: Outcome, named: tuple[str, ...] = ()) -> tuple[Output, ...]:
        batch = self._at_work(given)
        hold = outcome is Outcome.MATCH
        self._shown_nothing = self._shown_nothing + 1 if outcome in SHOWS_NOTHING else 0
        self._enter(given, now, self._pause_after(outcome))
        outputs: list[Output] = [*self._set_media(Media.PAUSED if hold else Media.UNSUBSCRIBED)]
        told = tuple(place for place, person in enumerate(named) if self._cooldown.over(now, person))
        if told:
            self._owes_match = frozenset(named[place] for place in told)
            self._cooldown.restart(now, self._owes_match)
            outputs.append(ReportMatch(batch.id, told))
        check = ReportCheck(batch.id, outcome, batch.frames, batch.faces, batch.best_distance, batch.reused)
        outputs.append(check)
        return tuple(outputs)

    def _pause_after(self, outcome: Outcome) -> float:
        pause = self._rules.hold_seconds if outcome is Outcome.MATCH else self._rules.wait_seconds
        if outcome in LOOKED_AT_NOTHING:
            pause = max(pause, LEAST_PAUSE)
        doublings = min(max(0, self._shown_nothing - 1), 16)
        return max(pause, min(pause * 2.0**doublings, SELDOM_SECONDS))

    def _enter(self, given: Input, now: float, lasts: float | None = None) -> None:
        following = TRANSITIONS[self.state].get(given)
        if following is None:
            raise IllegalInputError(self.state, given)
        self.state = following
        self.since = now
        self.deadline = None if lasts is None else now + lasts

    def _set_media(self, media: Media) -> tuple[Output, ...]:
        if media is self.media:
            return ()
        self.media = media
        return (SetMedia(media),)
