"""What the log says of attempts to get into a room: the first that fails, each new reason, and a count now and then."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

import structlog

from facematch.recognizer.room.answers import Meaning

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

log = structlog.get_logger(__name__)

TELL_SECONDS = 600.0
"""How often a reason that stays the same is told again."""

SENTENCES: Mapping[Meaning, str] = {
    Meaning.WRONG_TIME: "LiveKit does not accept the time in the token; check this machine's clock, and LiveKit's",
    Meaning.PROXY: "The proxy does not let us through to LiveKit; trying again (NO_PROXY excepts it)",
    Meaning.SOMEBODY_ELSE: "Not LiveKit answers, but a proxy, a firewall or another server; trying again",
    Meaning.UNREACHABLE: "LiveKit cannot be reached; trying again",
}
"""Of the reasons that may pass by themselves."""


class Attempts:
    """The attempts since we were last in the room.

    Args:
        monotonic: seconds.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._count = 0
        self._since = 0.0
        self._told: Meaning | None = None
        self._told_at = 0.0

    def failed(self, meaning: Meaning, **known: str) -> None:
        """One more. What is known of it is logged with it, when it is told."""
        now = self._monotonic()
        self._since = self._since if self._count else now
        self._count += 1
        if meaning == self._told and now - self._told_at < TELL_SECONDS:
            return
        self._told, self._told_at = meaning, now
        level = logging.ERROR if meaning == Meaning.WRONG_TIME else logging.WARNING
        more = self._figures() if self._count > 1 else {}
        log.log(level, SENTENCES[meaning], **known, **more)

    def succeeded(self) -> dict[str, int]:
        """We are in. Returns what is worth telling of the way there, for the log."""
        figures = self._figures() if self._count else {}
        self._count, self._told = 0, None
        return figures

    def _figures(self) -> dict[str, int]:
        return {"attempts": self._count, "seconds": round(self._monotonic() - self._since)}
