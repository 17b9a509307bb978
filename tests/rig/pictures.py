"""The photographs as pixels, and frames that show somebody at a size and a place of the test's choice."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from tests.rig.photographs import DATA

if TYPE_CHECKING:
    from facematch.faces.detector import Pixels

PEOPLE = {"biden": 1, "collins": 1, "obama": 1, "obama2": 1, "obama3": 1, "two_faces": 2, "no_face": 0}
"""The photographs and how many people are in each."""


def photo_bytes(name: str) -> bytes:
    """The file."""
    return (DATA / f"{name}.jpg").read_bytes()


def picture(name: str) -> Image.Image:
    """Decoded."""
    with Image.open(DATA / f"{name}.jpg") as file:
        return file.convert("RGB")


def pixels(name: str) -> Pixels:
    """As the engine takes them."""
    return np.asarray(picture(name))


_FACES = {
    "biden": (365, 245, 216),
    "collins": (165, 127, 88),
    "obama": (495, 265, 259),
    "obama2": (319, 457, 311),
    "obama3": (483, 264, 180),
}
"""The middle of the face (across, down) in each photograph, and its width."""


def frame(name: str, width: int, height: int, *, face: int, across: float = 0.5, down: float = 0.5) -> Pixels:
    """A frame of that size in front of a plain wall: the photographed person with a face of `face` pixels.

    The middle of the face is at these parts of the frame's width and height.
    """
    source = picture(name)
    middle_across, middle_down, face_width = _FACES[name]
    scale = face / face_width
    person = source.resize((round(source.width * scale), round(source.height * scale)), Image.Resampling.LANCZOS)
    canvas = Image.new("RGB", (width, height), (96, 104, 120))
    canvas.paste(person, (round(width * across - middle_across * scale), round(height * down - middle_down * scale)))
    return np.asarray(canvas)
