"""How surely a person is recognised: the tolerance in force for their photos among all who may be compared, and who
resembles them. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from facematch.faces.gallery import DEFAULT
from facematch.faces.tolerance import in_force

if TYPE_CHECKING:
    from collections.abc import Iterator

    from facematch.faces.gallery import Gallery
    from facematch.faces.tolerance import MatchRules, Tolerance


@dataclass(frozen=True, slots=True)
class Recognition:
    """Of one person, in the room where most may be compared."""

    tolerance: Tolerance
    """Of one look."""
    bound: float
    """Of one look at somebody who is bound to them: compared one to one, however many there are."""
    resembles: tuple[str, float] | None
    """The id of the person of one of their rooms who is nearest, and how far the means of their photos are apart; None:
    nobody is within the tolerance."""


def recognition_of(gallery: Gallery, rules: MatchRules, person_id: str) -> Recognition | None:
    """How surely somebody is recognised; None: they have no photo, so nobody looks for them.

    Args:
        gallery: everybody.
        rules: the settings.
        person_id: whose.
    """
    person = gallery.person(person_id)
    if person is None or person_id == DEFAULT:
        return None
    among = max(len(gallery.candidates(room)) for room in _rooms_of(gallery, person.rooms))
    tolerance = in_force(rules, among, photos=person.photos, own=person.tolerance)
    bound = in_force(rules, 1, photos=person.photos, own=person.tolerance).value or 0.0
    distances = np.linalg.norm(gallery.centroids - person.centroid, axis=1)
    for place, (id_, rooms) in enumerate(zip(gallery.ids, gallery.rooms, strict=True)):
        if id_ in (person_id, DEFAULT) or (rooms and person.rooms and not rooms & person.rooms):
            distances[place] = np.inf
    nearest = int(np.argmin(distances))
    near = float(distances[nearest])
    resembles = (gallery.ids[nearest], near) if near <= (tolerance.value or bound) else None
    return Recognition(tolerance, bound, resembles)


def _rooms_of(gallery: Gallery, own: frozenset[str]) -> Iterator[str]:
    """Where they are looked for, one name for all the rooms that nobody is bound to."""
    if own:
        yield from sorted(own)
        return
    yield ""
    yield from sorted(frozenset[str]().union(*gallery.rooms))
