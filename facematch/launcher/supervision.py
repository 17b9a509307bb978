"""After the start: what ends by itself is started again, unless starting it again could not help."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from facematch.launcher.child import Child

if TYPE_CHECKING:
    from collections.abc import Callable

FIRST_RESTART_SECONDS = 1.0
LAST_RESTART_SECONDS = 30.0
HEALTHY_SECONDS = 60.0
"""Whoever ran for so long is well again: the next restart comes quickly."""


class Backoff:
    """How long to wait before something that ended is started again.

    Args:
        first: seconds before the first restart; each one after it waits twice as long.
        last: most seconds.
        healthy: seconds of life that begin the count anew.
    """

    def __init__(
        self,
        first: float = FIRST_RESTART_SECONDS,
        last: float = LAST_RESTART_SECONDS,
        healthy: float = HEALTHY_SECONDS,
    ) -> None:
        self._first, self._last, self._healthy = first, last, healthy
        self._next = first

    def delay(self, lived: float) -> float:
        """Seconds to wait, given for how many it had run."""
        if lived >= self._healthy:
            self._next = self._first
        found, self._next = self._next, min(self._next * 2, self._last)
        return found


class EndedForGoodError(Exception):
    """A child ended with an exit code that another start would only repeat."""

    def __init__(self, child: Child) -> None:
        """`child` says how it ended."""
        super().__init__(child.obituary())
        self.child = child


async def keep_running(child: Child, replace: Callable[[Child, Child], None], say: Callable[[str], None]) -> None:
    """Start a program again whenever it has ended. Cancel it to let the program end.

    Args:
        child: runs.
        replace: told of each new child and of the one whose place it takes.
        say: takes one line each time.

    Raises:
        EndedForGoodError: it ended with one of the exit codes that its program calls final.
    """
    backoff = Backoff()
    program, loop = child.program, asyncio.get_running_loop()
    while True:
        code = await asyncio.shield(child.ended)
        child.kill()  # what is left of its session would be in the way of the next
        if code in program.final:
            raise EndedForGoodError(child)
        what = f"The {program.name} {child.how_it_ended()}"
        lived = loop.time() - child.started_at
        while True:
            seconds = backoff.delay(lived)
            say(f"{what}; it is started again in {seconds:.0f} s.")
            await asyncio.sleep(seconds)
            try:
                former, child = child, await Child.start(program, again=True)
            except OSError as error:  # a machine that is out of memory or of processes gets over it
                what, lived = f"The {program.name} cannot be started ({error.strerror})", 0.0
            else:
                replace(child, former)
                break
