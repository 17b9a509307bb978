"""The same is seen whether every frame is searched or only what has to be: real faces, engine, cycle and memory."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import pytest

from facematch.faces.attention import Extent
from facematch.faces.detector import Detector
from facematch.faces.encoder import make_encoder
from facematch.faces.engine import FaceEngine
from facematch.faces.reference import ReferenceSet
from tests.rig.looking import batches
from tests.rig.pictures import pixels
from tests.rig.sequences import BEGINS, SCENES

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def seeing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[FaceEngine, ReferenceSet]]:
    encoder = make_encoder("onnx", tmp_path_factory.mktemp("models"))
    engine, detector, image = FaceEngine(workers=1, processed_width=640, encoder=encoder), Detector(), pixels("obama")
    yield engine, ReferenceSet("obama", encoder.encode([detector.chip(image, detector.find(image)[0])]))
    engine.close()


@pytest.mark.parametrize("scene", SCENES)
async def test_nobody_is_missed_and_nobody_made_up(seeing: tuple[FaceEngine, ReferenceSet], scene: str) -> None:
    frame = lru_cache(SCENES[scene].frame)
    whole = await batches(*seeing, frame, BEGINS, remembering=False)
    seen = await batches(*seeing, frame, BEGINS)

    assert [(one.outcome, one.faces, one.frames) for one in seen] == [
        (one.outcome, one.faces, one.frames) for one in whole
    ]
    for one, other in zip(seen, whole, strict=True):
        assert one.best_distance == pytest.approx(other.best_distance, abs=0.05)
        assert one.outcome != "match" or one.fresh_match
    assert all(extent is Extent.WHOLE for one in whole for extent in one.extents)


async def test_what_is_saved(seeing: tuple[FaceEngine, ReferenceSet]) -> None:
    def extents(of: list[list[Extent]]) -> list[str]:
        return ["".join(extent[0] for extent in one) for one in of]

    async def looks(scene: str, count: int) -> list[str]:
        begins = [10.0 * n for n in range(count)]
        return extents([one.extents for one in await batches(*seeing, lru_cache(SCENES[scene].frame), begins)])

    assert await looks("nobody", 3) == ["wnnnnw", "nnnnnn", "nnnnnn"]
    assert await looks("held, still", 5) == ["w", "p", "p", "w", "p"]
    assert await looks("stranger, walks past", 2) == ["wpppw"] * 2


async def test_frames_without_change_are_told_as_such(seeing: tuple[FaceEngine, ReferenceSet]) -> None:
    first, second = await batches(*seeing, lru_cache(SCENES["stranger, still"].frame), (0.0, 10.0))
    assert (first.frames, first.reused) == (5, 4)
    assert (second.frames, second.reused, second.faces) == (5, 5, 1)
    assert second.best_distance == first.best_distance


async def test_near_the_last_face_is_the_same_face(seeing: tuple[FaceEngine, ReferenceSet]) -> None:
    """The box of a search near it may differ by a few pixels; whose it is does not."""
    _, second = await batches(*seeing, lru_cache(SCENES["held, moves"].frame), (0.0, 10.0))
    assert second.extents == [Extent.PART]
    assert second.best_distance is not None
    assert second.best_distance < 0.5
