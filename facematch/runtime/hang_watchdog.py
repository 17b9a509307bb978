"""A process whose event loop hangs ends, so that whoever keeps it running starts it again.

A call into native code that never returns, or a lock that is never let go, would leave a process that looks alive and
does nothing for ever. The watch is one of the interpreter's own C threads (`faulthandler`), which needs neither the
loop nor the interpreter's lock: it writes where every thread stands to stderr and ends the process with exit code 1.
"""

from __future__ import annotations

import asyncio
import faulthandler
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

HANG_SECONDS: Final = 60.0
"""How long the event loop may not run before the process ends."""


@asynccontextmanager
async def ended_when_hung(seconds: float = HANG_SECONDS) -> AsyncIterator[None]:
    """Inside it the process ends when its event loop has not run for so long. There is one watch in a process.

    Args:
        seconds: on the clock that stands still while the machine sleeps.
    """
    _watch(seconds)
    showing = asyncio.create_task(_show_life(seconds), name="show life")
    try:
        yield
    finally:
        showing.cancel()
        await asyncio.wait([showing])
        faulthandler.cancel_dump_traceback_later()


async def _show_life(seconds: float) -> None:
    while True:
        await asyncio.sleep(seconds / 4)
        _watch(seconds)


def _watch(seconds: float) -> None:
    faulthandler.dump_traceback_later(seconds, exit=True)  # takes the place of the one before
