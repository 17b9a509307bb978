"""What has been handed on: every entry of the log goes to whoever listens, in the log's order and each once.

One of these is the only publisher of its process. It reads from where it stands: what a commit of this process has
appended is handed on without being read again if nothing lies between, and everything else is read from the log.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from facematch.server.events.log import Entry, EventLog

_PAGE: Final = 200
_COUNTED: Final = 2_000
"""So many of the last entries that were read from the log are remembered with how many listeners got them."""


class Publisher:
    """Hands entries on, those of commits that failed half-way and of other processes too.

    Args:
        event_log: where those are found.
        publish: hands an entry on; returns how many listeners get it. Must not wait.
        caught_up: told of each entry that was not among those of `hand_on`.
    """

    def __init__(
        self,
        event_log: EventLog,
        publish: Callable[[Entry], int],
        caught_up: Callable[[Entry], Awaitable[None]],
    ) -> None:
        self._log = event_log
        self._publish = publish
        self._caught_up = caught_up
        self._unsure = False
        self._one_at_a_time = asyncio.Lock()
        self._counts: OrderedDict[int, int] = OrderedDict()
        self.removals = 0
        """Times that something was removed from the log by another process: entries from before are read again."""
        self.position = 0
        """Of the last entry that was handed on."""

    async def open(self) -> None:
        """Begin after what the log holds."""
        self.position = await self._log.latest()

    def doubt(self) -> None:
        """A commit has failed; what it held may have been stored all the same."""
        self._unsure = True

    async def follow(self) -> None:
        """Hand on whatever the log holds beyond the last entry that was handed on.

        Raises:
            LogUnavailableError: it cannot be read.
        """
        async with self._one_at_a_time:
            await self._catch_up(None)

    async def hand_on(self, entries: Sequence[Entry | None], removals: int = 0) -> Sequence[int]:
        """Hand on what was committed, after whatever the log holds before it and was not handed on.

        Args:
            entries: of one commit, in order; None in place of an event without one.
            removals: what `removals` was before the commit.

        Returns:
            For each to how many listeners.

        Raises:
            LogUnavailableError: the log had to be read, and cannot be. Nothing of these entries has been handed on.
        """
        async with self._one_at_a_time:
            first = next((entry.cursor for entry in entries if entry is not None), None)
            if removals != self.removals:  # those that were removed are not in the log any more
                await self._catch_up(None)
                return [0 if entry is None else self._counts.get(entry.cursor, 0) for entry in entries]
            if self._unsure or (first is not None and first > self.position + 1):
                await self._catch_up(first)
            return [0 if entry is None else self._one(entry) for entry in entries]

    async def _catch_up(self, before: int | None) -> None:
        while True:
            removals = self.removals
            page = await self._log.after(self.position, _PAGE)
            if removals != self.removals:
                continue  # what was read may be of before
            found = [entry for entry in page if before is None or entry.cursor < before]
            for entry in found:
                self._counts[entry.cursor] = self._one(entry)
                if len(self._counts) > _COUNTED:
                    self._counts.popitem(last=False)
            for entry in found:
                await self._caught_up(entry)
            if len(found) < _PAGE:
                self._unsure = False
                return

    def _one(self, entry: Entry) -> int:
        if entry.cursor <= self.position:  # it was read from the log since its commit
            return self._counts.get(entry.cursor, 0)
        self.position = entry.cursor
        return self._publish(entry)
