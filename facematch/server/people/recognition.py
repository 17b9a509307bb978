"""How surely a person is recognised: the tolerance in force for their photos among all who may be compared. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from facematch.faces.tolerance import in_force
from facematch.server.people.resemblance import candidates_of

if TYPE_CHECKING:
    from facematch.faces.gallery import Gallery
    from facematch.faces.tolerance import MatchRules, Tolerance


@dataclass(frozen=True, slots=True)
class Recognition:
    """Of one person, in the room where most may be compared."""

    tolerance: Tolerance
    """Of one look."""
    bound: float
    """Of one look at somebody who is bound to them: compared one to one, however many there are."""


def recognition_of(gallery: Gallery, rules: MatchRules, person_id: str) -> Recognition | None:
    """How surely somebody is recognised; None: they have no photo, so nobody looks for them.

    Args:
        gallery: everybody.
        rules: the settings.
        person_id: whose.
    """
    person, place = gallery.person(person_id), gallery.place(person_id)
    if person is None or place is None:
        return None
    among = int(candidates_of(gallery)[place])
    tolerance = in_force(rules, among, photos=person.photos, own=person.tolerance)
    bound = in_force(rules, 1, photos=person.photos, own=person.tolerance).value or 0.0
    return Recognition(tolerance, bound)
