"""An examiner that sees in each upload what a test says."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from facematch.faces.photos.weakness import Weakness
from tests.rig.embeddings import axis
from tests.rig.fake_examiner import FakeExaminer, FakePhoto
from tests.rig.people import MODEL

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass
class Seeing(FakeExaminer):
    """Sees in each upload the embedding that is told for it."""

    model: str = MODEL
    faces: dict[bytes, NDArray[np.float32]] = field(default_factory=dict)
    refused: dict[bytes, Exception] = field(default_factory=dict)

    async def enroll(self, data: bytes) -> FakePhoto:
        self.seen.append(data)
        if data in self.refused:
            raise self.refused[data]
        weak = (Weakness("BLURRED", "The face is blurred."),) if b"blurred" in data else ()
        return FakePhoto(b"stored " + data, embedding=self.faces.get(data, axis(0)), weak=weak)
