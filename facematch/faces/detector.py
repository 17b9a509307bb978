"""Finds faces with dlib's HOG detector and cuts them out upright, as the encoder expects them.

dlib's detector keeps its scratch memory inside and releases the interpreter lock while it runs: shared by two
threads it crashes, or finds one thread's face in the other's frame. So a `Detector` serves one thread at a time,
and there are as many as there are threads. The landmark model is only read: all of them share it.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from functools import cache

import dlib
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from facematch.faces.models import CHIP_PADDING, CHIP_SIZE, LANDMARKS_5, model_file

Pixels = NDArray[np.uint8]
"""(H, W, 3), RGB, rows from the top."""
BBox = tuple[int, int, int, int]
"""top, right, bottom, left, in pixels."""


@dataclass(frozen=True, slots=True)
class Box:
    """Where the detector sees a face, in pixels of the image it was given; may reach beyond its edges."""

    top: int
    right: int
    bottom: int
    left: int
    score: float
    """How sure the detector is: above 0, ordinary faces 0.5 to 3."""

    @property
    def width(self) -> int:
        """Pixels; one of a few sizes, each a fifth larger than the one before."""
        return self.right - self.left

    def scaled(self, across: float, down: float) -> Box:
        """The same place in an image that is `across` times as wide and `down` times as high."""
        return Box(
            top=round(self.top * down),
            right=round(self.right * across),
            bottom=round(self.bottom * down),
            left=round(self.left * across),
            score=self.score,
        )

    def moved(self, right: int, down: int) -> Box:
        """The same face in an image of which the given one is a part, from (`right`, `down`) on."""
        return Box(self.top + down, self.right + right, self.bottom + down, self.left + right, self.score)

    def overlaps(self, other: Box) -> bool:
        """Whether both see the same face: half of either lies in the other, as the detector itself asks of its boxes
        before it takes the surer one.
        """
        across = min(self.right, other.right) - max(self.left, other.left)
        down = min(self.bottom, other.bottom) - max(self.top, other.top)
        smaller = min(self.width * (self.bottom - self.top), other.width * (other.bottom - other.top))
        return across > 0 and down > 0 and across * down > smaller / 2

    def clipped(self, width: int, height: int) -> BBox:
        """The part inside an image of that size; at least one pixel wide and high."""
        top = min(max(self.top, 0), height - 1)
        left = min(max(self.left, 0), width - 1)
        return top, max(min(self.right, width), left + 1), max(min(self.bottom, height), top + 1), left


@cache
def _frontal_detector() -> dlib.fhog_object_detector:
    """dlib's, to be copied and never run: to unpack what is compiled into dlib takes 0.3 s, a copy of it 1 ms."""
    return dlib.get_frontal_face_detector()


@cache
def _landmark_model() -> dlib.shape_predictor:
    return dlib.shape_predictor(str(model_file(LANDMARKS_5)))


class Detector:
    """One set of dlib objects: never to be used by two threads at once."""

    def __init__(self) -> None:
        """Load the detector and the 5-point landmark model: 0.4 s of work the first time in a process, then 1 ms.

        Raises:
            ModelError: the landmark model is not installed.
        """
        self._hog = copy.deepcopy(_frontal_detector())
        self._landmarks = _landmark_model()

    def find(self, image: Pixels) -> list[Box]:
        """The faces in a contiguous image, the surest first. They have to be about 60 pixels wide to be found."""
        rectangles, scores, _which = self._hog.run(image, 0, 0.0)
        return [
            Box(rectangle.top(), rectangle.right(), rectangle.bottom(), rectangle.left(), score)
            for rectangle, score in zip(rectangles, scores, strict=True)
        ]

    def chip(self, image: Pixels, box: Box) -> Pixels:
        """The face at `box` in a contiguous image, turned upright: (150, 150, 3)."""
        rectangle = dlib.rectangle(box.left, box.top, box.right, box.bottom)
        shape = self._landmarks(image, rectangle)
        chip: Pixels = dlib.get_face_chip(image, shape, size=CHIP_SIZE, padding=CHIP_PADDING)
        return chip


def resized(image: Pixels, width: int, height: int) -> Pixels:
    """`image` with `width` x `height` pixels; itself if it already has them.

    What is left over after averaging whole blocks is interpolated: four times as fast as resampling everything,
    and as good for detection.
    """
    rows, columns = image.shape[:2]
    if (columns, rows) == (width, height):
        return image
    picture = Image.frombuffer("RGB", (columns, rows), image, "raw", "RGB", 0, 1)
    if (divisor := min(columns // width, rows // height)) > 1:
        picture = picture.reduce(divisor)
    if picture.size != (width, height):
        picture = picture.resize((width, height), Image.Resampling.BILINEAR)
    return np.asarray(picture)
