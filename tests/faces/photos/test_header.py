"""What a file will cost is counted from its bytes, the same as the libraries will find it."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import pytest

from facematch.faces.photos.header import jpeg_scans, webp_size
from tests.rig.hostile_images import progressive_bomb, webp_bomb
from tests.rig.pictures import picture

MANY = 1_000_000


def jpeg(**options: Any) -> bytes:
    file = BytesIO()
    picture("obama").save(file, "JPEG", **options)
    return file.getvalue()


@pytest.mark.parametrize(
    ("options", "scans"),
    [
        ({}, 1),
        ({"progressive": True}, 10),
        ({"progressive": True, "subsampling": 0, "quality": 95}, 10),
        ({"restart_marker_blocks": 3}, 1),
        ({"exif": b"Exif\0\0" + b"\xff\xda\xff\xd9" * 900}, 1),
        ({"comment": b"\xff\xda" * 900}, 1),
    ],
)
def test_the_passes_of_a_jpeg(options: dict[str, Any], scans: int) -> None:
    assert jpeg_scans(jpeg(**options), MANY) == scans


def test_what_comes_after_a_jpeg_is_none_of_its_passes() -> None:
    """As telephones append a film, or a second picture."""
    assert jpeg_scans(jpeg() + b"\xff\xda" * 900, MANY) == 1
    assert jpeg_scans(jpeg() + jpeg(progressive=True), MANY) == 1


def test_a_bombs_passes_are_counted_as_far_as_needed() -> None:
    bomb = progressive_bomb(64, 64, 700)
    assert jpeg_scans(bomb, MANY) == 701
    assert jpeg_scans(bomb, 50) == 51


@pytest.mark.parametrize("data", [b"", b"\xff\xd8", b"\xff\xd8\xff", b"\xff\xd8\xff\xda", b"\xff\xd8\xff\xda\0\0" * 9])
def test_what_is_cut_short_has_an_end(data: bytes) -> None:
    assert jpeg_scans(data, MANY) < 10


@pytest.mark.parametrize("options", [{}, {"lossless": True}, {"exif": b"Exif\0\0"}, {"save_all": True}])
@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_the_size_of_a_webp(mode: str, options: dict[str, Any]) -> None:
    file = BytesIO()
    still = picture("obama").resize((301, 203)).convert(mode)
    moving = {"append_images": [still.rotate(9)]} if "save_all" in options else {}
    still.save(file, "WEBP", **options, **moving)
    assert webp_size(file.getvalue()) == (301, 203)


def test_the_size_that_a_damaged_webp_says() -> None:
    bomb = webp_bomb(16_384, 9)
    assert webp_size(bomb) == (16_384, 9)
    for end in range(12, 30):
        size = webp_size(bomb[:end])
        assert size is None or max(size) <= 16_384
    assert webp_size(b"RIFF\0\0\0\0WEBPABCD" + bytes(20)) is None
