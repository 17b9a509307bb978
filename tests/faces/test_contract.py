"""Detection, encoding and distance are those of `face_recognition`, number for number."""

from __future__ import annotations

import subprocess
import sys
import warnings
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import ImageFile

from facematch.faces.reference import ReferenceSet
from tests.rig.pictures import PEOPLE, pixels

if TYPE_CHECKING:
    from collections.abc import Callable

    from facematch.faces.detector import Box, Detector, Pixels
    from facematch.faces.encoder import Encoder

    Found = Callable[[str], tuple[list[Box], list[Pixels]]]

DIFFERENCE = 1e-5


class Library:
    """The library itself, asked once about each photograph."""

    def __init__(self, face_recognition: Any) -> None:
        self._library = face_recognition
        self.distance = face_recognition.face_distance

    @cache  # noqa: B019  (as long as this module's tests)
    def places(self, name: str) -> list[tuple[int, int, int, int]]:
        """Its boxes."""
        found: list[tuple[int, int, int, int]] = self._library.face_locations(
            pixels(name), number_of_times_to_upsample=0, model="hog"
        )
        return found

    @cache  # noqa: B019
    def embeddings(self, name: str) -> Any:
        """Of the faces in these boxes."""
        return np.array(self._library.face_encodings(pixels(name), self.places(name), num_jitters=1, model="small"))


@pytest.fixture(scope="module")
def library() -> Library:
    """It warns at import and changes how Pillow treats damaged files: both stay in here."""
    truncated = ImageFile.LOAD_TRUNCATED_IMAGES
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="pkg_resources is deprecated")
        import face_recognition  # noqa: PLC0415  (a second and 150 MB, for these tests only)
    ImageFile.LOAD_TRUNCATED_IMAGES = truncated
    return Library(face_recognition)


@pytest.fixture(params=["onnx", "dlib"])
def encoder(request: pytest.FixtureRequest, onnx_encoder: Encoder, dlib_encoder: Encoder) -> Encoder:
    return onnx_encoder if request.param == "onnx" else dlib_encoder


@pytest.fixture(scope="module")
def found(detector: Detector) -> Found:
    """Our boxes in a photograph, and a chip of each, made once."""

    @cache
    def made(name: str) -> tuple[list[Box], list[Pixels]]:
        image = pixels(name)
        boxes = detector.find(image)
        return boxes, [detector.chip(image, box) for box in boxes]

    return made


@pytest.mark.parametrize("name", PEOPLE)
def test_detection_is_the_librarys(name: str, library: Library, found: Found) -> None:
    height, width = pixels(name).shape[:2]
    boxes = [box.clipped(width, height) for box in found(name)[0]]

    assert boxes == library.places(name)
    assert len(boxes) >= PEOPLE[name]


@pytest.mark.parametrize("name", [name for name, people in PEOPLE.items() if people])
def test_embeddings_are_the_librarys(name: str, library: Library, found: Found, encoder: Encoder) -> None:
    embeddings = encoder.encode(found(name)[1])

    assert np.abs(embeddings - library.embeddings(name)).max() < DIFFERENCE


def test_distances_are_the_librarys(library: Library, found: Found, encoder: Encoder) -> None:
    names = [name for name, people in PEOPLE.items() if people]
    ours = {name: encoder.encode(found(name)[1][:1])[0] for name in names}
    theirs = {name: library.embeddings(name)[0] for name in names}

    for one in names:
        for other in names:
            expected = library.distance([theirs[one]], theirs[other])[0]
            assert ReferenceSet("one", ours[one][None]).distance(ours[other]) == pytest.approx(expected, abs=DIFFERENCE)


def test_same_person_is_near_and_strangers_are_far(found: Found, encoder: Encoder) -> None:
    names = ("obama", "obama2", "obama3", "biden", "collins")
    embeddings = {name: encoder.encode(found(name)[1][:1])[0] for name in names}
    reference = ReferenceSet("obama", embeddings["obama"][None])

    assert all(reference.distance(embeddings[name]) < 0.4 for name in ("obama2", "obama3"))
    assert all(reference.distance(embeddings[name]) > 0.8 for name in ("biden", "collins"))


def test_at_run_time_nothing_of_the_library_is_loaded() -> None:
    program = (
        "import sys, facematch.faces.engine, facematch.faces.encoder\n"
        "wanted = {'face_recognition', 'face_recognition_models', 'pkg_resources', 'onnx', 'fastapi', 'livekit',\n"
        "          'facematch.recognizer', 'facematch.server', 'facematch.config.settings'}\n"
        "print(sorted(wanted & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
