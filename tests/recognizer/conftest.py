"""The real engine, loaded once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from facematch.faces.encoder import make_encoder
from facematch.faces.engine import FaceEngine

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaceEngine]:
    engine = FaceEngine(workers=1, processed_width=640, encoder=make_encoder("onnx", tmp_path_factory.mktemp("models")))
    yield engine
    engine.close()
