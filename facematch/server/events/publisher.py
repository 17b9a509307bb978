"""What has been handed on: every entry of the log goes to whoever listens, in the log's order and each once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from facematch.server.events.log import Entry, EventLog

_PAGE: Final = 200


class Publisher:
    """Hands entries on, those of commits that failed half-way and of other processes too. One call at a time.

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
        self.position = 0
        """Of the last entry that was handed on."""

    async def open(self) -> None:
        """Begin after what the log holds."""
        self.position = await self._log.latest()

    def doubt(self) -> None:
        """A commit has failed; what it held may have been stored all the same."""
        self._unsure = True

    async def hand_on(self, entries: Sequence[Entry | None]) -> Sequence[int]:
        """Hand on what was committed, after whatever the log holds before it and was not handed on.

        Args:
            entries: of one commit, in order; None in place of an event without one.

        Returns:
            For each to how many listeners.

        Raises:
            LogUnavailableError: the log had to be read, and cannot be. Nothing of these entries has been handed on.
        """
        first = next((entry.cursor for entry in entries if entry is not None), None)
        if self._unsure or (first is not None and first != self.position + 1):
            await self._catch_up(first)
        return [0 if entry is None else self._one(entry) for entry in entries]

    async def _catch_up(self, before: int | None) -> None:
        while True:
            page = await self._log.after(self.position, _PAGE)
            for entry in page:
                if before is not None and entry.cursor >= before:
                    break
                self._one(entry)
                await self._caught_up(entry)
            else:
                if len(page) == _PAGE:
                    continue
            self._unsure = False
            return

    def _one(self, entry: Entry) -> int:
        self.position = entry.cursor
        return self._publish(entry)
