"""The fixtures of the end-to-end tests, and how long a proof is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

import pytest

from tests.rig.launched import Launched
from tests.rig.stacks import livekit, make_stack, own_livekit

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.rig.livekit_server import LiveKitServer

__all__ = ["livekit", "make_stack", "own_livekit"]

HERE = Path(__file__).resolve().parent
SHORT_SECONDS = 120
WHOLE_SECONDS = 1_200

T = TypeVar("T")


class Scale(Protocol):
    """The first value in the short form, the second with `--faults`."""

    def __call__(self, short: T, whole: T) -> T: ...


class Launch(Protocol):
    """Makes what run.sh makes; the end of the test ends it."""

    def __call__(self, server: LiveKitServer | None = None, **settings: object) -> Launched: ...


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Whatever lies in this folder breaks something, for a bounded time."""
    seconds = WHOLE_SECONDS if config.getoption("--faults") else SHORT_SECONDS
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.faults)
            item.add_marker(pytest.mark.timeout(seconds))


@pytest.fixture
def scale(pytestconfig: pytest.Config) -> Scale:
    """How long this run's proofs are."""
    wanted = bool(pytestconfig.getoption("--faults"))

    def choose(short: T, whole: T) -> T:
        return whole if wanted else short

    return choose


@pytest.fixture
def figure(request: pytest.FixtureRequest) -> Iterator[dict[str, object]]:
    """What a proof measured: printed at its end (`pytest -s`), for docs/reliability.md."""
    figures: dict[str, object] = {}
    yield figures
    if figures:
        print(f"\n{request.node.name}: " + ", ".join(f"{name} {value}" for name, value in figures.items()))  # noqa: T201


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
