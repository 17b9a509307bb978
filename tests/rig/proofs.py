"""How long a proof is, and what it measured: `tests/faults` and `tests/scale` take these into their conftest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeVar

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

SHORT_SECONDS = 240
"""None takes more than 90 on two cores; beside other work it may take twice that."""
WHOLE_SECONDS = 1_200

T = TypeVar("T")


class Scale(Protocol):
    """The first value in the short form, the second with `--faults`."""

    def __call__(self, short: T, whole: T) -> T: ...


def bound(config: pytest.Config, items: Sequence[pytest.Item], folder: str) -> None:
    """Whatever lies in this folder breaks something, for a bounded time."""
    seconds = WHOLE_SECONDS if config.getoption("--faults") else SHORT_SECONDS
    for item in items:
        if item.nodeid.startswith(folder):
            item.add_marker(pytest.mark.faults)
            item.add_marker(pytest.mark.timeout(seconds))


@pytest.fixture(scope="session")
def scale(pytestconfig: pytest.Config) -> Scale:
    """How long this run's proofs are."""
    wanted = bool(pytestconfig.getoption("--faults"))

    def choose(short: T, whole: T) -> T:
        return whole if wanted else short

    return choose


@pytest.fixture
def figure(request: pytest.FixtureRequest) -> Iterator[dict[str, object]]:
    """What a proof measured: printed at its end (`pytest -s`), for docs/reliability.md and docs/scaling.md."""
    figures: dict[str, object] = {}
    yield figures
    if figures:
        print(f"\n{request.node.name}: " + ", ".join(f"{name} {value}" for name, value in figures.items()))  # noqa: T201
