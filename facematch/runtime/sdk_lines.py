"""What the LiveKit SDK says by itself, with how much of it reaches the log.

It says each of its attempts to get in, a handful of lines for every one: with LiveKit away that is a flood, and the
recognizer says the same in a sentence of its own. Whatever else it repeats is said once a minute, with a count.
"""

from __future__ import annotations

import re
import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable

LOGGER = "livekit"
REPEAT_SECONDS = 60.0
MOST_KINDS = 200
"""Of lines that are remembered. They are the SDK's own, and few; some hold names of others."""

_MEANINGLESS = ("native video stream queue overflow", "drop unknown FFI handle")
"""A frame that a newer one replaced, which is what a queue of one is for; what it lets go of when a room is left."""
_SAID_BY_US = (
    "signal connection failed on",
    "v1 path not found",
    "v0 fallback also failed",
    "failed to connect: ",
    "authentication rejected during connect",
    "error while connecting to a room: ",
    "resuming connection... attempt",
    "restarting connection... attempt",
    "dropping pass-through signal",
)
_LEFT_OUT = _MEANINGLESS + _SAID_BY_US
_NUMBERS = re.compile(r"\d+")


class SdkLines:
    """A filter of log records: False for the SDK's lines that are not worth one, and for nobody else's.

    Args:
        monotonic: seconds.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._lock = threading.Lock()  # it logs from threads of its own
        self._told: dict[str, tuple[float, int]] = {}
        """Of each kind, when it was last told, and how often it has come since."""

    def __call__(self, record: logging.LogRecord) -> bool:
        """See the class. A line that repeats carries `times`, how often it came since it was last told."""
        if record.name != LOGGER:  # nobody hides by taking such words for a name
            return True
        text = record.getMessage()
        if any(words in text for words in _LEFT_OUT):
            return False
        kind = _NUMBERS.sub("", text)
        with self._lock:
            now = self._monotonic()
            told_at, since = self._told.pop(kind, (-REPEAT_SECONDS, 0))
            due = now - told_at >= REPEAT_SECONDS
            self._told[kind] = (now, 0) if due else (told_at, since + 1)
            while len(self._told) > MOST_KINDS:
                del self._told[next(iter(self._told))]  # the one that has not come for longest
        if due and since:
            record.times = since + 1
        return due
