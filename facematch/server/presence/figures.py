"""Figures of a day: how often somebody was looked at, and what was seen. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from facematch.server.presence.evidence import Sight

if TYPE_CHECKING:
    from collections.abc import Iterable

    from facematch.server.presence.runs import Run

NOBODY_IN_PARTICULAR = ""
"""In place of a person: figures of the participant, whoever was seen."""


class Key(NamedTuple):
    """Of whom, where and when."""

    day: str
    identity: str
    room: str
    person_id: str


@dataclass(slots=True)
class Figures:
    """Looks, and what lies between the first and the last of each run of *seen*."""

    seen: int = 0
    not_seen: int = 0
    unknowable: int = 0
    seconds: float = 0.0
    first_at: float | None = None
    """Of what was seen, in seconds since 1970."""
    last_at: float | None = None

    @property
    def looks(self) -> int:
        """Of which something could be known."""
        return self.seen + self.not_seen

    def add(self, other: Figures) -> None:
        """Take those of other looks."""
        self.seen += other.seen
        self.not_seen += other.not_seen
        self.unknowable += other.unknowable
        self.seconds += other.seconds
        if other.first_at is not None and other.last_at is not None:
            self.first_at = other.first_at if self.first_at is None else min(self.first_at, other.first_at)
            self.last_at = other.last_at if self.last_at is None else max(self.last_at, other.last_at)


def figures_of(runs: Iterable[Run]) -> dict[Key, Figures]:
    """The sums over runs."""
    sums: dict[Key, Figures] = {}
    for run in runs:
        for person in (NOBODY_IN_PARTICULAR, *run.people):
            key = Key(run.day, run.chain.identity, run.chain.room, person)
            sums.setdefault(key, Figures()).add(_of(run))
    return sums


def _of(run: Run) -> Figures:
    match run.sight:
        case Sight.SEEN:
            return Figures(run.looks, 0, 0, run.ended - run.began, run.at, run.last_at)
        case Sight.NOT_SEEN:
            return Figures(not_seen=run.looks)
        case Sight.UNKNOWABLE:
            return Figures(unknowable=run.looks)
        case _:
            return Figures()
