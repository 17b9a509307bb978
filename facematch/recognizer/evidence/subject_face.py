"""Which face of a batch is its look at the participant, if any is good enough to count.

What several looks say together is no better than the worst of them, so a look counts only when there is one face to
speak of, large, sharp and upright enough, or among several the one that was there before. Who it is, others decide.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from PIL import Image

from facematch.faces.models import CHIP_PADDING, CHIP_SIZE
from facematch.faces.photos.weakness import SHARPNESS_NEEDS, sharpness_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from facematch.faces.detector import BBox, Pixels
    from facematch.faces.engine import Face

LEAST_WIDTH: Final = 40
"""Pixels of the received frame: the encoder is as good from 50 on, and hardly worse at 40."""
LEAST_SCORE: Final = 0.3
"""The detector's, which finds upright faces seen from the front: below it they are covered, turned away or moved."""
LEAST_SHARPNESS: Final = 0.045
"""Half of where a reference photograph counts as blurred: cameras are softer."""
BACKGROUND: Final = 0.6
"""A face of less than this part of the largest one's width is somebody behind."""
ALIKE: Final = 0.45
"""Distance within which a face is that of the frame before, or the one that was there before."""


@dataclass(frozen=True, slots=True, eq=False)
class SubjectFace:
    """A batch's look at its participant."""

    embedding: NDArray[np.float32]
    """(128,), the mean over the frames."""
    bbox: BBox
    """In the last of them."""


def subject_face(frames: Iterable[Sequence[Face]], known: NDArray[np.float32] | None) -> SubjectFace | None:
    """The face that a batch is a look at.

    Args:
        frames: the faces of each.
        known: (128,), the face that was there before; None: there was none.

    Returns:
        None: no frame shows one clearly.
    """
    found = [face for faces in frames if (face := _of_frame(faces, known))]
    if not found:
        return None
    clearest = max(found, key=lambda face: face.score)
    alike = [face for face in found if _distance(face, clearest.embedding) <= ALIKE]
    mean: NDArray[np.float32] = np.mean([face.embedding for face in alike], axis=0, dtype=np.float32)
    return SubjectFace(mean, alike[-1].bbox)


def is_sharp(frame: Pixels, bbox: BBox) -> bool:
    """Whether the face in a frame (H, W, 3) is sharp enough for a look that counts."""
    top, right, bottom, left = bbox
    by = round((right - left) * CHIP_PADDING / 2)
    height, width = frame.shape[:2]
    part = frame[max(0, top - by) : min(height, bottom + by), max(0, left - by) : min(width, right + by)]
    if not part.size:
        return False
    grey = Image.fromarray(np.ascontiguousarray(part)).convert("L")
    x0, y0, x1, y1 = SHARPNESS_NEEDS
    across, down = grey.width / CHIP_SIZE, grey.height / CHIP_SIZE
    face = grey.resize(
        (x1 - x0, y1 - y0), Image.Resampling.BILINEAR, box=(x0 * across, y0 * down, x1 * across, y1 * down)
    )
    return sharpness_of(face) >= LEAST_SHARPNESS


def _of_frame(faces: Sequence[Face], known: NDArray[np.float32] | None) -> Face | None:
    clear = [face for face in faces if face.reused or (_width(face) >= LEAST_WIDTH and face.score >= LEAST_SCORE)]
    fresh = [face for face in clear if not face.reused]
    if known is not None and fresh:
        nearest = min(fresh, key=lambda face: _distance(face, known))
        if _distance(nearest, known) <= ALIKE:
            return nearest
    largest = max(map(_width, clear), default=0)
    near = [face for face in clear if _width(face) > BACKGROUND * largest]
    return near[0] if len(near) == 1 and not near[0].reused else None


def _width(face: Face) -> int:
    return face.bbox[1] - face.bbox[3]


def _distance(face: Face, embedding: NDArray[np.float32]) -> float:
    return float(np.linalg.norm(face.embedding - embedding))
