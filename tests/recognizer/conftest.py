"""The real engine, loaded once; a web server and a place for what waits for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from facematch.faces.encoder import make_encoder
from facematch.faces.engine import FaceEngine
from tests.rig.receiver import Receiver

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaceEngine]:
    engine = FaceEngine(workers=1, processed_width=640, encoder=make_encoder("onnx", tmp_path_factory.mktemp("models")))
    yield engine
    engine.close()


@pytest.fixture
def outbox_path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "outbox.db"


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with Receiver() as server:
        yield server
