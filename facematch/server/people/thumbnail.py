"""The face of a photo alone, small: what lists of people show. Pure."""

from __future__ import annotations

import io
from typing import Final

from PIL import Image

BBox = tuple[int, int, int, int]
"""Top, right, bottom, left in pixels of the photo."""

FACES_WIDE: Final = 1.7
"""Hair and chin belong to a face; the box of a face stops at neither."""
_QUALITY = 85


def face_of(jpeg: bytes, bbox: BBox, side: int) -> bytes:
    """A square around the face, as JPEG.

    Args:
        jpeg: the stored photo.
        bbox: of the face in it.
        side: length of the square in pixels; less when the photo has not that many.
    """
    with Image.open(io.BytesIO(jpeg)) as photo:
        whole = photo.size
        square = _square(bbox, whole)
        coarser = side / (square[2] - square[0])
        if coarser < 1:  # lets it be decoded at a half, a quarter or an eighth of its size
            photo.draft("RGB", (round(whole[0] * coarser), round(whole[1] * coarser)))
        scale = photo.width / whole[0]
        left, top, right, bottom = (value * scale for value in square)
        length = max(1, min(side, round(square[2] - square[0])))
        face = photo.convert("RGB").resize((length, length), Image.Resampling.LANCZOS, box=(left, top, right, bottom))
    file = io.BytesIO()
    face.save(file, "JPEG", quality=_QUALITY)
    return file.getvalue()


def _square(bbox: BBox, size: tuple[int, int]) -> tuple[float, float, float, float]:
    """Left, top, right, bottom of the square around a face that lies within the photo."""
    top, right, bottom, left = bbox
    length = min(max(bottom - top, right - left) * FACES_WIDE, *size)
    x = min(max((left + right - length) / 2, 0.0), size[0] - length)
    y = min(max((top + bottom - length) / 2, 0.0), size[1] - length)
    return x, y, x + length, y + length
