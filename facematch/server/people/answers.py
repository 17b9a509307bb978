"""People and photos as they are sent and answered over HTTP."""

# Annotations are read at run time here: pydantic makes its models from them.
from datetime import datetime, timedelta
from typing import Annotated, Any, Final, Literal, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from facematch.protocol.values import Name
from facematch.server.gallery.enrollment import BBox
from facematch.server.gallery.routes import WeakPoint
from facematch.server.people.enrolling import Refused, Taken
from facematch.server.people.models import Consent, Details, Person, Photo
from facematch.server.people.store import Attention, attention

MOST_ROOMS: Final = 50
LONGEST_BASIS: Final = 2_000

PersonName = Annotated[str, StringConstraints(min_length=1, max_length=200, strip_whitespace=True)]
Tolerance = Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)]
Basis = Annotated[str, StringConstraints(max_length=LONGEST_BASIS)]
Rooms = Annotated[list[Name], Field(max_length=MOST_ROOMS)]


class ConsentSent(BaseModel):
    """That the person agreed to be looked for."""

    model_config = ConfigDict(extra="forbid")

    at: AwareDatetime = Field(examples=["2026-01-05T12:00:00+00:00"])
    by: Annotated[str, StringConstraints(max_length=200)] = Field("", description="Who wrote it down")
    text_version: Annotated[str, StringConstraints(max_length=200)] = Field("", description="Of what they agreed to")


class PersonSent(BaseModel):
    """A new person."""

    model_config = ConfigDict(extra="forbid")

    name: PersonName = Field(description="Need not be unlike all others", examples=["Alice Example"])
    rooms: Rooms = Field([], description="Where they are looked for; empty: in every room")
    tolerance: Tolerance | None = Field(None, description="Their own in place of MATCH_TOLERANCE")
    basis: Basis = Field("", description="On what basis their photos are kept, in your words")
    consent: ConsentSent | None = None
    delete_at: AwareDatetime | None = Field(None, description="When they are erased by themselves")

    def details(self) -> Details:
        """As the database keeps them."""
        return Details(self.name, *_details(self))


class PersonChanged(BaseModel):
    """What is to be another; the rest stays."""

    model_config = ConfigDict(extra="forbid")

    name: PersonName | None = None
    rooms: Rooms | None = None
    tolerance: Tolerance | None = None
    basis: Basis | None = None
    consent: ConsentSent | None = None
    delete_at: AwareDatetime | None = None

    def details(self, known: Details) -> Details:
        """What is known, with what was sent. `null` empties what may be empty, and leaves the name."""
        whole = {name: getattr(known, name) for name in Details.__slots__}
        sent = {name: getattr(self, name) for name in self.model_fields_set}
        if sent.get("name", "") is None:
            del sent["name"]
        for name, empty in (("rooms", []), ("basis", "")):
            if name in sent:
                sent[name] = sent[name] or empty
        if "rooms" in sent:
            sent["rooms"] = tuple(sent["rooms"])
        if sent.get("consent") is not None:
            sent["consent"] = _consent(sent["consent"])
        return Details(**{**whole, **sent})


def _details(sent: PersonSent) -> tuple[Any, ...]:
    return tuple(sent.rooms), sent.tolerance, sent.basis, _consent(sent.consent), sent.delete_at


def _consent(sent: ConsentSent | None) -> Consent | None:
    return None if sent is None else Consent(sent.at, sent.by, sent.text_version)


class PersonShown(BaseModel):
    """A person."""

    id: str = Field(examples=["p_0123456789abcdef"])
    name: str = Field(examples=["Alice Example"])
    rooms: list[str] = Field(description="Where they are looked for; empty: in every room")
    tolerance: float | None
    basis: str
    consent: ConsentSent | None
    delete_at: datetime | None
    erased_at: datetime = Field(
        description="When they are erased by themselves: `delete_at`, else PERSON_MAX_UNSEEN_DAYS after they were last "
        "seen, or added"
    )
    created_at: datetime
    last_seen_at: datetime | None = Field(description="To the day; null: not yet")
    photos: int = Field(description="How many")
    portrait: str | None = Field(description="URL of one of the photos; null: there is none")
    attention: list[Attention] = Field(description="Why somebody should look at them; empty: nobody needs to")

    @classmethod
    def of(cls, person: Person, portrait: str | None, now: datetime, unseen: timedelta) -> Self:
        """A person of the database, kept for so long unseen."""
        return cls(**_shown(person, portrait, now, unseen))

    def person(self) -> Person:
        """The same as the database has it, but for whether photos are unlike."""
        sent = PersonSent.model_validate(self.model_dump(include=set(PersonSent.model_fields)))
        seen = (self.created_at, self.last_seen_at, None)
        return Person(self.id, sent.details(), *seen, photos=self.photos, outliers=0)


class PhotoShown(BaseModel):
    """One of a person's photos."""

    id: str = Field(examples=["9f86d081884c7d65"])
    url: str
    added_at: datetime
    source: str = Field(description="Where it came from, such as the name of a file")
    bbox: BBox = Field(description="[top, right, bottom, left] of the face")
    frame_size: tuple[int, int] = Field(description="[width, height] of the stored photo")
    face_px: int = Field(description="Width of the face in pixels of the stored photo")
    score: float = Field(description="The detector's: 1.3 and more for clear frontal faces")
    sharpness: float = Field(description="0.18 to 0.25 in untouched photographs, less in blurred ones")
    weak: list[WeakPoint] = Field(description="What is wrong with it; usually nothing")
    unlike_the_others: bool = Field(description="It is far from the other photos of this person")
    origin_person_id: str = Field(description="Whose it was when it was added; another than the person's: merged")
    model: str = Field(description="Which encoder made the embedding")

    @classmethod
    def of(cls, photo: Photo) -> Self:
        """A photo of the database."""
        return cls(
            id=photo.id,
            url=url_of(photo.person_id, photo.id),
            added_at=photo.added_at,
            source=photo.source,
            bbox=photo.bbox,
            frame_size=photo.frame_size,
            face_px=photo.face_px,
            score=photo.score,
            sharpness=photo.sharpness,
            weak=[WeakPoint(code=code, detail=detail) for code, detail in photo.weak],
            unlike_the_others=photo.outlier,
            origin_person_id=photo.origin_person_id,
            model=photo.model,
        )


