"""A photograph checked and made ready to be a reference, or the reason why it cannot be one.

The embedding is computed from the pixels of the JPEG that is stored, so whoever loads the stored file gets the
same numbers as the one who enrolled it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np
from PIL import Image

from facematch.faces.detector import Box, resized
from facematch.faces.photos.photo import Photo, as_jpeg, brought_down, read_photo
from facematch.faces.photos.refusal import EnrollmentError
from facematch.faces.photos.weakness import Weakness, sharpness, weaknesses

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from facematch.faces.detector import BBox, Detector, Pixels
    from facematch.faces.encoder import Encoder

SMALLEST_FACE = 80
"""Pixels of width that a face must have in the photograph as its owner sees it."""
LONGEST_STORED = 1600
"""Pixels of the longer side of the stored JPEG, at most."""
_LEAST_SCORE = 0.25
"""A box with a lower detector score is taken for no face: most false ones score less, ordinary faces 0.6 to 3."""
_CLEAR_SCORE = 0.4
"""What a second box has to score to be taken for a second person."""
_RIVAL_WIDTH = 0.4
"""A second face narrower than this part of the largest is somebody in the background."""
_CROP_FACES = 5
"""Side of the part that is kept of a large photograph with a small face, in widths of that face."""

Turn = Literal[0, 90, 180, 270]
_TURNS: dict[Turn, Image.Transpose] = {
    90: Image.Transpose.ROTATE_270,  # Pillow turns the other way round
    270: Image.Transpose.ROTATE_90,
    180: Image.Transpose.ROTATE_180,
}

ADVICE = f"Use a photo with one clear, frontal face at least {SMALLEST_FACE} pixels wide."


@dataclass(frozen=True, slots=True)
class EnrolledPhoto:
    """A reference photograph and what was found in it."""

    jpeg: bytes
    """Upright, without metadata, at most LONGEST_STORED pixels long."""
    embedding: NDArray[np.float32]
    """(128,), of the face in `jpeg`."""
    bbox: BBox
    """Where the face is: top, right, bottom, left in `frame_size` pixels."""
    frame_size: tuple[int, int]
    """(width, height) of `jpeg`."""
    weak: tuple[Weakness, ...] = ()
    """Why this face will be recognised less often than others."""
    turned: Turn = 0
    """Degrees, clockwise, that the photograph was turned by, because no face shows in it as it lies."""
    score: float = 0.0
    """The detector's."""
    sharpness: float = 0.0
    """See `facematch.faces.photos.weakness.sharpness`."""


def enroll(photo: Photo, detector: Detector, encoder: Encoder) -> EnrolledPhoto:
    """The reference in a photograph, encoded to be stored.

    Raises:
        EnrollmentError: it cannot serve as a reference.
    """
    return _examined(photo, detector, encoder, stored=None)


def read_stored(photo: Photo, data: bytes, detector: Detector, encoder: Encoder) -> EnrolledPhoto:
    """The reference in a file that is already stored: the same rules, but its bytes and pixels stay as they are.

    For what `enroll` made, the embedding is the one that `enroll` gave, to the last bit. For a larger photograph
    that somebody put there, `frame_size` and `bbox` are those of the pixels that were searched.

    Args:
        photo: what `data` shows.
        data: the file.
        detector: of the calling thread.
        encoder: shared by the threads.

    Raises:
        EnrollmentError: it cannot serve as a reference.
    """
    return _examined(photo, detector, encoder, stored=data)


@dataclass(frozen=True, slots=True)
class _View:
    """Where the pixels that are searched lie in the photograph as its owner sees it."""

    photo: Photo
    origin: tuple[float, float] = (0.0, 0.0)
    """Photograph's pixels (across, down) at the left upper corner."""
    scale: float = 1.0
    """Photograph's pixels per pixel here."""

    def in_photo(self, box: Box) -> BBox:
        across, down = self.origin
        return Box(
            top=round(down + box.top * self.scale),
            right=round(across + box.right * self.scale),
            bottom=round(down + box.bottom * self.scale),
            left=round(across + box.left * self.scale),
            score=box.score,
        ).clipped(*self.photo.size)


def _examined(photo: Photo, detector: Detector, encoder: Encoder, *, stored: bytes | None) -> EnrolledPhoto:
    """As the photograph lies, or the other way up when that shows a face and this none."""
    try:
        return _as_it_lies(photo, detector, encoder, stored=stored)
    except EnrollmentError as refused:
        if refused.code != "NO_FACE" or (turn := _better_turn(photo, detector)) is None:
            raise
    picture = photo.picture.transpose(_TURNS[turn])
    size = photo.size if turn == 180 else (photo.size[1], photo.size[0])  # noqa: PLR2004  (half a turn)
    try:
        return replace(_as_it_lies(Photo(picture, size), detector, encoder, stored=stored), turned=turn)
    except EnrollmentError as refused:  # its boxes are those of the turned one, which its owner does not see
        raise EnrollmentError(refused.code, refused.detail, frame_size=photo.size) from None


