"""A photograph that was refused is let go of at once: not when Python next looks for circles, which takes hours."""

from __future__ import annotations

import gc
import io
import tracemalloc
from typing import TYPE_CHECKING

from PIL import Image

from facematch.faces.photos.refusal import EnrollmentError
from tests.rig.waiting import wait_until_true

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
        # The thread that refused it may need a moment to drop the error that it has handed over.
        await wait_until_true(
            lambda: tracemalloc.get_traced_memory()[0] < LEFT_BYTES, within=5, what="it to be let go of"
        )
    finally:
        tracemalloc.stop()
        gc.enable()
