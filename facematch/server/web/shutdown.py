"""Stopping in time under plain `uvicorn api:app`.

uvicorn waits without limit for its connections to finish, tells WebSockets 1012 without asking us, and starts our
own shutdown only after all that. So the signal is taken first: listeners get their goodbye, those that do not read
are cut off, and only then uvicorn begins; what else is open (a stalled download) gets a limit.
"""

from __future__ import annotations

import asyncio
import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import structlog

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator
    from types import FrameType

log = structlog.get_logger(__name__)

GOODBYE_SECONDS = 1.5
"""How long the listeners' goodbye may hold up uvicorn's own shutdown."""
REQUESTS_SECONDS = 2
"""How long uvicorn waits for what is still open then."""

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def running_uvicorn() -> Any | None:
    """The `uvicorn.Server` that runs this process; None under anything else, as in tests."""
    if threading.current_thread() is not threading.main_thread():
        return None
    server = getattr(signal.getsignal(signal.SIGTERM), "__self__", None)
    return server if type(server).__module__ == "uvicorn.server" else None


@contextmanager
def goodbye_first(goodbye: Callable[[], Awaitable[None]]) -> Iterator[None]:
    """While this is open, SIGINT and SIGTERM run `goodbye` first and then what they did before.

    Does nothing where uvicorn does not run the process. A second signal is passed on at once.
    """
    server = running_uvicorn()
    if server is None:
        yield
        return
    if server.config.timeout_graceful_shutdown is None:
        server.config.timeout_graceful_shutdown = REQUESTS_SECONDS
    interception = _Interception(goodbye)
    interception.begin()
    try:
        yield
    finally:
        interception.end()


class _Interception:
    """Stands between the signals and their handlers."""

    def __init__(self, goodbye: Callable[[], Awaitable[None]]) -> None:
        self._goodbye = goodbye
        self._loop = asyncio.get_running_loop()
        self._handlers = {number: signal.getsignal(number) for number in _SIGNALS}
        self._stopping: asyncio.Task[None] | None = None

    def begin(self) -> None:
        for number in _SIGNALS:
            signal.signal(number, self._on_signal)

    def end(self) -> None:
        for number, handler in self._handlers.items():
            signal.signal(number, handler)

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        """Runs between any two instructions of the main thread: leaves everything to the loop."""
        self._loop.call_soon_threadsafe(self._stop, number)

    def _stop(self, number: int) -> None:
        if self._stopping is None:
            self._stopping = self._loop.create_task(self._say_goodbye(number), name="goodbye")
        else:
            self._pass_on(number)

    async def _say_goodbye(self, number: int) -> None:
        log.info("Stopping", signal=signal.Signals(number).name)
        try:
            async with asyncio.timeout(GOODBYE_SECONDS):
                await self._goodbye()
        except Exception:
            log.exception("Goodbye failed")
        finally:
            self._pass_on(number)

    def _pass_on(self, number: int) -> None:
        handler = self._handlers[signal.Signals(number)]
        if callable(handler):
            handler(number, None)
