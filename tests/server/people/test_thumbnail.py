"""Small faces of stored photos."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from facematch.server.people.thumbnail import BBox, face_of

WIDTH, HEIGHT = 800, 600


def photo(bbox: BBox) -> bytes:
    """Grey, with a white face."""
    picture = Image.new("RGB", (WIDTH, HEIGHT), (90, 90, 90))
    top, right, bottom, left = bbox
    picture.paste((255, 255, 255), (left, top, right, bottom))
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=95)
    return file.getvalue()


def shown(bbox: BBox, side: int) -> Image.Image:
    with Image.open(io.BytesIO(face_of(photo(bbox), bbox, side))) as face:
        return face.convert("L")


@pytest.mark.parametrize("bbox", [(200, 500, 400, 300), (0, 200, 200, 0), (400, 800, 600, 600)])
@pytest.mark.parametrize("side", [32, 96])
def test_it_is_a_square_with_the_whole_face_and_a_little_more(bbox: BBox, side: int) -> None:
    face = shown(bbox, side)
    assert face.size == (side, side)
    white = sum(value > 200 for value in face.tobytes()) / side**2
    assert white == pytest.approx(1 / 1.7**2, rel=0.1)


def test_a_face_as_large_as_the_photo_is_the_photo_s_square() -> None:
    assert shown((0, 700, 600, 100), 64).size == (64, 64)


def test_nothing_is_blown_up() -> None:
    assert shown((100, 140, 140, 100), 512).size == (68, 68)