def _better_turn(photo: Photo, detector: Detector) -> Turn | None:
    """How a photograph without a face has to be turned to show one; None if that does not help."""
    picture = brought_down(photo.picture, LONGEST_STORED)
    best: tuple[float, Turn | None] = (_CLEAR_SCORE, None)
    for turn, transposition in _TURNS.items():
        scores = [box.score for box in detector.find(np.asarray(picture.transpose(transposition)))]
        best = max(best, (max(scores, default=0.0), turn), key=lambda found: found[0])
    return best[1]


def _as_it_lies(photo: Photo, detector: Detector, encoder: Encoder, *, stored: bytes | None) -> EnrolledPhoto:
    picture = brought_down(photo.picture, LONGEST_STORED)
    jpeg, pixels = _as_stored(picture, stored)
    view = _View(photo, scale=photo.size[0] / picture.width)
    boxes = _found(detector, pixels)
    if not boxes and picture is not photo.picture:
        # Too small in what would be stored, perhaps not in the photograph: then the part around it is stored.
        part, view = _part_with_face(detector, photo)
        jpeg, pixels = _as_stored(part, stored)
        boxes = _found(detector, pixels)
    elif not boxes:
        boxes = _found_in_double(detector, pixels)
    subject = _subject(boxes, view)
    size = pixels.shape[1], pixels.shape[0]
    chip = detector.chip(pixels, subject)
    embedding = encoder.encode([chip])[0]
    return EnrolledPhoto(
        jpeg,
        embedding,
        subject.clipped(*size),
        size,
        weaknesses(chip, subject.score),
        score=subject.score,
        sharpness=sharpness(chip),
    )


def _as_stored(picture: Image.Image, stored: bytes | None) -> tuple[bytes, Pixels]:
    """The file, new unless there is one, and its pixels as anyone gets them who opens it."""
    if stored is not None:
        return stored, np.asarray(picture)
    jpeg = as_jpeg(picture)
    return jpeg, np.asarray(read_photo(jpeg).picture)


def _part_with_face(detector: Detector, photo: Photo) -> tuple[Image.Image, _View]:
    """A square around the one face that shows in the photograph at its full size."""
    whole = np.asarray(photo.picture)
    scale = photo.size[0] / photo.picture.width
    face = _subject(_found(detector, whole), _View(photo, scale=scale))
    reach = face.width * _CROP_FACES // 2
    across, down = (face.left + face.right) // 2, (face.top + face.bottom) // 2
    left, top = max(0, across - reach), max(0, down - reach)
    right, bottom = min(photo.picture.width, across + reach), min(photo.picture.height, down + reach)
    part = photo.picture.crop((left, top, right, bottom))
    return part, _View(photo, (left * scale, top * scale), scale)


def _found(detector: Detector, pixels: Pixels) -> list[Box]:
    return [box for box in detector.find(pixels) if box.score >= _LEAST_SCORE]


def _found_in_double(detector: Detector, pixels: Pixels) -> list[Box]:
    """The faces that show only when the picture is enlarged, in pixels of the picture."""
    rows, columns = pixels.shape[:2]
    return [box.scaled(0.5, 0.5) for box in _found(detector, resized(pixels, 2 * columns, 2 * rows))]


def _subject(boxes: list[Box], view: _View) -> Box:
    """The one face among the detector's boxes.

    Raises:
        EnrollmentError: there is none, there are several, or it is too small in the photograph.
    """
    size = view.photo.size
    if not boxes:
        raise EnrollmentError("NO_FACE", f"No face found. {ADVICE}", frame_size=size)
    clear = [box for box in boxes if box.score >= _CLEAR_SCORE]
    subject = max(clear or boxes[:1], key=lambda box: box.width)
    people = [box for box in clear if box.width >= _RIVAL_WIDTH * subject.width]
    if len(people) > 1:
        raise EnrollmentError(
            "MULTIPLE_FACES",
            f"{len(people)} faces found. Use a photo that shows only the person to be recognised.",
            faces=tuple(view.in_photo(box) for box in people),
            frame_size=size,
        )
    if (seen := round(subject.width * view.scale)) < SMALLEST_FACE:
        raise EnrollmentError(
            "FACE_TOO_SMALL",
            f"The face is only about {seen} pixels wide. {ADVICE}",
            faces=(view.in_photo(subject),),
            frame_size=size,
        )
    return subject
