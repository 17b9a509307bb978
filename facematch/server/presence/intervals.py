"""From runs to intervals: when somebody arrived and left, as far as it can be known. Pure.

What is promised of an interval, if every look saw what was there:

- they arrived after `arrived_after` and at `arrived_by` at the latest;
- they were still there at `seen_until`, and left before `left_before`.

`arrived_after` is the last moment before it at which they are known not to have been there: a look that could see and
did not see them, or LiveKit's word that they joined. `left_before` is the first such moment after it: a look, or
LiveKit's word that they left. (Who comes back at once has joined again before it is heard that they left: leaving says
nothing of their second stay, nor joining of the first.) Where there is none, nobody knows, and it is None.
What cannot see (muted, no frames, nobody looking) ends an interval and
moves neither of these: two intervals on both sides of it may be one stay, and their outer bounds say so.

All distances are measured on the recognizer's steady clock. It is set to the wall clock as that stood at the first look
that saw them, so a clock that is set meanwhile moves no bound against another. No bound rests on two boots of a
recognizer: what its clock did in between, nobody knows.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from facematch.server.presence.evidence import JOINED, LEFT, Chain, Sight

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from facematch.server.presence.runs import Run

NEWS_SECONDS: Final = 2.0
"""How long the news that somebody has joined may take: they may have been there for that long."""


@dataclass(slots=True)
class Interval:
    """Somebody before one camera. Moments in seconds since 1970."""

    cursor: int
    """Position of the first look that saw them."""
    chain: Chain
    sid: str
    name: str
    person_id: str | None
    """Who it was; None: whoever was seen."""
    people: set[str]
    """Persons who were named meanwhile."""
    arrived_after: float | None
    arrived_by: float
    """The first look that saw them."""
    seen_until: float
    """The last one."""
    left_before: float | None
    looks: int
    """That saw them."""
    longest_gap: float
    """Seconds: who was away for less may not have been missed."""
    ended: str | None
    """What ended it: `not_seen`, `left`, `watch_lost`, `camera_gone`, an outcome of a Check …; None: nothing yet."""

    @property
    def seconds(self) -> float:
        """Between the first and the last look that saw them."""
        return max(0.0, self.seen_until - self.arrived_by)


def intervals(runs: Iterable[Run], *, by_person: bool = False) -> list[Interval]:
    """The intervals that follow from runs, by when they began.

    Args:
        runs: in any order; of a camera all of a stretch of time, and what was said of its room and participant.
        by_person: one interval for each person who was named, instead of those of whoever was seen.
    """
    found: list[Interval] = []
    for _, line in cameras_of(runs):
        if by_person:
            for person in sorted({person for run in line for person in run.people}):
                found += _followed(line, person)
        else:
            found += _followed(line, None)
    return sorted(found, key=lambda interval: (interval.arrived_by, interval.chain))


def cameras_of(runs: Iterable[Run]) -> Iterator[tuple[Chain, list[Run]]]:
    """For each camera its looks and what was said of it, of its participant and of its room, in their order."""
    cameras, said = _sorted_out(runs)
    for chain, own in cameras.items():
        markers = (
            *said.get(Chain(chain.source, chain.room, "", ""), ()),
            *said.get(Chain(chain.source, chain.room, chain.identity, ""), ()),
            *said.get(chain, ()),
        )
        yield chain, sorted([*own, *markers], key=_order)


def _sorted_out(runs: Iterable[Run]) -> tuple[dict[Chain, list[Run]], dict[Chain, list[Run]]]:
    """Looks by camera, and what is no look by what it is about."""
    cameras: defaultdict[Chain, list[Run]] = defaultdict(list)
    said: defaultdict[Chain, list[Run]] = defaultdict(list)
    for run in runs:
        (said if run.sight in (Sight.ABSENT, Sight.AWAY) else cameras)[run.chain].append(run)
    return cameras, said


def _order(run: Run) -> tuple[float, int]:
    return run.first_ended, run.first_cursor


def _followed(line: Sequence[Run], person: str | None) -> Iterator[Interval]:
    """The intervals of one camera."""
    absent_at: float | None = None
    unbounded: list[tuple[Interval, float]] = []
    """Those of which nobody knows yet when they had ended, and what to add to the steady clock."""
    current: Interval | None = None
    offset = last_began = 0.0
    for run in line:
        if not _is_seen(run, person):
            if current is not None:
                current.ended = run.reason or Sight.NOT_SEEN
                current = None
            if _is_absence(run, person):
                if run.reason != JOINED:
                    for interval, its_offset in unbounded:
                        interval.left_before = run.began + its_offset
                    unbounded.clear()
                if run.reason != LEFT:
                    absent_at = run.ended - (NEWS_SECONDS if run.reason == JOINED else 0.0)
        elif current is None:
            offset, last_began = run.at - run.first_ended, run.last_began
            current = _begun(run, person, offset, absent_at)
            unbounded.append((current, offset))
            yield current
        else:
            current.longest_gap = max(current.longest_gap, run.longest_gap, run.first_ended - last_began)
            current.looks += run.looks
            current.people.update(run.people)
            current.seen_until, last_began = run.last_began + offset, run.last_began


def _begun(run: Run, person: str | None, offset: float, absent_at: float | None) -> Interval:
    return Interval(
        cursor=run.first_cursor,
        chain=run.chain,
        sid=run.sid,
        name=run.name,
        person_id=person,
        people=set(run.people),
        arrived_after=None if absent_at is None else absent_at + offset,
        arrived_by=run.at,
        seen_until=run.last_began + offset,
        left_before=None,
        looks=run.looks,
        longest_gap=run.longest_gap,
        ended=None,
    )


def _is_seen(run: Run, person: str | None) -> bool:
    return run.sight is Sight.SEEN and (person is None or person in run.people)


def _is_absence(run: Run, person: str | None) -> bool:
    """Whether it proves that they were not there."""
    if run.sight is Sight.SEEN:
        return person is not None and person not in run.people
    return run.sight in (Sight.NOT_SEEN, Sight.ABSENT)
