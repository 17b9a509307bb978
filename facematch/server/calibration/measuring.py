"""What the photos of the gallery say of themselves: which would be missed, and who is easily taken for whom. Pure.

Each photo is left out once and looked for as if it came from a camera: compared with the mean of its person's others,
and with everybody else. Nothing is said of strangers: ten people, or a thousand, are too few to measure those.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from facematch.faces.tolerance import largest_keeping, stranger_chance

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from facematch.faces.gallery import Candidates, Gallery
    from facematch.faces.tolerance import MatchRules

AT_ONCE: Final = 256
"""Photos, or people, that are compared with everybody between two looks at the clock."""
MOST_PAIRS: Final = 20
_MOST_NEAR: Final = 1024
"""Pairs of one block that are looked at one by one."""
_Z: Final = 1.96
"""Standard deviations of an interval of 95 %."""


@dataclass(frozen=True, slots=True)
class Photos:
    """Those of a gallery."""

    ids: tuple[str, ...]
    owners: NDArray[np.intp]
    """(n,), places of their people in the gallery."""
    embeddings: NDArray[np.float32]
    """(n, 128)"""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A photo that was looked for among the others."""

    person_id: str
    photo_id: str
    distance: float
    """To the mean of their other photos."""
    tolerance: float
    """One to one, for one photo less."""
    missed: bool
    """Beyond the tolerance that is in force among all of the candidates, or those are too many for one."""
    ambiguous: bool
    """Within it, and somebody else is about as near."""
    missed_bound: bool
    """Beyond the tolerance of one to one, as whoever is bound to this person is compared."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Two people, and how far their means are from each other."""

    ids: tuple[str, str]
    distance: float
    tolerance: float
    """The larger of theirs, one to one: at that distance one would be taken for the other."""


@dataclass(frozen=True, slots=True)
class Chance:
    """A stranger's chance per look, from the published table; not from here."""

    each: float | None
    """Of being given one name, at the tolerance in force for one photo. None: the table has none."""
    some: float | None
    """Of being given some name of all."""
    at_most: bool
    """The table ends there: it is no more than that."""


def left_out(
    gallery: Gallery, room: str | None, photos: Photos, rules: MatchRules, expired: Callable[[], bool]
) -> list[LeftOut]:
    """Each photo whose person has others. Stops when the time has `expired`: some are missing at the end then."""
    candidates = _candidates(gallery, room)
    rows = {int(place): row for row, place in enumerate(candidates.rows)}
    counts = np.bincount(photos.owners, minlength=len(gallery))
    sums = np.zeros((len(gallery), photos.embeddings.shape[1]), np.float64)
    np.add.at(sums, photos.owners, photos.embeddings)
    most = largest_keeping(rules.stranger_rate, len(candidates))
    wanted = [at for at, owner in enumerate(photos.owners) if counts[owner] > 1 and int(owner) in rows]
    found: list[LeftOut] = []
    for begin in range(0, len(wanted), AT_ONCE):
        if expired():
            break
        block = np.array(wanted[begin : begin + AT_ONCE])
        owners, embeddings = photos.owners[block], photos.embeddings[block]
        others = counts[owners] - 1
        own = np.linalg.norm((sums[owners] - embeddings) / others[:, None] - embeddings, axis=1)
        apart = _distances(embeddings, candidates)
        apart[np.arange(len(block)), [rows[int(owner)] for owner in owners]] = np.inf
        nearest = apart.min(axis=1)
        for at, photo in enumerate(block):
            row = rows[int(owners[at])]
            bound = wanted_tolerance(candidates, row, rules) * math.sqrt(0.81 + 0.19 / int(others[at]))
            share = min(1.0, (most or 0.0) / wanted_tolerance(candidates, row, rules))
            within = most is not None and own[at] <= bound * share
            found.append(
                LeftOut(
                    gallery.ids[int(owners[at])],
                    photos.ids[int(photo)],
                    float(own[at]),
                    bound,
                    missed=not within,
                    ambiguous=bool(within and nearest[at] - own[at] < rules.margin),
                    missed_bound=bool(own[at] > bound),
                )
            )
    return found


