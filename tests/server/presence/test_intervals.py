"""When somebody arrived and left: what is stated, and that the truth lies inside it, whatever happens to a room."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import cycle
from typing import TYPE_CHECKING, Any, NamedTuple

from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from facematch.protocol.events import Check, Outcome, ParticipantChange, WatchChange
from facematch.server.presence.evidence import DEFAULT_PERSON, Evidence, Sight, evidence_of
from facematch.server.presence.intervals import NEWS_SECONDS, Interval, intervals
from facematch.server.presence.runs import folded
from tests.rig.rooms_told import NOON, at, change, look, watch

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from random import Random

    from facematch.protocol.events import Event


def evidence(events: Sequence[Event]) -> list[Evidence]:
    return [one for cursor, event in enumerate(events) if (one := evidence_of(cursor, event)) is not None]


def stated(*events: Event, by_person: bool = False) -> list[Interval]:
    return intervals(folded(evidence(events)), by_person=by_person)


class Bounds(NamedTuple):
    """In seconds after noon."""

    arrived_after: float | None
    arrived_by: float
    seen_until: float
    left_before: float | None


def bounds(interval: Interval) -> Bounds:
    moments = (interval.arrived_after, interval.arrived_by, interval.seen_until, interval.left_before)
    return Bounds(*(None if one is None else round(one - NOON, 3) for one in moments))  # type: ignore[arg-type]


def test_seen_twice_between_two_looks_that_saw_nobody() -> None:
    [interval] = stated(look(0, "no_face"), look(10, "match"), look(20, "match"), look(30, "no_face"))
    assert bounds(interval) == (0, 10, 20, 30)
    assert (interval.longest_gap, interval.looks, interval.ended, interval.seconds) == (10, 2, "not_seen", 10)


def test_a_look_lasts_and_the_moment_may_be_any_of_it() -> None:
    [interval] = stated(look(0, "no_face", lasts=1), look(10, "match", lasts=2), look(20, "no_face", lasts=3))
    assert bounds(interval) == (0, 10, 8, 17)


def test_where_nobody_knows_there_is_no_bound() -> None:
    [interval] = stated(look(10, "match"))
    assert bounds(interval) == (None, 10, 10, None)
    assert interval.ended is None


def test_what_cannot_see_ends_an_interval_and_moves_no_bound() -> None:
    first, second = stated(
        look(0, "no_face"),
        look(10, "match"),
        look(20, "muted"),
        look(30, "match"),
        look(40, "error"),
        look(50, "no_face"),
    )
    assert bounds(first) == (0, 10, 10, 50)
    assert bounds(second) == (0, 30, 30, 50)
    assert (first.ended, second.ended) == ("muted", "error")


def test_who_joins_and_leaves_was_not_there_before_and_is_not_after() -> None:
    [interval] = stated(change(5, "joined"), look(10, "match"), look(20, "match"), change(23, "left"))
    assert bounds(interval) == (5 - NEWS_SECONDS, 10, 20, 23)
    assert interval.ended == "left"


def test_who_was_there_already_came_nobody_knows_when() -> None:
    [interval] = stated(watch(1, "began", participants=1), change(1, "joined", already=True), look(10, "match"))
    assert bounds(interval) == (None, 10, 10, None)


def test_a_stranger_is_somebody_before_the_camera_and_not_the_person() -> None:
    events = (look(0, "no_match"), look(10, "match"), look(20, "no_match"), look(30, "no_face"))
    [whoever] = stated(*events)
    assert bounds(whoever) == (None, 0, 20, 30)
    assert whoever.people == {DEFAULT_PERSON}
    [person] = stated(*events, by_person=True)
    assert bounds(person) == (0, 10, 10, 20)
    assert person.person_id == DEFAULT_PERSON


def test_a_clock_that_is_set_moves_no_bound_against_another() -> None:
    [interval] = stated(
        look(0, "no_face"), look(10, "match"), look(20, "match", step=-3600), look(30, "no_face", step=7200)
    )
    assert bounds(interval) == (0, 10, 20, 30)
    assert interval.longest_gap == 10


def test_a_day_that_ends_and_another_reference_end_no_interval() -> None:
    midnight = 1_758_844_800 - NOON
    looks = [look(midnight + n * 10 - 20, "match", reference_id="a" if n < 3 else "b") for n in range(6)]
    [interval] = stated(*looks)
    assert (interval.looks, interval.longest_gap) == (6, 10)
    assert len(folded(evidence(looks))) == 3


def test_two_boots_are_two_lines_of_evidence() -> None:
    first, second = stated(
        look(0, "no_face"), look(10, "match"), look(30, "match", source="next"), look(40, "no_face", source="next")
    )
    assert (bounds(first), bounds(second)) == ((0, 10, 10, None), (None, 30, 30, 40))


def test_two_cameras_say_nothing_of_each_other() -> None:
    found = stated(look(0, "match"), look(5, "no_face", track_sid="TR_2"), look(10, "match"))
    assert [(bounds(one), one.looks) for one in found] == [((None, 0, 10, None), 2)]


def test_what_is_said_of_one_camera_or_of_somebody_else_ends_nothing_of_the_others() -> None:
    whose = {"participant_id": "PA_1", "participant_name": "Alice", "participant_identity": "alice"}
    [untouched] = stated(
        look(0, "match"),
        watch(5, "lost", track_sid="TR_2", **whose),
        change(6, "left", participant_identity="bob"),
        watch(7, "lost", room="blue"),
        watch(8, "lost", source="other"),
        look(10, "match"),
    )
    assert untouched.looks == 2
    for end in (watch(5, "lost", track_sid="TR_1", **whose), change(6, "left"), watch(7, "lost")):
        assert len(stated(look(0, "match"), end, look(10, "match"))) == 2


def test_a_sender_that_knows_the_seed_s_fields_only() -> None:
    def seeds(when: float, *, match: bool) -> Check:
        fields = {"participant_id": "PA_1", "participant_name": "Alice42", "match_found": match, "timestamp": at(when)}
        return Check.model_validate(fields)

    [interval] = stated(seeds(0, match=False), seeds(10, match=True), seeds(20, match=True), seeds(30, match=False))
    assert bounds(interval) == (0, 10, 20, 30)
    assert interval.chain.identity == "Alice42"


# Rooms in which anything happens. A second is a whole number of ticks, so that no rounding blurs a bound.

TICKS = 4
LENGTH = 300 * TICKS
NEWS = int(NEWS_SECONDS * TICKS)


def spans(least: int = 1) -> st.SearchStrategy[list[tuple[int, int]]]:
    """Stretches of a script, in ticks, apart from each other."""
    cuts = st.lists(st.integers(0, LENGTH), min_size=2 * least, max_size=10, unique=True).map(sorted)
    return cuts.map(lambda marks: list(zip(marks[::2], marks[1::2], strict=False)))


@dataclass
class Script:
    """What truly happens."""

    inside: list[tuple[int, int]]
    """In the room."""
    before_camera: list[tuple[int, int]]
    muted: list[tuple[int, int]]
    boots: list[tuple[int, int]]
    """When a recognizer runs …"""
    killed: list[bool]
    """… and whether it is killed, without a last word."""
    away: list[tuple[int, int]]
    """LiveKit cannot be reached."""
    clock_set: list[tuple[int, int]]
    """When, and to how many seconds more than it truly is."""
    pauses: list[int]
    news: list[int]
    truth: dict[int, tuple[int, int]] = field(default_factory=dict)
    """By the look's cursor: true ticks of its first and last frame."""

    def present(self, tick: int) -> bool:
        return _within(self.inside, tick) and _within(self.before_camera, tick)

    def longest_absence(self, first: int, last: int) -> int:
        """Ticks in between for which they were not there."""
        longest = absence = 0
        for tick in range(first, last):
            absence = 0 if self.present(tick) else absence + 1
            longest = max(longest, absence)
        return longest

    def stay_around(self, tick: int) -> tuple[int, int]:
        """The true stay that a moment of presence belongs to: its first tick, and the first one after it. Who comes
        back into the room begins another one.
        """
        [(came, went)] = [one for one in self.inside if one[0] <= tick < one[1]]
        begins = ends = tick
        while begins > came and self.present(begins - 1):
            begins -= 1
        while ends < went and self.present(ends):
            ends += 1
        return begins, ends

    def wall(self, tick: int) -> datetime:
        step = [seconds for when, seconds in self.clock_set if when <= tick]
        return at(tick / TICKS + (step[-1] if step else 0))

    def events(self) -> list[Event]:
        told: list[Event] = []
        for number, (begins, ends) in enumerate(self.boots):
            told += self._boot(f"boot {number}", begins, ends, killed=self.killed[number % len(self.killed)], of=told)
        return told

    def _boot(self, source: str, begins: int, ends: int, *, killed: bool, of: list[Event]) -> list[Event]:
        told: list[Event] = []
        connected, stage, due, tick = False, NOBODY_YET, begins, begins
        pauses = cycle(self.pauses)
        while tick < ends:
            common = {"source": source, "room": "red", "timestamp": self.wall(tick), "uptime": (tick - begins) / TICKS}
            was_connected, connected = connected, not _within(self.away, tick)
            if was_connected != connected:
                told.append(WatchChange.model_validate({**common, "change": "began" if connected else "lost"}))
            if connected:
                asked = self._stage(tick, at_once=not was_connected)
                told += _news(stage, asked, already=not was_connected, common=common)
                stage = max(stage, asked)
            if connected and is_inside(stage) and tick >= due and _within([self.inside[stage // 2]], tick):
                frames, outcome = self._look(tick, min(ends, self.inside[stage // 2][1]))
                self.truth[len(of) + len(told)] = frames[0], frames[-1]
                told.append(
                    look_at(
                        outcome,
                        source=source,
                        track_sid=f"TR_{stage // 2}",
                        timestamp=self.wall(frames[-1]),
                        looked_from=self.wall(frames[0]),
                        looked_until=self.wall(frames[-1]),
                        uptime_from=(frames[0] - begins) / TICKS,
                        uptime_until=(frames[-1] - begins) / TICKS,
                        **whose(stage // 2),
                    )
                )
                tick = frames[-1]
                due = tick + next(pauses)
            tick += 1
        if connected and not killed:
            common = {"source": source, "room": "red", "timestamp": self.wall(ends), "uptime": (ends - begins) / TICKS}
            told.append(WatchChange.model_validate({**common, "change": "lost", "reason": "STOPPED"}))
        return told

    def _stage(self, tick: int, *, at_once: bool) -> int:
        """How far LiveKit has told: it tells late and in order, but who asks is answered at once."""
        changes = [when for stay in self.inside for when in stay]
        return (
            sum(when + (0 if at_once else self.news[n % len(self.news)]) <= tick for n, when in enumerate(changes)) - 1
        )

    def _look(self, tick: int, ends: int) -> tuple[list[int], Outcome]:
        frames: list[int] = []
        for frame in range(tick, min(tick + 5, ends)):
            if _within(self.muted, frame):
                return frames or [tick], Outcome.MUTED
            frames.append(frame)
            if self.present(frame):
                return frames, Outcome.MATCH
        return frames, Outcome.NO_FACE if len(frames) == 5 else Outcome.NO_FRAMES


NOBODY_YET = -1
"""A stage: then the first stay has begun, has ended, the second has begun …"""


def is_inside(stage: int) -> bool:
    return stage >= 0 and stage % 2 == 0


def _news(stage: int, asked: int, *, already: bool, common: dict[str, Any]) -> list[Event]:
    """Who has left, and who is there."""
    news: list[Event] = []
    if is_inside(stage) and asked > stage:
        news.append(_change(stage // 2, "left", already=already, common=common))
    if is_inside(asked) and (asked > stage or (already and asked == stage)):
        news.append(_change(asked // 2, "joined", already=already, common=common))
    return news


def _change(number: int, word: str, *, already: bool, common: dict[str, Any]) -> ParticipantChange:
    return ParticipantChange.model_validate({**common, **whose(number), "change": word, "already": already})


def whose(number: int) -> dict[str, str]:
    """Whoever comes back has another sid."""
    return {"participant_id": f"PA_{number}", "participant_name": "Alice", "participant_identity": "alice"}


def look_at(outcome: Outcome, **fields: object) -> Check:
    match_found = outcome is Outcome.MATCH
    return Check.model_validate({"room": "red", "outcome": outcome, "match_found": match_found, **fields})


def _within(stretches: list[tuple[int, int]], tick: int) -> bool:
    return any(begins <= tick < ends for begins, ends in stretches)


SCRIPTS = st.builds(
    Script,
    inside=spans(),
    before_camera=spans(),
    muted=spans(0),
    boots=spans(),
    killed=st.lists(st.booleans(), min_size=1, max_size=5),
    away=spans(0),
    clock_set=st.lists(st.tuples(st.integers(0, LENGTH), st.integers(-5000, 5000)), max_size=4).map(sorted),
    pauses=st.lists(st.integers(1, 15 * TICKS), min_size=1, max_size=5),
    news=st.lists(st.integers(0, NEWS), min_size=1, max_size=5),
)


@dataclass(frozen=True)
class Stated:
    """An interval in ticks of the true clock."""

    arrived_after: float | None
    arrived_by: float
    seen_until: float
    left_before: float | None


def in_ticks(script: Script, interval: Interval) -> Stated:
    """Whatever the clock was set to when they were first seen."""
    shift = interval.arrived_by * TICKS - script.truth[interval.cursor][1]
    after, before = interval.arrived_after, interval.left_before
    return Stated(
        None if after is None else round(after * TICKS - shift, 3),
        interval.arrived_by * TICKS - shift,
        round(interval.seen_until * TICKS - shift, 3),
        None if before is None else round(before * TICKS - shift, 3),
    )


@hypothesis_settings(deadline=None)
@given(SCRIPTS, st.randoms(use_true_random=False))
def test_the_truth_lies_inside_what_is_stated(script: Script, random: Random) -> None:
    known = evidence(script.events())
    random.shuffle(known)  # what comes late is told in its place
    found = intervals(folded(known))
    assert sum(interval.looks for interval in found) == sum(one.sight is Sight.SEEN for one in known)
    for interval in found:
        said = in_ticks(script, interval)
        first = script.truth[interval.cursor][1]
        last = next(until for since, until in script.truth.values() if since == said.seen_until)
        begins, _ = script.stay_around(first)
        _, ends = script.stay_around(last)
        assert said.arrived_after is None or begins >= said.arrived_after
        assert said.left_before is None or ends <= said.left_before
        assert script.longest_absence(first, last) <= interval.longest_gap * TICKS


@hypothesis_settings(deadline=None)
@given(SCRIPTS)
def test_what_cannot_see_splits_and_never_shortens(script: Script) -> None:
    known = evidence(script.events())
    whole = intervals(folded(one for one in known if one.sight not in (Sight.UNKNOWABLE, Sight.AWAY)))
    for interval in intervals(folded(known)):
        around = max(
            (one for one in whole if one.chain == interval.chain and one.cursor <= interval.cursor),
            key=lambda one: one.cursor,
        )
        part, all_of_it = in_ticks(script, interval), in_ticks(script, around)
        assert (part.arrived_after, part.left_before) == (all_of_it.arrived_after, all_of_it.left_before)
        assert all_of_it.arrived_by <= part.arrived_by
        assert part.seen_until <= all_of_it.seen_until
