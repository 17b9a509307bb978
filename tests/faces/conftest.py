"""The real models, loaded once, and the photographs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from facematch.faces.detector import Detector, Pixels
from facematch.faces.encoder import Encoder, make_encoder
from facematch.faces.engine import FaceEngine
from facematch.faces.reference import ReferenceSet

if TYPE_CHECKING:
    from collections.abc import Iterator

DATA = Path(__file__).resolve().parent.parent / "data"
PEOPLE = {"biden": 1, "collins": 1, "obama": 1, "obama2": 1, "obama3": 1, "two_faces": 2, "no_face": 0}
"""The photographs and how many people are in each."""


def photo_bytes(name: str) -> bytes:
    return (DATA / f"{name}.jpg").read_bytes()


def picture(name: str) -> Image.Image:
    with Image.open(DATA / f"{name}.jpg") as file:
        return file.convert("RGB")


def pixels(name: str) -> Pixels:
    return np.asarray(picture(name))


_FACES = {
    "biden": (365, 245, 216),
    "collins": (165, 127, 88),
    "obama": (495, 265, 259),
    "obama2": (319, 457, 311),
    "obama3": (483, 264, 180),
}
"""The middle of the face (across, down) in each photograph, and its width."""


def frame(name: str, width: int, height: int, *, face: int, across: float = 0.5, down: float = 0.5) -> Pixels:
    """A frame of that size in front of a plain wall: the photographed person with a face of `face` pixels.

    The middle of the face is at these parts of the frame's width and height.
    """
    source = picture(name)
    middle_across, middle_down, face_width = _FACES[name]
    scale = face / face_width
    person = source.resize((round(source.width * scale), round(source.height * scale)), Image.Resampling.LANCZOS)
    canvas = Image.new("RGB", (width, height), (96, 104, 120))
    canvas.paste(person, (round(width * across - middle_across * scale), round(height * down - middle_down * scale)))
    return np.asarray(canvas)


@pytest.fixture(scope="session")
def model_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("models")


@pytest.fixture(scope="session")
def onnx_encoder(model_cache: Path) -> Encoder:
    return make_encoder("onnx", model_cache)


@pytest.fixture(scope="session")
def dlib_encoder(model_cache: Path) -> Encoder:
    return make_encoder("dlib", model_cache)


@pytest.fixture(scope="session")
def detector() -> Detector:
    return Detector()


@pytest.fixture(scope="session")
def engine(onnx_encoder: Encoder) -> Iterator[FaceEngine]:
    engine = FaceEngine(workers=2, processed_width=640, encoder=onnx_encoder)
    yield engine
    engine.close()


@pytest.fixture(scope="session")
def obama(detector: Detector, onnx_encoder: Encoder) -> ReferenceSet:
    image = pixels("obama")
    return ReferenceSet("obama", onnx_encoder.encode([detector.chip(image, detector.find(image)[0])]))
