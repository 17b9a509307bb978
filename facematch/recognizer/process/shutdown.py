"""Stopping: the global flag, the signals that set it, and an end in time."""

from __future__ import annotations

import asyncio
import signal
import sys
import threading
import traceback
from typing import TYPE_CHECKING, TypeVar

import structlog

from facematch.runtime.exit_codes import ExitCode

if TYPE_CHECKING:
    from collections.abc import Awaitable

log = structlog.get_logger(__name__)

CLOSE_SECONDS = 1.0
"""How long all that is closed at the end may take together. A disk that hangs would take for ever."""

T = TypeVar("T")


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

    async def beside(self, work: Awaitable[T]) -> T | None:
        """Wait for something, but not when the flag is set. A thread that it waits for is left to itself then.

        Returns:
            What came of the work; None when the flag was first.
        """
        working, told = asyncio.ensure_future(work), asyncio.ensure_future(self.wait())
        try:
            await asyncio.wait((working, told), return_when=asyncio.FIRST_COMPLETED)
            return working.result() if working.done() else None
        finally:
            working.cancel()
            told.cancel()

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


async def close_in_time(*closing: Awaitable[object]) -> None:
    """Close everything, side by side, within `CLOSE_SECONDS`; what fails or takes longer is logged and let be."""
    tasks = [asyncio.ensure_future(one) for one in closing]
    done, late = await asyncio.wait(tasks, timeout=CLOSE_SECONDS)
    for task in late:
        task.cancel()
    for task in done:
        if error := task.exception():
            log.error("Not closed in order", exc_info=error)
    if late:
        log.warning("Ending without waiting for what does not close; is a disk away?", count=len(late))


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
