"""Stands where the face models examine an upload."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from facematch.faces.photos.weakness import Weakness

JPEG = b"\xff\xd8 the photo as it is stored \xff\xd9"


@dataclass
class FakePhoto:
    """What an examiner makes of an upload."""

    jpeg: bytes = JPEG
    bbox: tuple[int, int, int, int] = (10, 60, 70, 5)
    frame_size: tuple[int, int] = (100, 120)
    weak: tuple[Weakness, ...] = ()
    turned: int = 0
    embedding: NDArray[np.float32] = field(default_factory=lambda: np.zeros(128, np.float32))
    score: float = 1.5
    sharpness: float = 0.2


@dataclass
class FakeExaminer:
    """Accepts every upload, or raises what it is told to."""

    photo: FakePhoto = field(default_factory=FakePhoto)
    error: Exception | None = None
    seen: list[bytes] = field(default_factory=list)
    closed: bool = False
    model: str = "fake/1"

    async def enroll(self, data: bytes) -> FakePhoto:
        self.seen.append(data)
        if self.error:
            raise self.error
        return self.photo

    async def aclose(self) -> None:
        self.closed = True
