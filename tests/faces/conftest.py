"""The real models, loaded once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from facematch.faces.detector import Detector
from facematch.faces.encoder import Encoder, make_encoder
from facematch.faces.engine import FaceEngine
from facematch.faces.reference import ReferenceSet
from tests.rig.pictures import pixels

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


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
