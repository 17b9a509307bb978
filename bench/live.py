"""Face Match with its default settings against a real LiveKit server, for the length of one measurement."""

from __future__ import annotations

import asyncio
import tempfile
import time
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from tests.rig.livekit_server import LiveKitServer
from tests.rig.stack import Stack

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@asynccontextmanager
async def live_stack(**settings: object) -> AsyncIterator[Stack]:
    """Server, web process and recognizer, enrolled and ready; `settings` are those that differ from the defaults."""
    with tempfile.TemporaryDirectory(prefix="face-match-bench-") as folder:
        server = LiveKitServer(Path(folder))
        server.start()
        stack = Stack(Path(folder), server, **settings)
        try:
            await stack.start()
            yield stack
        finally:
            stack.end()
            server.stop()


class Meter:
    """CPU and memory of one process (and its children), read from outside."""

    def __init__(self, pid: int) -> None:
        self._process = psutil.Process(pid)
        self._cpu = 0.0
        self._at = 0.0
        self.start()

    def start(self) -> None:
        """Counts from here."""
        self._cpu, self._at = self._cpu_seconds(), time.monotonic()

    @property
    def seconds(self) -> float:
        """Wall-clock seconds since `start`."""
        return time.monotonic() - self._at

    @property
    def cpu(self) -> float:
        """CPU seconds, user and system, since `start`."""
        return self._cpu_seconds() - self._cpu

    @property
    def share(self) -> float:
        """CPU since `start` as a share of one core."""
        return self.cpu / self.seconds

    @property
    def megabytes(self) -> float:
        """Resident memory now, in MB of a million bytes."""
        return sum(process.memory_info().rss for process in self._family()) / 1e6

    def _cpu_seconds(self) -> float:
        return sum(sum(process.cpu_times()[:2]) for process in self._family())

    def _family(self) -> list[psutil.Process]:
        return [self._process, *self._process.children(recursive=True)]


async def let_pass(seconds: float) -> None:
    """A measurement lasts as long as it lasts."""
    await asyncio.sleep(seconds)
