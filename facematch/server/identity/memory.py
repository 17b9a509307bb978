"""What is remembered of participants and rooms between two events: the last news, in order. Pure."""

from __future__ import annotations

from bisect import insort
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple

from facematch.protocol.events import IdentityState
from facematch.server.identity.states import REMEMBERED, finding_of, known_of

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from facematch.server.identity.looks import News
    from facematch.server.identity.states import Expected, Finding


class Who(NamedTuple):
    """A participant. Texts as columns have them, empty when there is none."""

    room: str
    identity: str


@dataclass(frozen=True, slots=True)
class Told:
    """What was told of a participant last: one row."""

    who: Who
    sid: str
    name: str
    state: IdentityState
    detail: str
    was: str
    person_id: str
    seen_person_id: str
    looks: int
    certainty: str
    swapped: bool
    acknowledged: int
    """Position of the last event that says that somebody has seen to a swapped face; 0: there is none."""
    since: datetime
    cursor: int
    """Of the event that it follows from."""

    def says(self, finding: Finding, person_id: str) -> bool:
        """Whether this is what was found."""
        return (self.state, self.detail, self.person_id, self.seen_person_id) == (
            finding.state,
            finding.detail,
            person_id,
            finding.seen,
        )


@dataclass(slots=True)
class Room:
    """Which boot of a recognizer watches it, and what was last said of all of it."""

    source: str | None = None
    """None: none yet."""
    newest: float = float("-inf")
    """The latest moment of that boot that is known, on its wall clock."""
    marks: list[News] = field(default_factory=list)

    def takes(self, news: News) -> bool:
        """Whether news counts: it comes of the boot that watches now, or of its successor.

        A boot that has been replaced may still deliver what it saw. Nothing of it is about now.
        """
        evidence = news.evidence
        if evidence.chain.source != self.source:
            begins = news.word == "watch_began" and not evidence.chain.identity
            if self.source is not None and not begins and evidence.at <= self.newest:
                return False
            self.source, self.newest = evidence.chain.source, evidence.at
            self.marks.clear()
        self.newest = max(self.newest, evidence.at)
        return True


@dataclass(slots=True)
class Participant:
    """What is remembered of one."""

    who: Who
    told: Told | None
    expected: Expected | None
    swapped: bool
    acknowledged: int = 0
    marks: list[News] = field(default_factory=list)
    cameras: dict[str, list[News]] = field(default_factory=dict)

    @property
    def is_plain(self) -> bool:
        """Nobody says who they are to be, they are there, and a look will change nothing."""
        told = self.told
        is_unbound = self.expected is None and told is not None and told.state is IdentityState.UNBOUND
        return is_unbound and not any(line and _is_changed(line[-1]) for line in self.cameras.values())

    def note(self, news: News) -> None:
        """One more."""
        track = news.evidence.chain.track
        line = self.cameras.setdefault(track, []) if track else self.marks
        before = max((one for one in line if one.order < news.order), key=lambda one: one.order, default=None)
        # Looks say so until the recognizer has heard that somebody has seen to it: the first of them is told.
        self.swapped = self.swapped or (_is_changed(news) and (before is None or not _is_changed(before)))
        kept(line, news)

    def finding(self, room: Room) -> Finding:
        """What follows from what is remembered."""

        def counting(line: Iterable[News]) -> list[News]:
            return [one for one in line if one.evidence.chain.source == room.source]

        cameras = (counting(line) for line in self.cameras.values())
        own = counting(self.marks)
        known = known_of([*own, *counting(room.marks)], cameras, self.expected, swapped=self.swapped)
        if not own and known.unheard and self.told is not None:
            known.left = self.told.state is IdentityState.ABSENT  # a boot that never met them knows no better
        return finding_of(known)


def _is_changed(news: News) -> bool:
    evidence = news.check and news.check.evidence
    return bool(evidence and evidence.continuity == "changed")


MOST_CAMERAS: Final = 16
"""Of one participant, remembered."""


def kept(line: list[News], news: News) -> None:
    """Put news in its place; the oldest is forgotten when there are too many."""
    insort(line, news, key=lambda one: one.order)
    del line[:-REMEMBERED]
