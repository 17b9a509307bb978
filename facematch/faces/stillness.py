"""Whether a face does not change at all from look to look: a picture, a frozen or a virtual camera.

A person who sits still breathes, blinks and sways by a millimetre or two, which shifts every edge in their face by a
pixel; a picture changes by the noise of the camera before it, or not at all. So the place of the face is compared with
itself, finely, as `sketch` compares whole frames: after brightness and contrast have been brought into line, against
the noise that these two pictures have. It is a caution, not a check of liveness: a film that is played, or a picture
that is moved by hand, is not still.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
from PIL import Image

from facematch.faces.sketch import Sketch

if TYPE_CHECKING:
    from facematch.faces.detector import BBox, Pixels

LOOKS: Final = 3
"""Unchanged from the first to the last of so many, it is said to be still."""
_BLOCKS = 40
"""Across a face, about: a block of a face of 110 pixels is 3 wide."""


class Stillness:
    """Of one track's face."""

    def __init__(self) -> None:
        self._place: BBox | None = None
        self._sketch: Sketch | None = None
        self._alike = 0
        """Looks that are as the first of them was."""
        self._moved = False

    def add(self, frame: Pixels, face: BBox) -> bool | None:
        """One more look.

        Args:
            frame: (H, W, 3) uint8 RGB.
            face: where the face is in it; clipped to the frame.

        Returns:
            Whether the face has not changed over the last LOOKS looks; None: that is not known yet.
        """
        if self._place is not None and self._sketch is not None and self._sketch.frame_size == _size(frame):
            changes = _face_sketch(frame, self._place).changes(self._sketch)
            if changes is not None and not changes.any.any():
                self._alike += 1
                return True if self._alike >= LOOKS else self._until_known()
            self._moved = True  # or there is so much noise that nothing could be told still
        self._place, self._sketch, self._alike = face, _face_sketch(frame, face), 1
        return self._until_known()

    def _until_known(self) -> bool | None:
        return False if self._moved else None


def _size(frame: Pixels) -> tuple[int, int]:
    return frame.shape[1], frame.shape[0]


def _face_sketch(frame: Pixels, place: BBox) -> Sketch:
    top, right, bottom, left = place
    part = np.ascontiguousarray(frame[top:bottom, left:right])
    block = max(1, round((right - left) / _BLOCKS))
    grey = Image.frombuffer("RGB", (right - left, bottom - top), part, "raw", "RGB", 0, 1).convert("L")
    return Sketch(_size(frame), block, np.asarray(grey.reduce(block), np.float32))
