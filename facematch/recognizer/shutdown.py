"""Stopping: the global flag, the signals that set it, and the exit code that follows from it."""

from __future__ import annotations

import asyncio
import signal
import sys
import threading
import traceback
from enum import IntEnum

import structlog

log = structlog.get_logger(__name__)


class ExitCode(IntEnum):
    STOPPED = 0
    FAILED = 1
    BAD_SETTINGS = 2
    MEMORY_LIMIT = 3
    CREDENTIALS_REFUSED = 4


class Shutdown:
    """The flag. The first reason given decides the exit code; later ones change nothing."""

    def __init__(self) -> None:
        self._event = asyncio.Event()
        self.code = ExitCode.STOPPED

    @property
    def requested(self) -> bool:
        """Whether the flag is set."""
        return self._event.is_set()

    def request(self, code: ExitCode) -> None:
        """Set the flag."""
        if not self.requested:
            self.code = code
            self._event.set()

    async def wait(self) -> None:
        """Return when the flag is set."""
        await self._event.wait()

    def on_signals(self) -> None:
        """SIGINT and SIGTERM set the flag, after a dump of all stacks."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._on_signal, number)

    def _on_signal(self, number: signal.Signals) -> None:
        if self.requested:
            return
        log.warning(f"Received {number.name}; initiating graceful shutdown and dumping stacks...")
        log.warning(dump_stacks())
        self.request(ExitCode.STOPPED)


def dump_stacks() -> str:
    """The stacks of all threads and the waiting point of every asyncio task."""
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    parts = [
        f"Thread {names.get(ident, ident)}:\n{''.join(traceback.format_stack(frame))}"
        for ident, frame in sys._current_frames().items()  # noqa: SLF001  (the documented way to see other threads)
    ]
    for task in asyncio.all_tasks():
        stack = task.get_stack(limit=1)
        where = f"{stack[0].f_code.co_filename}:{stack[0].f_lineno}" if stack else "not started"
        parts.append(f"Task {task.get_name()} at {where}")
    return "\n".join(parts)
