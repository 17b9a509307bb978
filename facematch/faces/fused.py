"""Several looks at one face taken together: their mean, and whom that resembles.

One look is one batch. Frames of one batch are much alike and say one thing; looks that lie a pause apart say more each,
and their mean is nearer to its owner and farther from strangers than any of them (see `tolerance` for what that takes
of the tolerance). A mean of two people resembles neither, so it begins anew with a look that is unlike the others.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np

from facematch.faces.gallery import DEFAULT
from facematch.faces.ranking import MOST_NEAR, NEAR, Nearness
from facematch.faces.tolerance import in_force, looks_factor

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from facematch.faces.ranking import Enrolled
    from facematch.faces.tolerance import MatchRules

MOST_LOOKS: Final = 3
"""That the mean is of. The measured tolerances end there."""
UNLIKE: Final = 0.62
"""Distance from the mean of the looks before, beyond which a look is of another face. One photograph in a hundred of
the same person is as far from another one, and one stranger in a hundred is nearer."""


@dataclass(slots=True)
class FusedFace:
    """The last looks at one face."""

    _looks: list[NDArray[np.float32]] = field(default_factory=list)

    def add(self, embedding: NDArray[np.float32]) -> None:
        """One more look, (128,)."""
        if self._looks and float(np.linalg.norm(self.embedding - embedding)) > UNLIKE:
            self._looks.clear()
        self._looks = [*self._looks, embedding][-MOST_LOOKS:]

    def copy(self) -> FusedFace:
        """Another one of the same looks."""
        return FusedFace(list(self._looks))

    @property
    def looks(self) -> int:
        """Of how many it is the mean."""
        return len(self._looks)

    @property
    def embedding(self) -> NDArray[np.float32]:
        """(128,); not to be asked for before the first look."""
        mean: NDArray[np.float32] = np.mean(self._looks, axis=0, dtype=np.float32)
        return mean

    @property
    def spread(self) -> float:
        """Variance of the looks, squared distance; 0 for one."""
        if self.looks < 2:  # noqa: PLR2004
            return 0.0
        return float(np.var(self._looks, axis=0, ddof=1, dtype=np.float64).sum())


@dataclass(frozen=True, slots=True)
class FusedNearness:
    """Whom a fused face resembles."""

    best: Nearness | None
    """The nearest of all, if within NEAR of their tolerance."""
    margin: float | None
    """How much farther the next candidate is than `best`; None: there is none, or `best` is the default person."""
    bound: Nearness | None
    """Whom it is supposed to be, one to one; None: nobody, or somebody who is not looked for here."""
    stranger: bool
    """Two looks or more, and everybody is outside their tolerance. Never where one look would name nobody: a tolerance
    that is strict for so many is no proof that somebody is not among them."""


def nearness(
    face: FusedFace, enrolled: Enrolled, rules: MatchRules, *, room: str, bound: str | None = None
) -> FusedNearness:
    """Whom a fused face resembles, with the tolerances of so many looks.

    Args:
        face: of one look at least.
        enrolled: who is looked for.
        rules: the settings.
        room: where it was; people who are for other rooms are not compared.
        bound: the id of the person who is supposed to be there, if any.
    """
    compared = _Compared(face, enrolled, rules, room)
    default, candidates = compared.default(), compared.nearest()
    everybody = [*([default] if default else []), *candidates]
    best = min(everybody, key=lambda one: one.distance, default=None)
    supposed = default if bound == DEFAULT else compared.alone(bound) if bound else None
    told = best if best is not None and best.distance <= (best.tolerance or 0.0) + NEAR else None
    others = candidates[1:] if told is not None and told is not default else []
    unknown = compared.too_many  # somebody may well be among so many, and not within a tolerance that is so strict
    somebody = any(_within(one) for one in (*everybody, supposed) if one)
    return FusedNearness(
        told,
        others[0].distance - told.distance if told and others else None,
        supposed,
        stranger=face.looks > 1 and bool(everybody) and not unknown and not somebody,
    )


class _Compared:
    """A fused face beside those who are looked for in a room."""

    def __init__(self, face: FusedFace, enrolled: Enrolled, rules: MatchRules, room: str) -> None:
        self._embedding, self._looks = face.embedding, face.looks
        self._enrolled, self._rules = enrolled, rules
        self._candidates = enrolled.gallery.candidates(room)

    @property
    def too_many(self) -> bool:
        """Whether one look would name nobody."""
        return bool(len(self._candidates)) and in_force(self._rules, len(self._candidates)).value is None

    def default(self) -> Nearness | None:
        """The default person."""
        if self._enrolled.default is None:
            return None
        tolerance = self._rules.tolerance * looks_factor(self._looks)
        return Nearness(DEFAULT, self._enrolled.default.distance(self._embedding), tolerance)

    def nearest(self) -> list[Nearness]:
        """Candidates, nearest first, at most MOST_NEAR."""
        rows = self._candidates.nearest(self._embedding, MOST_NEAR)
        return sorted((self._near(row, len(self._candidates)) for row in rows), key=lambda one: one.distance)

    def alone(self, id_: str) -> Nearness | None:
        """One of them, with the tolerance of the only one; None: not looked for here."""
        row = self._candidates.row_of(self._enrolled.gallery, id_)
        return None if row is None else self._near(row, 1)

    def _near(self, row: int, among: int) -> Nearness:
        candidates, own = self._candidates, float(self._candidates.tolerances[row])
        photos = int(candidates.photos[row])
        tolerance = in_force(self._rules, among, photos=photos, own=None if np.isnan(own) else own, looks=self._looks)
        distance = float(np.linalg.norm(candidates.centroids[row] - self._embedding))
        return Nearness(self._enrolled.gallery.ids[int(candidates.rows[row])], distance, tolerance.value)


def _within(one: Nearness) -> bool:
    return one.tolerance is not None and one.distance <= one.tolerance
