"""A photograph that was refused is let go of at once: not when Python next looks for circles, which takes hours."""

from __future__ import annotations

import gc
import io
import tracemalloc
from typing import TYPE_CHECKING

from PIL import Image

from facematch.faces.photos.refusal import EnrollmentError

if TYPE_CHECKING:
    from facematch.faces.engine import FaceEngine

SIDE = 800
"""Pixels: 2 MB as RGB."""
LEFT_BYTES = 500_000


def without_a_face() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (SIDE, SIDE), (90, 120, 150)).save(file, "PNG")
    return file.getvalue()


async def refused(engine: FaceEngine, data: bytes) -> str:
    try:
        await engine.enroll(data)
    except EnrollmentError as error:
        return error.code
    return ""


async def test_a_refused_photograph_leaves_nothing(engine: FaceEngine) -> None:
    data = without_a_face()
    assert await refused(engine, data) == "NO_FACE"
    gc.collect()
    gc.disable()
    tracemalloc.start()
    try:
        assert await refused(engine, data) == "NO_FACE"
        left, _peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
        gc.enable()
    assert left < LEFT_BYTES
