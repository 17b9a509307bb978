"""A frame that was looked at, for what is made of it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

WHEN = datetime(2025, 9, 25, 14, 7, 8, 123456, UTC)
BOX = (90, 310, 240, 160)
"""Of its face: top, right, bottom, left."""


def frame(width: int = 640, height: int = 360) -> NDArray[np.uint8]:
    """Even grey, and read-only as a received frame is."""
    pixels = np.full((height, width, 3), 128, np.uint8)
    pixels.flags.writeable = False
    return pixels
