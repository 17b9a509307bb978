"""Detection, encoding and distance are those of `face_recognition`, number for number."""

from __future__ import annotations

import subprocess
import sys
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import ImageFile

from facematch.faces.reference import ReferenceSet
from tests.rig.pictures import PEOPLE, pixels

if TYPE_CHECKING:
    from facematch.faces.detector import Detector
    from facematch.faces.encoder import Encoder

DIFFERENCE = 1e-5


@pytest.fixture(scope="module")
def face_recognition() -> Any:
    """The library itself. It warns at import and changes how Pillow treats damaged files: both stay in here."""
    truncated = ImageFile.LOAD_TRUNCATED_IMAGES
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="pkg_resources is deprecated")
        import face_recognition  # noqa: PLC0415  (a second and 150 MB, for these tests only)
    ImageFile.LOAD_TRUNCATED_IMAGES = truncated
    return face_recognition


@pytest.fixture(params=["onnx", "dlib"])
def encoder(request: pytest.FixtureRequest, onnx_encoder: Encoder, dlib_encoder: Encoder) -> Encoder:
    return onnx_encoder if request.param == "onnx" else dlib_encoder


@pytest.mark.parametrize("name", PEOPLE)
def test_detection_is_the_librarys(name: str, face_recognition: Any, detector: Detector) -> None:
    image = pixels(name)

    boxes = [box.clipped(image.shape[1], image.shape[0]) for box in detector.find(image)]

    assert boxes == face_recognition.face_locations(image, number_of_times_to_upsample=0, model="hog")
    assert len(boxes) >= PEOPLE[name]


@pytest.mark.parametrize("name", [name for name, people in PEOPLE.items() if people])
def test_embeddings_are_the_librarys(name: str, face_recognition: Any, detector: Detector, encoder: Encoder) -> None:
    image = pixels(name)
    boxes = detector.find(image)
    places = [box.clipped(image.shape[1], image.shape[0]) for box in boxes]

    embeddings = encoder.encode([detector.chip(image, box) for box in boxes])

    expected = face_recognition.face_encodings(image, places, num_jitters=1, model="small")
    assert np.abs(embeddings - np.array(expected)).max() < DIFFERENCE


def test_distances_are_the_librarys(face_recognition: Any, detector: Detector, encoder: Encoder) -> None:
    names = [name for name, people in PEOPLE.items() if people]
    ours, theirs = {}, {}
    for name in names:
        image = pixels(name)
        ours[name] = encoder.encode([detector.chip(image, detector.find(image)[0])])[0]
        theirs[name] = face_recognition.face_encodings(
            image, face_recognition.face_locations(image, 0)[:1], num_jitters=1, model="small"
        )[0]

    for one in names:
        for other in names:
            expected = face_recognition.face_distance([theirs[one]], theirs[other])[0]
            assert ReferenceSet("one", ours[one][None]).distance(ours[other]) == pytest.approx(expected, abs=DIFFERENCE)


def test_same_person_is_near_and_strangers_are_far(detector: Detector, encoder: Encoder) -> None:
    embeddings = {}
    for name in ("obama", "obama2", "obama3", "biden", "collins"):
        image = pixels(name)
        embeddings[name] = encoder.encode([detector.chip(image, detector.find(image)[0])])[0]
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