def closest_pairs(
    gallery: Gallery, room: str | None, rules: MatchRules, expired: Callable[[], bool]
) -> tuple[list[Pair], bool]:
    """The people who are nearest to each other, of those who are ever compared in one room; and whether all were
    compared before the time had `expired`.
    """
    candidates = _candidates(gallery, room)
    count = len(candidates)
    found: list[tuple[float, int, int]] = []
    for begin in range(0, count, AT_ONCE):
        if expired():
            return _pairs(gallery, candidates, rules, found), False
        apart = _distances(candidates.centroids[begin : begin + AT_ONCE], candidates)
        apart[np.arange(count)[None, :] <= np.arange(begin, begin + len(apart))[:, None]] = np.inf  # each pair once
        flat = apart.ravel()
        near = np.flatnonzero(flat < (found[-1][0] if len(found) == MOST_PAIRS else np.inf))
        if len(near) > _MOST_NEAR:
            near = near[np.argpartition(flat[near], _MOST_NEAR)[:_MOST_NEAR]]
        pairs = [(float(flat[at]), begin + int(at) // count, int(at) % count) for at in near]
        found = sorted([*found, *(pair for pair in pairs if _meet(gallery, candidates, pair))])[:MOST_PAIRS]
    return _pairs(gallery, candidates, rules, found), True


def chance_of_strangers(gallery: Gallery, room: str | None, rules: MatchRules) -> Chance:
    """Of being given a name in one look, as the published table has it."""
    candidates = _candidates(gallery, room)
    most = largest_keeping(rules.stranger_rate, len(candidates))
    if most is None:
        return Chance(0.0, 0.0, at_most=False)  # nobody is named by one look
    each = stranger_chance(min(rules.tolerance, most))
    own = [stranger_chance(min(wanted_tolerance(candidates, row, rules), most)) for row in range(len(candidates))]
    if each is None or any(one is None for one in own):
        return Chance(None, None, at_most=False)
    rest = math.fsum(math.log1p(-one.value) for one in own if one is not None)
    return Chance(each.value, -math.expm1(rest), at_most=each.at_most or any(one.at_most for one in own if one))


def wilson(count: int, of: int) -> tuple[float, float]:
    """Between which shares the true one lies, 19 times in 20.

    Source: E. B. Wilson, Probable inference, the law of succession, and statistical inference, JASA 22 (1927).
    """
    if not of:
        return 0.0, 1.0
    share, spread = count / of, _Z * _Z / of
    middle = share + spread / 2
    reach = _Z * math.sqrt(share * (1 - share) / of + spread / (4 * of))
    return max(0.0, (middle - reach) / (1 + spread)), min(1.0, (middle + reach) / (1 + spread))


def wanted_tolerance(candidates: Candidates, row: int, rules: MatchRules) -> float:
    """A candidate's own tolerance, or that of everybody; in the measure of one photo."""
    own = float(candidates.tolerances[row])
    return rules.tolerance if math.isnan(own) else own


def _candidates(gallery: Gallery, room: str | None) -> Candidates:
    """Of one room, or everybody as if they were all for one."""
    return gallery.everybody() if room is None else gallery.candidates(room)


def _distances(embeddings: NDArray[np.float32], candidates: Candidates) -> NDArray[np.float32]:
    """(n, candidates): one matrix product, right to about 1e-5."""
    squares = np.einsum("ij,ij->i", embeddings, embeddings)[:, None] + 2 * candidates.half_squares
    squares -= 2 * (embeddings @ candidates.centroids.T)
    found: NDArray[np.float32] = np.sqrt(np.maximum(squares, 0, out=squares), out=squares)
    return found


def _meet(gallery: Gallery, candidates: Candidates, pair: tuple[float, int, int]) -> bool:
    """Whether two are ever compared in the same room."""
    one, other = (gallery.rooms[int(candidates.rows[row])] for row in pair[1:])
    return not one or not other or bool(one & other)


def _pairs(
    gallery: Gallery, candidates: Candidates, rules: MatchRules, found: list[tuple[float, int, int]]
) -> list[Pair]:
    def tolerance(row: int) -> float:
        photos = int(candidates.photos[row])
        return wanted_tolerance(candidates, row, rules) * math.sqrt(0.81 + 0.19 / photos)

    return [
        Pair(
            (gallery.ids[int(candidates.rows[one])], gallery.ids[int(candidates.rows[other])]),
            distance,
            max(tolerance(one), tolerance(other)),
        )
        for distance, one, other in found
    ]
