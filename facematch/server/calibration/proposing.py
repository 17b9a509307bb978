"""Tolerances that verdicts on events speak for, each with its cost. Nothing changes by itself. Pure.

Distances are in the measure of one photo, as MATCH_TOLERANCE is: an event's distance by its tolerance in force, times
MATCH_TOLERANCE.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Final

from facematch.faces.tolerance import STRANGERS

MOST: Final = 5
_STEP: Final = 0.001


@dataclass(frozen=True, slots=True)
class Judged:
    """What was said of events."""

    right: list[float] = field(default_factory=list)
    """Matches of whom they name."""
    wrong: list[float] = field(default_factory=list)
    """Matches of somebody else."""
    missed: list[float] = field(default_factory=list)
    """Checks that named nobody although the nearest was there."""
    strangers: list[float] = field(default_factory=list)
    """Checks that named nobody, and nobody was there."""
    others: int = 0
    """Verdicts that say nothing of MATCH_TOLERANCE: another tolerance was in force, or nobody was near."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """Another MATCH_TOLERANCE, and what it would have done to the events that were judged."""

    tolerance: float
    prevents: int = 0
    """Wrong names that would not have been given."""
    loses: int = 0
    """Right names that would not have been given."""
    finds: int = 0
    """People who were missed and would have been named."""
    names_strangers: int = 0
    """Looks at nobody who is known that would have been given a name."""


def proposals(judged: Judged, tolerance: float) -> list[Proposal]:
    """At most `MOST` lower ones that prevent wrong names, and as many higher ones that find who was missed; those that
    change least first.
    """
    lower = {math.floor((one - _STEP / 2) / _STEP) * _STEP for one in judged.wrong if one <= tolerance}
    highest = STRANGERS[-1][0]
    higher = {math.ceil(one / _STEP) * _STEP for one in judged.missed if tolerance < one <= highest}
    return [
        _proposal(judged, round(one, 3))
        for one in [*sorted((one for one in lower if one > 0), reverse=True)[:MOST], *sorted(higher)[:MOST]]
    ]


def _proposal(judged: Judged, tolerance: float) -> Proposal:
    return Proposal(
        tolerance,
        prevents=sum(one > tolerance for one in judged.wrong),
        loses=sum(one > tolerance for one in judged.right),
        finds=sum(one <= tolerance for one in judged.missed),
        names_strangers=sum(one <= tolerance for one in judged.strangers),
    )
