"""Whether this process may take anybody for dead: only who has itself been in touch with the database, without a break,
for longer than the silent may be silent.

After a database that was away all beats are old, and so they are for a process that has stood still: it would give
every room away at once, and nobody is dead.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from facematch.server.assignment.sharing import LIVES_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable

LOOK_SECONDS: Final = 0.5
"""How often a process looks, whether or not anybody beats."""
BREAK_SECONDS: Final = 1.5
"""So long without a word is a break: less than `LIVES_SECONDS` less the second from beat to beat."""


class Touch:
    """See the module.

    Args:
        monotonic: seconds; injected by tests.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._now = monotonic
        self._since: float | None = None
        self._last = 0.0

    def felt(self) -> None:
        """The database has just answered."""
        now = self._now()
        if self._since is None or now - self._last > BREAK_SECONDS:
            self._since = now
        self._last = now

    def lost(self) -> None:
        """It has not."""
        self._since = None

    @property
    def unbroken(self) -> bool:
        """Whether it has answered for long enough."""
        now = self._now()
        return self._since is not None and now - self._last <= BREAK_SECONDS and now - self._since > LIVES_SECONDS
