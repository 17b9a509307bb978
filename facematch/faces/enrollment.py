"""A photograph checked and made ready to be a reference, or the reason why it cannot be one.

The embedding is computed from the pixels of the JPEG that is stored, so whoever loads the stored file gets the
same numbers as the one who enrolled it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from facematch.faces.photo import Photo, PhotoError, as_jpeg, brought_down, read_photo

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL import Image

    from facematch.faces.detector import BBox, Box, Detector
    from facematch.faces.encoder import Encoder

SMALLEST_FACE = 80
"""Pixels of width that a face must have in the photograph as its owner sees it."""
LONGEST_STORED = 1600
"""Pixels of the longer side of the stored JPEG, at most."""
_CLEAR_SCORE = 0.35
"""A box with a lower detector score may be no face at all: false ones score 0 to 0.3, ordinary faces 0.5 to 3."""
_RIVAL_WIDTH = 0.4
"""A clear face narrower than this part of the largest one is background, not a second subject."""
_CROP_FACES = 5
"""Side of the part that is kept of a large photograph with a small face, in widths of that face."""

ADVICE = f"Use a photo with one clear, frontal face at least {SMALLEST_FACE} pixels wide."

Problem = Literal["NOT_AN_IMAGE", "TOO_LARGE", "NO_FACE", "MULTIPLE_FACES", "FACE_TOO_SMALL"]


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


class EnrollmentError(ValueError):
    """The photograph cannot serve as a reference."""

    def __init__(
        self,
        code: Problem,
        detail: str,
        *,
        faces: tuple[BBox, ...] = (),
        frame_size: tuple[int, int] | None = None,
    ) -> None:
        """Say why not.

        Args:
            code: for programs.
            detail: a sentence that a person can act on.
            faces: the boxes that are the reason, in `frame_size` pixels.
            frame_size: (width, height) of the photograph as its owner sees it; None if it could not be read.
        """
        super().__init__(detail)
        self.code: Problem = code
        self.detail = detail
        self.faces = faces
        self.frame_size = frame_size


def enroll(data: bytes, detector: Detector, encoder: Encoder) -> EnrolledPhoto:
    """The reference in the bytes of an image file, re-encoded to be stored.

    Raises:
        EnrollmentError: it cannot serve as a reference.
    """
    return _examined(data, detector, encoder, keep_bytes=False)


def read_stored(data: bytes, detector: Detector, encoder: Encoder) -> EnrolledPhoto:
    """The reference in a file that is already stored: the same rules, but its bytes and pixels stay as they are.

    For what `enroll` made, the embedding is the one that `enroll` gave, to the last bit.

    Raises:
        EnrollmentError: it cannot serve as a reference.
    """
    return _examined(data, detector, encoder, keep_bytes=True)


def _examined(data: bytes, detector: Detector, encoder: Encoder, *, keep_bytes: bool) -> EnrolledPhoto:
    try:
        photo = read_photo(data)
    except PhotoError as error:
        raise EnrollmentError(error.code, error.detail, frame_size=error.size) from error
    stored = brought_down(photo.picture, LONGEST_STORED)
    jpeg, pixels = (data, np.asarray(stored)) if keep_bytes else _stored(stored)
    boxes = detector.find(pixels)
    if boxes:
        subject = _subject(boxes, pixels, photo)
    elif stored is not photo.picture and (boxes := detector.find(large := np.asarray(photo.picture))):
        # Too small in what would be stored, but not in the photograph: store the part around it.
        part = photo.picture.crop(_surroundings(_subject(boxes, large, photo), photo.picture))
        jpeg, pixels = (data, np.asarray(part)) if keep_bytes else _stored(brought_down(part, LONGEST_STORED))
        subject = _largest(detector.find(pixels))
    else:
        subject = _subject(detector.find(pixels, upsample=1), pixels, photo)
    if subject is None:
        raise EnrollmentError("NO_FACE", f"No face found. {ADVICE}", frame_size=photo.size)
    height, width = pixels.shape[:2]
    embedding = encoder.encode([detector.chip(pixels, subject)])[0]
    return EnrolledPhoto(jpeg, embedding, subject.clipped(width, height), (width, height))


def _stored(picture: Image.Image) -> tuple[bytes, NDArray[np.uint8]]:
    """The JPEG of a picture, and the pixels that anyone gets who opens it."""
    jpeg = as_jpeg(picture)
    return jpeg, np.asarray(read_photo(jpeg).picture)


def _subject(boxes: list[Box], pixels: NDArray[np.uint8], photo: Photo) -> Box | None:
    """The one face among the detector's `boxes` in `pixels`; None when there are none.

    Raises:
        EnrollmentError: there is more than one, or it is too small in the photograph.
    """
    subject = _largest(boxes)
    if subject is None:
        return None
    height, width = pixels.shape[:2]
    across, down = photo.size[0] / width, photo.size[1] / height

    def in_photo(*found: Box) -> tuple[BBox, ...]:
        return tuple(box.scaled(across, down).clipped(*photo.size) for box in found)

    rivals = [box for box in boxes if box.score >= _CLEAR_SCORE and box.width >= _RIVAL_WIDTH * subject.width]
    if len(rivals) > 1:
        raise EnrollmentError(
            "MULTIPLE_FACES",
            f"{len(rivals)} faces found. Use a photo that shows only the person to be recognised.",
            faces=in_photo(*rivals),
            frame_size=photo.size,
        )
    if (seen := round(subject.width * across)) < SMALLEST_FACE:
        raise EnrollmentError(
            "FACE_TOO_SMALL",
            f"The face is only about {seen} pixels wide. {ADVICE}",
            faces=in_photo(subject),
            frame_size=photo.size,
        )
    return subject


def _largest(boxes: list[Box]) -> Box | None:
    """The widest of the boxes that are surely faces; when none is, the one that is most likely."""
    clear = [box for box in boxes if box.score >= _CLEAR_SCORE]
    return max(clear, key=lambda box: box.width, default=None) or max(boxes, key=lambda box: box.score, default=None)


def _surroundings(face: Box | None, picture: Image.Image) -> tuple[int, int, int, int]:
    """A square around a face, inside the picture, as Pillow crops: left, top, right, bottom."""
    if face is None:
        return 0, 0, *picture.size
    reach = face.width * _CROP_FACES // 2
    across, down = (face.left + face.right) // 2, (face.top + face.bottom) // 2
    return (
        max(0, across - reach),
        max(0, down - reach),
        min(picture.width, across + reach),
        min(picture.height, down + reach),
    )
