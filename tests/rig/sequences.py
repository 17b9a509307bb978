"""What a still camera sees over time: people of `tests/data` who come, go and move in front of a still life, with the
noise of a sensor and an exposure that drifts. The same frames in every run.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from tests.rig.photographs import DATA, FACES

if TYPE_CHECKING:
    from collections.abc import Callable

    from facematch.faces.detector import Pixels

_REACH = 1.3
"""How far around the middle of the face a person is cut out, in face widths."""
_NOISE_SEEDS = 16


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody in the picture."""

    photograph: str
    face: int
    """Width of the face in pixels."""
    across: float
    """Where the middle of the face is, in pixels."""
    down: float


@dataclass(frozen=True, slots=True)
class Camera:
    """What is seen at each moment."""

    people: Callable[[float], tuple[Person, ...]]
    """Who is there at a time in seconds."""
    light: Callable[[float], float] = lambda _at: 1.0
    """By which everything is multiplied."""
    drift: Callable[[float], float] = lambda _at: 0.0
    """Grey levels that are added by the exposure."""
    noise: float = 4.0
    """Standard deviation of a pixel."""
    width: int = 640
    height: int = 360

    def frame(self, at: float) -> Pixels:
        """What is seen at a time."""
        canvas = _still_life(self.width, self.height).copy()
        for person in self.people(at):
            cut, middle = _cut_out(person.photograph, person.face)
            canvas.paste(cut, (round(person.across - middle[0]), round(person.down - middle[1])))
        seen = np.asarray(canvas, np.float32) * self.light(at) + self.drift(at)
        seen += self.noise * _noise(self.width, self.height, round(at * 1000) % _NOISE_SEEDS)
        frame: Pixels = np.clip(np.rint(seen), 0, 255).astype(np.uint8)
        return frame


@lru_cache(maxsize=4)
def _still_life(width: int, height: int) -> Image.Image:
    with Image.open(DATA / "no_face.jpg") as picture:
        return picture.convert("RGB").resize((width, height), Image.Resampling.BICUBIC)


@lru_cache(maxsize=64)
def _cut_out(photograph: str, face: int) -> tuple[Image.Image, tuple[float, float]]:
    """Somebody cut out at a size, and where the middle of the face is in it."""
    with Image.open(DATA / photograph) as file:
        picture = file.convert("RGB")
    left, top, width = FACES[photograph]
    across, down, reach, scale = left + width / 2, top + width / 2, _REACH * width, face / width
    corner = max(0, round(across - reach)), max(0, round(down - reach))
    cut = picture.crop((*corner, min(picture.width, round(across + reach)), min(picture.height, round(down + reach))))
    size = max(1, round(cut.width * scale)), max(1, round(cut.height * scale))
    return cut.resize(size, Image.Resampling.LANCZOS), ((across - corner[0]) * scale, (down - corner[1]) * scale)


@lru_cache(maxsize=_NOISE_SEEDS)
def _noise(width: int, height: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((height, width, 3), np.float32)


def _held(across: float = 320, face: int = 100) -> Person:
    return Person("obama2.jpg", face, across, 180)


def _stranger(across: float = 320, face: int = 100) -> Person:
    return Person("biden.jpg", face, across, 180)


def _sway(at: float) -> float:
    return 8 * math.sin(7 * at)


SCENES: dict[str, Camera] = {
    "nobody": Camera(lambda _at: (), drift=lambda at: 5 * math.sin(at / 9)),
    "held, still": Camera(lambda _at: (_held(),)),
    "held, moves": Camera(lambda at: (_held(320 + _sway(at)),)),
    "held, leaves": Camera(lambda at: (_held(320 + 50 * max(0, at - 10)),)),
    "held, another comes": Camera(lambda at: (_held(200), *([_stranger(500, 60)] if at > 13 else []))),
    "held, another takes the place": Camera(lambda at: (_held() if at < 13 else _stranger(),)),
    "stranger, still": Camera(lambda _at: (_stranger(),)),
    "stranger, moves": Camera(lambda at: (_stranger(320 + _sway(at)),)),
    "stranger, walks past": Camera(lambda at: (_stranger(100 + (30 * at) % 500, 90),)),
    "stranger, the person comes": Camera(lambda at: (_stranger(180), *([_held(480, 60)] if at > 13 else []))),
    "stranger, the person comes within a batch": Camera(
        lambda at: (_stranger(180), _held(720 - min(220, 900 * max(0, at - 20.05))))
    ),
    "stranger, the person takes the place": Camera(lambda at: (_stranger() if at < 13 else _held(),)),
    "stranger, another leaves": Camera(
        lambda at: (_stranger(180), *([Person("collins.jpg", 100, 460, 180)] if at < 13 else []))
    ),
    "the person comes within a batch": Camera(lambda at: (_held(720 - min(400, 900 * max(0, at - 20.05))),)),
    "the person comes slowly": Camera(lambda at: (_held(700 - 8 * at, 80),)),
    "the person comes, far away": Camera(lambda at: (_held(300, 34),) if at > 13 else ()),
    "a stranger comes, far away": Camera(lambda at: (_stranger(300, 34),) if at > 13 else ()),
    "the light comes": Camera(lambda _at: (_held(),), light=lambda at: min(1.0, 0.05 + at / 50), noise=2.0),
    "the light comes, a stranger": Camera(
        lambda _at: (Person("collins.jpg", 100, 320, 180),), light=lambda at: min(1.0, 0.05 + at / 50), noise=2.0
    ),
}
"""With `BEGINS`, everything that a camera may see between two batches and within one."""

BEGINS = (0.0, 10.0, 20.0, 30.0)
"""Seconds at which a batch begins."""
