"""Stillness on a real photograph: what a camera's noise is, and what breathing is, simulated.

A picture before a camera: sensor noise, and light that drifts a little. A person who sits still: the same, and the face
shifted by a part of a pixel to two, as breathing and balance do, or the eyes closed.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from facematch.faces.stillness import LOOKS, Stillness
from tests.rig.photographs import Scene

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

FACE = (25, 155, 135, 45)
"""Where it is in the frame of the scene, as HOG boxes it."""


@pytest.fixture(scope="module", params=["obama.jpg", "collins.jpg"])
def picture(request: pytest.FixtureRequest) -> Image.Image:
    [frame] = Scene(request.param, width=200, height=160, sway=0).frames(1)
    return frame


def camera(picture: Image.Image, generator: np.random.Generator, noise: float, light: float = 1.0) -> NDArray[np.uint8]:
    """A frame of a sensor with this noise in grey levels a pixel."""
    levels = np.asarray(picture, np.float32) * np.float32(light)
    return np.clip(levels + generator.normal(scale=noise, size=levels.shape), 0, 255).astype(np.uint8)


def shifted(picture: Image.Image, right: float, down: float) -> Image.Image:
    return picture.transform(
        picture.size, Image.Transform.AFFINE, (1, 0, -right, 0, 1, -down), Image.Resampling.BICUBIC
    )


def told(frames: list[NDArray[np.uint8]]) -> list[bool | None]:
    stillness = Stillness()
    return [stillness.add(frame, FACE) for frame in frames]


@pytest.mark.parametrize("noise", [0.0, 1.0, 3.0, 6.0])
def test_a_picture_is_still_from_the_third_look_on(picture: Image.Image, noise: float) -> None:
    generator = np.random.default_rng(1)
    frames = [camera(picture, generator, noise, light) for light in (1.0, 1.02, 0.99, 1.01, 0.98)]
    assert told(frames) == [None] * (LOOKS - 1) + [True] * 3


@pytest.mark.parametrize(("sway", "noise"), [(0.5, 1.0), (1.0, 3.0), (1.0, 6.0), (2.0, 6.0)])
def test_a_person_who_sits_still_is_not(picture: Image.Image, sway: float, noise: float) -> None:
    """Each look is at another moment of breathing, at least half of the sway away from the last one."""
    generator = np.random.default_rng(2)
    drawn = generator.uniform(-sway, sway, size=(40, 2))
    moments = [moment for before, moment in pairwise(drawn) if np.abs(moment - before).max() >= sway / 2]
    frames = [camera(shifted(picture, *moment), generator, noise) for moment in moments]
    assert True not in told(frames)


def test_closed_eyes_are_a_change(picture: Image.Image) -> None:
    generator = np.random.default_rng(3)
    blink = picture.copy()
    for left in (62, 108):
        cheek = picture.crop((left, 85, left + 30, 97))
        blink.paste(cheek, (left, 55, left + 30, 67))
    frames = [camera(one, generator, 3.0) for one in (picture, picture, blink, picture)]
    assert told(frames) == [None, None, False, False]


@pytest.mark.parametrize(
    "other",
    [lambda picture: picture.resize((100, 80)), lambda picture: Image.new("RGB", picture.size, (90, 90, 90))],
    ids=["another size", "another picture"],
)
def test_what_cannot_be_compared_is_not_still(
    picture: Image.Image, other: Callable[[Image.Image], Image.Image]
) -> None:
    generator = np.random.default_rng(4)
    one = [camera(picture, generator, 2.0) for _ in range(2)]
    stillness = Stillness()
    small = other(picture)
    place = tuple(side * small.width // picture.width for side in FACE)
    answers = [stillness.add(frame, FACE) for frame in one]
    answers.append(stillness.add(camera(small, generator, 2.0), (place[0], place[1], place[2], place[3])))
    answers += [stillness.add(frame, FACE) for frame in one]
    assert True not in answers