class MergedShown(BaseModel):
    """Somebody whose photos are another's now; they come back by a split."""

    id: str
    name: str


class ResemblesShown(BaseModel):
    """Somebody who may be taken for them."""

    person_id: str
    name: str
    distance: float = Field(description="Between the means of their photos")


class RecognitionShown(BaseModel):
    """How surely they are recognised by one look, in the room where most people may be compared."""

    tolerance: float | None = Field(description="The largest distance that is a match; null: among so many, none is")
    reason: str = Field(
        description="Why it is that: `match_tolerance`, `own`, `stranger_rate`, `TOO_MANY_CANDIDATES`",
        examples=["match_tolerance"],
    )
    candidates: int = Field(description="How many may be compared")
    tolerance_bound: float = Field(description="Of a look at a participant who is bound to them")
    resembles: ResemblesShown | None = Field(description="The nearest other person, if within the tolerance")


class PersonWhole(PersonShown):
    """A person with their photos."""

    photo_list: list[PhotoShown] = Field(description="The oldest first")
    merged: list[MergedShown] = Field(description="Who was merged into them")
    recognition: RecognitionShown | None = Field(None, description="null: nobody looks for them, without a photo")

    @classmethod
    def whole(
        cls, person: Person, photos: list[Photo], merged: list[Person], *, now: datetime, unseen: timedelta
    ) -> Self:
        """A person of the database with everything."""
        return cls(
            **_shown(person, photos[0].id if photos else None, now, unseen),
            photo_list=[PhotoShown.of(photo) for photo in photos],
            merged=[MergedShown(id=one.id, name=one.details.name) for one in merged],
        )


class PeopleShown(BaseModel):
    """A part of the list."""

    people: list[PersonShown] = Field(description="Those who need attention first, then by name")
    total: int = Field(description="Of those who were asked for")
    attention: int = Field(description="Of those whose name fits the search, how many need attention")
    offset: int
    gallery_version: int = Field(description="Changes whenever anybody does")


class PhotoResult(BaseModel):
    """What became of one file."""

    file: str = Field(description="Its name, as it was sent")
    ok: bool
    code: str | None = Field(None, description="Why it was not taken", examples=["NO_FACE"])
    detail: str | None = Field(None, description="The same in a sentence that says what to do")
    photo: PhotoShown | None = Field(None, description="What was taken, with what is weak about it")
    turned: int = Field(0, description="Degrees, clockwise, by which it was turned because no face showed as it lay")
    photo_id: str | None = Field(None, description="With DUPLICATE: which photo it is already")
    person_id: str | None = Field(None, description="With DUPLICATE and OTHER_PERSON: whose it is")
    faces: list[BBox] = Field([], description="The faces that are the reason, in pixels of frame_size")
    frame_size: tuple[int, int] | None = None

    @classmethod
    def of(cls, file: str, outcome: Taken | Refused) -> Self:
        """What enrolling a file has come to."""
        if isinstance(outcome, Taken):
            return cls(file=file, ok=True, photo=PhotoShown.of(outcome.photo), turned=outcome.turned)
        more = outcome.more or {}
        return cls(
            file=file,
            ok=False,
            code=outcome.code,
            detail=outcome.detail,
            photo_id=outcome.photo_id,
            person_id=outcome.person_id,
            faces=more.get("faces", []),
            frame_size=more.get("frame_size"),
        )


class PhotoResults(BaseModel):
    """What became of the files."""

    results: list[PhotoResult] = Field(description="One for each file, in their order")


class PhotoGone(BaseModel):
    """The photo and its embedding are gone."""

    ok: Literal[True] = True


class MergeSent(BaseModel):
    """Who is the same person."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    other: str = Field(
        alias="from", description="Whose photos are to be this person's", examples=["p_fedcba9876543210"]
    )


class SplitSent(BaseModel):
    """Which photos are somebody else's."""

    model_config = ConfigDict(extra="forbid")

    photos: Annotated[list[str], Field(min_length=1, max_length=1000)]
    name: PersonName | None = Field(None, description="Of a new person; null: the same name")


def url_of(person_id: str, photo_id: str) -> str:
    """Where a photo is shown."""
    return f"/api/people/{person_id}/photos/{photo_id}"


def _shown(person: Person, portrait: str | None, now: datetime, unseen: timedelta) -> dict[str, Any]:
    details, consent = person.details, person.details.consent
    return {
        "id": person.id,
        "name": details.name,
        "rooms": list(details.rooms),
        "tolerance": details.tolerance,
        "basis": details.basis,
        "consent": consent and ConsentSent(at=consent.at, by=consent.by, text_version=consent.text_version),
        "delete_at": details.delete_at,
        "erased_at": person.erased_at(unseen),
        "created_at": person.created_at,
        "last_seen_at": person.last_seen_at,
        "photos": person.photos,
        "portrait": portrait and url_of(person.id, portrait),
        "attention": attention(person, now, unseen),
    }
