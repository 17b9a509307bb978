"""The fixtures of the end-to-end tests, and how long a proof is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import pytest

from tests.rig.launched import Launched
from tests.rig.proofs import Scale, bound, figure, scale
from tests.rig.stacks import livekit, make_stack, own_livekit

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.rig.livekit_server import LiveKitServer

__all__ = ["Scale", "figure", "livekit", "make_stack", "own_livekit", "scale"]


class Launch(Protocol):
    """Makes what run.sh makes; the end of the test ends it."""

    def __call__(self, server: LiveKitServer | None = None, **settings: object) -> Launched: ...


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """See `bound`."""
    bound(config, items, "tests/faults/")


@pytest.fixture
def launch(tmp_path: Path, livekit: LiveKitServer) -> Iterator[Launch]:
    """See `Launch`."""
    made: list[Launched] = []

    def make(server: LiveKitServer | None = None, **settings: object) -> Launched:
        folder = tmp_path / f"launched-{len(made)}"
        folder.mkdir()
        before = settings.pop("before", ())
        made.append(Launched(folder, server or livekit, before=before, **settings))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for stack in made:
        stack.end()
