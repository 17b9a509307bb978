"""Calibration as it is answered over HTTP."""

# Annotations are read at run time here: pydantic makes its models from them.
from collections.abc import Mapping, Sequence
from typing import Literal, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from facematch.faces.tolerance import Tolerance
from facematch.server.calibration.measuring import Chance, LeftOut, Pair, wilson
from facematch.server.calibration.proposing import Judged, Proposal

MOST_PHOTOS = 200
"""Told one by one."""
SOURCE = (
    "Labeled Faces in the Wild, measured with this encoder: press photographs of 5,600 strangers. Not of the people "
    "who come before your cameras."
)


class VerdictSent(BaseModel):
    """What somebody says of an event."""

    model_config = ConfigDict(extra="forbid")

    verdict: Literal["right", "wrong"] | None = Field(
        description="Of a Match: it is who it says; of a Check without a name: the person nearest to it was not there. "
        "wrong: the opposite. null: nothing any more"
    )


class VerdictKept(BaseModel):
    """It is kept as long as the event is."""

    ok: Literal[True] = True
    event_id: UUID
    verdict: Literal["right", "wrong"] | None


class Share(BaseModel):
    """How many of how many."""

    count: int
    of: int
    low: float = Field(description="The true share lies between these, 19 times in 20 (Wilson)")
    high: float

    @classmethod
    def measured(cls, count: int, of: int) -> Self:
        """With its interval."""
        low, high = wilson(count, of)
        return cls(count=count, of=of, low=round(low, 4), high=round(high, 4))


class MissedPhoto(BaseModel):
    """A photo that would not be recognised as its person's, by the others."""

    person_id: str
    person_name: str | None
    photo_id: str
    distance: float = Field(description="To the mean of the person's other photos")
    why: Literal["too_far", "ambiguous"] = Field(description="ambiguous: somebody else is about as near")


class OwnPhotos(BaseModel):
    """Each photo left out once, and looked for by the others of its person."""

    missed: Share = Field(description="Among all candidates, with the tolerance in force and the margin")
    missed_bound: Share = Field(description="One to one, as participants are who are bound to a person")
    photos: list[MissedPhoto] = Field(description=f"Those missed, the farthest first, {MOST_PHOTOS} at most")


class Named(BaseModel):
    """A person."""

    person_id: str
    person_name: str | None


class ConfusablePair(BaseModel):
    """Two people who are near to each other."""

    people: tuple[Named, Named]
    distance: float = Field(description="Between the means of their photos")
    tolerance: float = Field(description="Of one to one, the larger of theirs")
    confusable: bool = Field(description="The distance is within it: one may be taken for the other, or neither named")


class Strangers(BaseModel):
    """A stranger's chance in one look. Not measured here."""

    each: float | None = Field(description="Of being taken for one person of one photo; null: the table has none")
    some: float | None = Field(description="Of being given some name of all")
    at_most: bool = Field(description="The table ends there: no more than that")
    source: str = SOURCE


class InForce(BaseModel):
    """The tolerance for a person with one photo among these candidates."""

    tolerance: float | None = Field(description="null: too many candidates, nobody is named by one look")
    reason: str
    match_tolerance: float
    stranger_rate: float


class Proposed(BaseModel):
    """Another MATCH_TOLERANCE, and what it would have done to the events that were judged."""

    tolerance: float
    prevents: int = Field(description="Wrong names that would not have been given")
    loses: Share = Field(description="Right names that would not have been given")
    finds: int = Field(description="People who were missed and would have been named")
    names_strangers: Share = Field(description="Looks at nobody who is known that would have been given a name")
    stranger_each: float | None = Field(description="A stranger's chance then, from the table")


class VerdictCounts(BaseModel):
    """What was said of events."""

    right: int
    wrong: int
    used: int = Field(description="Of which the proposals are made: those under MATCH_TOLERANCE as it is now")


class Calibration(BaseModel):
    """How well the people of the gallery are told apart here. It changes nothing."""

    gallery_version: int
    room: str | None
    candidates: int = Field(description="Who is compared")
    photos: int = Field(description="Theirs")
    in_force: InForce
    own_photos: OwnPhotos
    confusable: list[ConfusablePair] = Field(description="The closest pairs, of those who are ever in one room")
    strangers: Strangers
    verdicts: VerdictCounts
    proposals: list[Proposed] = Field(
        description="Apply one by setting MATCH_TOLERANCE for both processes; empty: no verdict speaks for any"
    )
    complete: bool = Field(description="false: the time was over before everybody was compared")


def in_force_of(tolerance: Tolerance, match_tolerance: float, stranger_rate: float) -> InForce:
    return InForce(
        tolerance=tolerance.value,
        reason=tolerance.reason.value,
        match_tolerance=match_tolerance,
        stranger_rate=stranger_rate,
    )


def own_photos_of(found: Sequence[LeftOut], names: Mapping[str, str]) -> OwnPhotos:
    missed = [one for one in found if one.missed or one.ambiguous]
    return OwnPhotos(
        missed=Share.measured(len(missed), len(found)),
        missed_bound=Share.measured(sum(one.missed_bound for one in found), len(found)),
        photos=[
            MissedPhoto(
                person_id=one.person_id,
                person_name=names.get(one.person_id),
                photo_id=one.photo_id,
                distance=round(one.distance, 4),
                why="too_far" if one.missed else "ambiguous",
            )
            for one in sorted(missed, key=lambda one: -one.distance)[:MOST_PHOTOS]
        ],
    )


def pair_of(pair: Pair, names: Mapping[str, str]) -> ConfusablePair:
    one, other = (Named(person_id=id_, person_name=names.get(id_)) for id_ in pair.ids)
    return ConfusablePair(
        people=(one, other),
        distance=round(pair.distance, 4),
        tolerance=round(pair.tolerance, 4),
        confusable=pair.distance <= pair.tolerance,
    )


def strangers_of(chance: Chance) -> Strangers:
    return Strangers(each=chance.each, some=chance.some, at_most=chance.at_most)


def proposed_of(proposal: Proposal, judged: Judged, stranger_each: float | None) -> Proposed:
    return Proposed(
        tolerance=proposal.tolerance,
        prevents=proposal.prevents,
        loses=Share.measured(proposal.loses, len(judged.right)),
        finds=proposal.finds,
        names_strangers=Share.measured(proposal.names_strangers, len(judged.strangers)),
        stranger_each=stranger_each,
    )
