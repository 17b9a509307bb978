"""What the end-to-end tests share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio
from playwright.async_api import expect

from tests.rig.chromium import end_browsers
from tests.rig.fake_recognizer import FakeRecognizer
from tests.rig.page import LOOK
from tests.rig.stacks import (
    _stack_of_file,
    livekit,
    make_stack,
    own_livekit,
    shared_stack,
)
from tests.rig.web import WebProcess

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

__all__ = ["_stack_of_file", "livekit", "make_stack", "own_livekit", "shared_stack"]

ARTIFACTS = Path(__file__).resolve().parents[1] / "artifacts"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whatever lies in this folder is an end-to-end test."""
    for item in items:
        if item.nodeid.startswith("tests/e2e/"):
            item.add_marker(pytest.mark.e2e)


@pytest_asyncio.fixture
async def web(tmp_path: Path) -> AsyncIterator[WebProcess]:
    process = WebProcess(tmp_path)
    await process.start()
    yield process
    process.end()


@pytest_asyncio.fixture
async def fake(web: WebProcess) -> AsyncIterator[FakeRecognizer]:
    async with FakeRecognizer(web) as one:
        yield one


@pytest.fixture(scope="session", autouse=True)
def _patience_with_pages() -> None:
    """Where a test says nothing else."""
    expect.set_options(timeout=LOOK)


@pytest_asyncio.fixture(scope="module", autouse=True)
async def _browsers_end_with_the_file() -> AsyncIterator[None]:
    yield
    await end_browsers()


@pytest.fixture(scope="session")
def artifacts() -> Path:
    """Where screenshots stay after the run."""
    ARTIFACTS.mkdir(exist_ok=True)
    return ARTIFACTS
