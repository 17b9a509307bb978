"""Which face of a batch counts, with generated embeddings; sharpness on real photographs."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image, ImageFilter

from facematch.faces.engine import NOT_KEPT, Face
from facematch.faces.models import CHIP_PADDING, CHIP_SIZE
from facematch.faces.photos.weakness import sharpness
from facematch.recognizer.evidence.subject_face import (
    LEAST_SCORE,
    LEAST_SHARPNESS,
    LEAST_WIDTH,
    is_sharp,
    subject_face,
)
from tests.rig.embeddings import axis
from tests.rig.photographs import Scene

if TYPE_CHECKING:
    from facematch.faces.detector import BBox


def face(where: float, *, width: int = 100, score: float = 1.5, left: int = 0) -> Face:
    return Face((0, left + width, width, left), score, axis(where))


HERS, HIS = face(0.0), face(0.8, left=200)


def seen(frames: list[list[Face]], known: float | None = None) -> float | None:
    found = subject_face(frames, None if known is None else axis(known))
    return None if found is None else float(found.embedding[0])


def test_one_face_counts_as_the_mean_of_its_frames() -> None:
    assert seen([[face(0.0)], [face(0.1)], [face(0.2)]]) == pytest.approx(0.1)
    assert seen([]) is None
    assert seen([[], []]) is None


def test_a_frame_that_shows_somebody_else_is_left_out() -> None:
    assert seen([[face(0.0)], [face(0.1)], [face(0.9, score=1.0)]]) == pytest.approx(0.05)


@pytest.mark.parametrize(
    "poor", [face(0.0, width=LEAST_WIDTH - 1), face(0.0, score=LEAST_SCORE - 0.01)], ids=["small", "unclear"]
)
def test_a_poor_face_does_not_count(poor: Face) -> None:
    assert seen([[poor]]) is None
    assert seen([[poor, HIS]]) == pytest.approx(0.8)


def test_among_several_it_is_the_one_that_was_there_before() -> None:
    assert seen([[HERS, HIS]]) is None
    assert seen([[HERS, HIS]], known=0.1) == pytest.approx(0.0)
    assert seen([[HERS, HIS]], known=0.75) == pytest.approx(0.8)
    assert seen([[HERS, HIS]], known=2.0) is None


def test_somebody_behind_is_not_the_subject() -> None:
    behind = face(0.8, width=50, left=200)
    assert seen([[HERS, behind]]) == pytest.approx(0.0)
    assert seen([[HERS, behind]], known=0.8) == pytest.approx(0.8), "unless it was they who were there"


def test_a_face_known_from_an_earlier_search_is_there_and_is_no_look() -> None:
    reused = replace(HIS, embedding=NOT_KEPT, reused=True)
    assert seen([[reused]]) is None
    assert seen([[HERS, reused]]) is None
    assert seen([[HERS, reused]], known=0.0) == pytest.approx(0.0)


@pytest.mark.parametrize("photograph", ["obama.jpg", "biden.jpg", "collins.jpg"])
@pytest.mark.parametrize("width", [50, 110])
def test_photographs_are_sharp_and_what_is_out_of_focus_is_not(photograph: str, width: int) -> None:
    [picture] = Scene(photograph, face=width).frames(1)
    box: BBox = (180 - width // 2, 320 + width // 2, 180 + width // 2, 320 - width // 2)
    assert is_sharp(np.asarray(picture), box)
    blurred = picture.filter(ImageFilter.GaussianBlur(width / 12))
    assert not is_sharp(np.asarray(blurred), box)


@pytest.mark.parametrize("photograph", ["obama.jpg", "obama2.jpg", "biden.jpg", "collins.jpg"])
@pytest.mark.parametrize("width", [60, 110, 200])
def test_what_is_looked_at_of_a_face_says_what_all_of_it_would(photograph: str, width: int) -> None:
    """It costs two thirds of that."""
    [picture] = Scene(photograph, face=width).frames(1)
    half, by = width // 2, round(width * CHIP_PADDING / 2)
    box: BBox = (180 - half, 320 + half, 180 + half, 320 - half)
    around = (320 - half - by, max(0, 180 - half - by), 320 + half + by, min(360, 180 + half + by))
    for blur in (0.0, 1.0, 2.0, 2.5, 3.0, 4.0):
        frame = picture.filter(ImageFilter.GaussianBlur(blur))
        whole = frame.crop(around).convert("L").resize((CHIP_SIZE, CHIP_SIZE), Image.Resampling.BILINEAR)
        assert is_sharp(np.asarray(frame), box) is (sharpness(np.asarray(whole)) >= LEAST_SHARPNESS)
