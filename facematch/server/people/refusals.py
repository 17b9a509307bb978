"""Why people and photos are not taken, in codes and sentences."""

from __future__ import annotations

from typing import Literal, Self

Reason = Literal["UNLIKE_THE_OTHERS", "OTHER_PERSON", "DUPLICATE", "ERASED_BEFORE", "TOO_MANY_PHOTOS", "OTHER_ENCODER"]

ANYWAY = ("UNLIKE_THE_OTHERS", "OTHER_PERSON", "ERASED_BEFORE")
"""Reasons that whoever has read them may set aside."""


class NoSuchPersonError(LookupError):
    """There is no person of this id (any more)."""


class NoSuchPhotoError(LookupError):
    """The person has no photo of this id (any more)."""


class PeopleFullError(Exception):
    """There are as many people as there may be."""


class PhotoRefusedError(ValueError):
    """A photo is not taken as one of this person.

    Args:
        code: for programs.
        detail: a sentence that a person can act on.
        photo_id: of the same photo, where there is one already.
        person_id: whom it is about besides.
        distance: that is the reason.
    """

    def __init__(
        self,
        code: Reason,
        detail: str,
        *,
        photo_id: str | None = None,
        person_id: str | None = None,
        distance: float | None = None,
    ) -> None:
        super().__init__(detail)
        self.code: Reason = code
        self.detail = detail
        self.photo_id = photo_id
        self.person_id = person_id
        self.distance = distance

    @classmethod
    def duplicate(cls, photo_id: str, person_id: str, *, theirs: bool) -> Self:
        """The very same photo is there."""
        sentence = "This very photo was added before." if theirs else "This very photo is one of somebody else."
        return cls("DUPLICATE", sentence, photo_id=photo_id, person_id=person_id)

    @classmethod
    def unlike(cls, distance: float, photos: int) -> Self:
        """It is far from the others."""
        others = "the other photo" if photos == 1 else f"the {photos} other photos"
        return cls(
            "UNLIKE_THE_OTHERS",
            f"The face is unlike {others} of this person (distance {distance:.2f}). Is it somebody else? "
            "If not, use a photo that looks more like the others.",
            distance=distance,
        )

    @classmethod
    def other_person(cls, person_id: str, name: str, distance: float) -> Self:
        """It is nearer to somebody else."""
        return cls(
            "OTHER_PERSON",
            f"The face looks like {name} (distance {distance:.2f}). Add it there, or merge the two if they are one.",
            person_id=person_id,
            distance=distance,
        )
