"""An hour of short cycles before real photographs that are altered: turned, lit, in glasses that are drawn, half out of
the picture. Of each photograph's person nobody is said to have changed; between two people it is told.

The alterations are made of single photographs: what a head does when it turns in depth is not among them.
"""

from __future__ import annotations

import asyncio
from itertools import chain, permutations
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageEnhance

from facematch.faces.gallery import empty
from facematch.faces.ranking import Enrolled
from facematch.faces.tolerance import MatchRules
from facematch.recognizer.evidence.kept import Compared, Frames, RoomEvidence
from tests.rig.embeddings import ENCODER
from tests.rig.photographs import Scene

if TYPE_CHECKING:
    from collections.abc import Iterator

    from facematch.faces.engine import FaceEngine

PEOPLE = ("obama.jpg", "biden.jpg", "collins.jpg")
LOOKS = 360
"""An hour, with ten seconds from one batch to the next."""
NOBODY = Compared(Enrolled(None, empty(ENCODER)), MatchRules(), "a room")


def altered(picture: Image.Image) -> Iterator[Image.Image]:
    """One after the other, as a camera would see them."""
    yield picture
    for degrees in (-12, -6, 6, 12):
        yield picture.rotate(degrees, Image.Resampling.BICUBIC, fillcolor=(118, 122, 128))
    for light in (0.45, 0.7, 1.35):
        yield ImageEnhance.Brightness(picture).enhance(light)
    yield ImageEnhance.Color(picture).enhance(0.2)
    for left in (True, False):
        yield lit_from_a_side(picture, left=left)
    for size in ((480, 270), (360, 202)):
        yield picture.resize(size).resize(picture.size)
    yield in_glasses(picture)
    for right in (190, 250, 400):  # out of the picture, and gone
        gone = Image.new("RGB", picture.size, (118, 122, 128))
        gone.paste(picture, (right, 0))
        yield gone
    yield picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)


def lit_from_a_side(picture: Image.Image, *, left: bool) -> Image.Image:
    slope = np.linspace(1.2, 0.6, picture.width, dtype=np.float32)[:: 1 if left else -1]
    return Image.fromarray((np.asarray(picture) * slope[None, :, None]).clip(0, 255).astype(np.uint8))


def in_glasses(picture: Image.Image) -> Image.Image:
    drawn = picture.copy()
    pen = ImageDraw.Draw(drawn)
    for left in (275, 326):
        pen.rounded_rectangle((left, 146, left + 38, 172), 8, outline=(25, 20, 20), width=3)
    pen.line((313, 156, 326, 156), fill=(25, 20, 20), width=3)
    return drawn


@pytest.fixture(scope="module")
def looks(engine: FaceEngine) -> dict[str, list[Frames]]:
    """What the engine sees of each altered still."""
    return asyncio.run(seen(engine))


async def seen(engine: FaceEngine) -> dict[str, list[Frames]]:
    found: dict[str, list[Frames]] = {}
    for name in PEOPLE:
        [picture] = Scene(name, sway=0).frames(1)
        found[name] = []
        for still in altered(picture):
            pixels, frames = np.asarray(still), Frames()
            frames.add(list(await engine.inspect(pixels)), pixels)
            found[name].append(frames)
    return found


@pytest.mark.parametrize("name", PEOPLE)
def test_nobody_changes_in_an_hour(looks: dict[str, list[Frames]], name: str) -> None:
    generator, room = np.random.default_rng(9), RoomEvidence(continuity=True)
    order = chain([0, 0, 0], generator.integers(len(looks[name]), size=LOOKS))
    told = [room.add("desk", "TR_1", looks[name][at], NOBODY) for at in order]
    said = [one.continuity for one in told if one]
    assert "changed" not in said
    assert said.count("same") > LOOKS / 2
    assert sum(one.good for one in told if one) > LOOKS / 2


@pytest.mark.parametrize(("one", "other"), list(permutations(PEOPLE, 2)))
def test_somebody_else_is_told_within_three_looks_that_count(
    looks: dict[str, list[Frames]], one: str, other: str
) -> None:
    generator = np.random.default_rng(10)
    for _ in range(8):
        room = RoomEvidence(continuity=True)
        for at in (0, *generator.integers(len(looks[one]), size=12)):
            room.add("desk", "TR_1", looks[one][at], NOBODY)
        counted, told = 0, False
        while counted < 3 and not told:
            evidence = room.add("desk", "TR_1", looks[other][generator.integers(len(looks[other]))], NOBODY)
            assert evidence is not None
            counted += evidence.good
            told = evidence.continuity == "changed"
        assert told
