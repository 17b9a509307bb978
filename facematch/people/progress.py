"""How far a long command has come, on one line of a terminal; a line now and then where there is none."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final, TextIO

if TYPE_CHECKING:
    from collections.abc import Callable

_WIDTH: Final = 30
_EVERY_SECONDS: Final = 10.0


class Progress:
    """See the module.

    Args:
        total: of what is counted.
        out: where it is shown.
        monotonic: seconds; injected by tests.
    """

    def __init__(self, total: int, out: TextIO, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._total = total
        self._out = out
        self._now = monotonic
        self._terminal = out.isatty()
        self._done = 0
        self._told_at = monotonic()

    def step(self) -> None:
        """One more is done."""
        self._done += 1
        if self._terminal:
            self._draw()
        elif self._now() - self._told_at >= _EVERY_SECONDS:
            self._told_at = self._now()
            print(f"{self._done} of {self._total}", file=self._out, flush=True)

    def say(self, text: str) -> None:
        """A line above the bar."""
        print(f"\r\033[K{text}" if self._terminal else text, file=self._out, flush=True)
        if self._terminal:
            self._draw()

    def end(self) -> None:
        """The bar is not wanted any more."""
        if self._terminal:
            print("\r\033[K", end="", file=self._out, flush=True)

    def _draw(self) -> None:
        filled = _WIDTH * self._done // max(1, self._total)
        bar = "#" * filled + "." * (_WIDTH - filled)
        print(f"\r\033[K[{bar}] {self._done}/{self._total}", end="", file=self._out, flush=True)
