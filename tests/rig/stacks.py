"""Fixtures of what drives the real parts: one LiveKit server for all tests of a process, a stack and a room for each.

`tests/e2e` and `tests/faults` take them into their conftest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import pytest

from tests.rig.livekit_server import LiveKitServer
from tests.rig.stack import Stack
from tests.rig.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FAST = {"hold_seconds": 2, "wait_seconds": 2, "match_cooldown_seconds": 0}
"""Short cycles, and every match reported, where a test does not say otherwise."""

DESERTED_SECONDS = 30


class MakeStack(Protocol):
    """Makes a stack that the end of the test ends; see `Stack` for the settings."""

    def __call__(self, server: LiveKitServer | None = None, **settings: object) -> Stack: ...


class SharedStack(Protocol):
    """The stack of a whole file of tests: started by the first, and nobody is in the room when it is handed out."""

    async def __call__(self) -> Stack: ...


@pytest.fixture(scope="session")
def livekit(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveKitServer]:
    """A server that every test shares, each in a room of its own."""
    server = LiveKitServer(tmp_path_factory.mktemp("livekit"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def own_livekit(tmp_path: Path) -> Iterator[LiveKitServer]:
    """A server that this test may kill."""
    server = LiveKitServer(tmp_path)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def make_stack(livekit: LiveKitServer, tmp_path: Path) -> Iterator[MakeStack]:
    """Stacks with short cycles; see `FAST`."""
    stacks: list[Stack] = []

    def make(server: LiveKitServer | None = None, **settings: object) -> Stack:
        folder = tmp_path / f"stack-{len(stacks)}"
        folder.mkdir()
        merged: dict[str, Any] = {**FAST, **settings}
        stack = Stack(folder, server or livekit, **merged)
        stacks.append(stack)
        return stack

    yield make
    for stack in stacks:
        stack.end()


@pytest.fixture(scope="module")
def _stack_of_file(livekit: LiveKitServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    settings: dict[str, Any] = {**FAST}
    stack = Stack(tmp_path_factory.mktemp("stack"), livekit, **settings)
    yield stack
    stack.end()


@pytest.fixture
def shared_stack(_stack_of_file: Stack) -> SharedStack:
    """With the settings of `FAST`, for tests that neither end it nor enroll anybody else."""

    async def deserted() -> bool:
        heartbeat = await _stack_of_file.heartbeat()
        return bool(heartbeat and not heartbeat["tracks"] and not heartbeat["counters"]["events_queued"])

    async def ready() -> Stack:
        if not _stack_of_file.api.alive:
            await _stack_of_file.start()
        await wait_until(deserted, within=DESERTED_SECONDS, what="those of the last test have gone")
        return _stack_of_file

    return ready
