"""Runs: looks of one camera, one after the other, that say the same, as one row. Pure.

A camera that is looked at every ten seconds says the same thing many times; what is kept is when it began to, when it
last did, how often, and the longest time in between. A run ends with the day, so that each belongs to one.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from facematch.server.presence.evidence import NOT_LOOKS, Chain, Sight

if TYPE_CHECKING:
    from collections.abc import Iterable

    from facematch.server.presence.evidence import Evidence


@dataclass(slots=True)
class Run:
    """One row. Times as in `Evidence`."""

    first_cursor: int
    """Position of the event that began it: its key."""
    chain: Chain
    sight: Sight
    people: tuple[str, ...]
    reason: str
    reference: str
    day: str
    """In UTC, on the recognizer's wall clock."""
    began: float
    """Of the first look …"""
    first_ended: float
    last_began: float
    """… and of the last one."""
    ended: float
    at: float
    """`first_ended` on the wall clock."""
    last_at: float
    """`ended` on the wall clock."""
    looks: int
    longest_gap: float
    """Seconds for which nobody can say what was there between two looks, at most."""
    open: bool
    """Nothing else has come after it."""
    sid: str
    name: str
    nameless: bool
    best: float | None
    """Smallest distance of a look to who was looked for; None: no look knew one."""

    def continues_with(self, look: Evidence) -> bool:
        """Whether a later look of its chain says the same."""
        return (
            self.open
            and self.sight is look.sight
            and self.people == look.people
            and self.reason == look.reason
            and self.reference == look.reference
            and self.day == day_of(look.at)
        )

    def extend(self, look: Evidence) -> None:
        """Take that look."""
        self.longest_gap = max(self.longest_gap, look.ended - self.last_began)
        self.last_began, self.ended, self.last_at = look.began, look.ended, look.at
        self.looks += 1
        self.best = smaller(self.best, look.best)


def run_of(evidence: Evidence) -> Run:
    """The run that a piece of evidence begins. What is no look is one by itself."""
    is_look = evidence.sight not in NOT_LOOKS
    return Run(
        evidence.cursor,
        evidence.chain,
        evidence.sight,
        evidence.people,
        evidence.reason,
        evidence.reference,
        day_of(evidence.at),
        evidence.began,
        evidence.ended,
        evidence.began,
        evidence.ended,
        evidence.at,
        evidence.at,
        1 if is_look else 0,
        0.0,
        is_look,
        evidence.sid,
        evidence.name,
        evidence.nameless,
        evidence.best,
    )


def smaller(one: float | None, other: float | None) -> float | None:
    """Of two distances, either of which may not be known."""
    return min((value for value in (one, other) if value is not None), default=None)


def folded(evidence: Iterable[Evidence]) -> list[Run]:
    """All runs of what is known, whatever order it came in."""
    runs: list[Run] = []
    last: dict[Chain, Run] = {}
    for one in sorted(evidence, key=order):
        if one.sight in NOT_LOOKS:
            for chain, run in last.items():
                run.open = run.open and not one.chain.covers(chain)
            runs.append(run_of(one))
            continue
        before = last.get(one.chain)
        if before is not None and before.continues_with(one):
            before.extend(one)
            continue
        if before is not None:
            before.open = False
        last[one.chain] = run_of(one)
        runs.append(last[one.chain])
    return runs


def order(evidence: Evidence) -> tuple[float, int]:
    """In which evidence of one source is folded."""
    return evidence.ended, evidence.cursor


def day_of(at: float) -> str:
    """The day of a moment, `2025-09-25`, in UTC."""
    return moment_of(at).date().isoformat()


def moment_of(at: float) -> datetime:
    """Seconds since 1970 as a time; the first or last one there is for what is beyond."""
    return datetime.fromtimestamp(min(max(at, _FIRST), _LAST), UTC)


_FIRST = datetime.min.replace(tzinfo=UTC).timestamp()
_LAST = datetime.max.replace(tzinfo=UTC).timestamp() - 1
