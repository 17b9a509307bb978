"""How near is near enough: the tolerance in force for one person, with so many photographs, among so many candidates.

MATCH_TOLERANCE is what one photograph and one candidate take. Two things move it, so that what an operator has chosen
stays what it was: the chance that a stranger is given a name.

**Photographs.** A mean of several is nearer to everybody, strangers too. At equal rates of strangers the tolerance
falls with k photographs as sqrt(0.81 + 0.19 / k); with the mean of two looks to 0.92 of it, of three to 0.895.

**Candidates.** One stranger has N chances to resemble somebody: 1 - (1 - f)^N, with f the chance for each. With
STRANGER_RATE as the most of that, f follows, and the tolerance from the measured table.

**Beyond the table** one look names nobody. Several looks together do (`looks`), with the last step of the table
continued: the logarithm of the rate falls ever faster towards small distances, so a straight line claims too many
strangers rather than too few, and half of STRANGER_RATE is aimed at.

Source of both: this project's detector and encoder on Labeled Faces in the Wild (G. Huang et al., University of
Massachusetts, Technical Report 07-49, 2007): 126 people and 5,600 strangers; `bench/accuracy.py` measures them anew.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

STRANGERS: Final = ((0.409, 1e-5), (0.469, 1e-4), (0.504, 1 / 3000), (0.542, 1e-3), (0.60, 5.8e-3))
"""Distance to one photograph, and the share of strangers who are at most that far from it."""

MOST_CANDIDATES: Final = 1000
"""Among more than this nobody is named by one look. It is where the table ends for the default STRANGER_RATE, too."""

MATCH_MARGIN: Final = 0.04
"""By how much the next person of a gallery has to be farther than the one who is named."""

_CONTINUED: Final = 20
"""By how much rarer than at its end the table is continued: to the 10,000 people that a gallery may have."""
_CAUTION: Final = 0.5
"""Of STRANGER_RATE, where it is not measured."""
_LOOKS = (1.0, 0.92, 0.895)
"""Of one look, of the mean of two, and of three or more."""
_ALWAYS = 1 - 1e-9
"""A stranger rate of 1 has no logarithm of its rest."""


class ToleranceReason(StrEnum):
    """Why the tolerance in force is what it is."""

    MATCH_TOLERANCE = "match_tolerance"
    """As set for everybody; fitted to the number of photographs, as all of them are."""
    OWN = "own"
    """The person's own."""
    STRANGER_RATE = "stranger_rate"
    """Lowered, because so many are compared."""
    TOO_MANY_CANDIDATES = "TOO_MANY_CANDIDATES"
    """There is none: at no distance is STRANGER_RATE known to be kept."""


@dataclass(frozen=True, slots=True)
class MatchRules:
    """The settings that decide who is named."""

    tolerance: float = 0.5
    """MATCH_TOLERANCE."""
    stranger_rate: float = 0.01
    """A stranger's chance, 0 to 1, of being given some name of the gallery by one look, at most."""
    margin: float = MATCH_MARGIN


@dataclass(frozen=True, slots=True)
class Tolerance:
    """A tolerance in force."""

    value: float | None
    """The largest distance that is a match; None: nobody is named."""
    reason: ToleranceReason
    candidates: int
    """Among how many."""


def in_force(
    rules: MatchRules, candidates: int, *, photos: int = 1, own: float | None = None, looks: int = 1
) -> Tolerance:
    """The tolerance among so many candidates.

    Args:
        rules: the settings.
        candidates: who may be compared; the default person is no candidate.
        photos: of the person.
        own: the person's in place of MATCH_TOLERANCE.
        looks: 1, or of how many the compared embedding is the mean.
    """
    most = largest_keeping(rules.stranger_rate, candidates, looks)
    if most is None:
        return Tolerance(None, ToleranceReason.TOO_MANY_CANDIDATES, candidates)
    wanted, reason = (rules.tolerance, ToleranceReason.MATCH_TOLERANCE) if own is None else (own, ToleranceReason.OWN)
    if most < wanted:
        wanted, reason = most, ToleranceReason.STRANGER_RATE
    return Tolerance(wanted * math.sqrt(0.81 + 0.19 / photos) * looks_factor(looks), reason, candidates)


def all_in_force(
    rules: MatchRules, own: NDArray[np.float32], photos: NDArray[np.int32], looks: int = 1
) -> NDArray[np.float64]:
    """The same for every candidate, (n,): `own` with nan for those without; -1 for all where nobody is named."""
    if not len(own):
        return np.empty(0)  # as it is for every frame where the default person is all there is
    most = largest_keeping(rules.stranger_rate, len(own), looks)
    if most is None:
        return np.full(len(own), -1.0)
    return fitted(rules, own, photos, most) * looks_factor(looks)


def fitted(
    rules: MatchRules, own: NDArray[np.float32], photos: NDArray[np.int32], most: float | NDArray[np.float64]
) -> NDArray[np.float64]:
    """Of one look at each, (n,): their own tolerance or MATCH_TOLERANCE, `most` at most, for so many photographs."""
    wanted = np.minimum(np.where(np.isnan(own), rules.tolerance, own.astype(np.float64)), most)
    found: NDArray[np.float64] = wanted * np.sqrt(0.81 + 0.19 / photos)
    return found


def looks_factor(looks: int) -> float:
    """What the mean of so many looks takes of the tolerance of one."""
    return _LOOKS[min(looks, len(_LOOKS)) - 1]


@lru_cache(maxsize=64)  # asked for each frame, of a few galleries
def largest_keeping(stranger_rate: float, candidates: int, looks: int = 1) -> float | None:
    """The largest tolerance, for one photograph, at which a stranger is given one of so many names at most so often.

    Interpolated in the table on the logarithm of the rate. Beyond its ends nothing is claimed of one look; of several,
    see above.

    Returns:
        None: the table has none, or there are more than MOST_CANDIDATES for one look.
    """
    if looks == 1 and candidates > MOST_CANDIDATES:
        return None
    each = -math.expm1(math.log1p(-min(stranger_rate, _ALWAYS)) / max(1, candidates))
    distances, rates = zip(*STRANGERS, strict=True)
    if each >= rates[0]:
        return float(np.interp(math.log(each), np.log(rates), distances))
    rarer = rates[0] / (each * _CAUTION)
    if looks == 1 or rarer > _CONTINUED:
        return None
    step = (distances[1] - distances[0]) / math.log(rates[1] / rates[0])
    return distances[0] - step * math.log(rarer)


@dataclass(frozen=True, slots=True)
class StrangerChance:
    """How many strangers are that near to one photograph."""

    value: float
    at_most: bool
    """The table ends there: it is no more than that."""


def stranger_chance(tolerance: float) -> StrangerChance | None:
    """The share of strangers who are at most so far from one photograph, of the measured table.

    Returns:
        None: it is more than the table has.
    """
    distances, rates = zip(*STRANGERS, strict=True)
    if tolerance > distances[-1]:
        return None
    value = math.exp(float(np.interp(tolerance, distances, np.log(rates))))
    return StrangerChance(value, tolerance < distances[0])
