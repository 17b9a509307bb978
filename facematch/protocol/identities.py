"""Names in a room that are not for people."""

from __future__ import annotations

from typing import Final

RECOGNIZER_PREFIX: Final = "face-match-recognizer"
"""How the identity of every recognizer begins: the web process mints no token for such a one."""

WATCHER_PREFIX: Final = "face-match-watcher"
"""How the identity of everybody begins who only watches: nobody in the room sees them, and nobody looks at them."""

NOT_FOR_PEOPLE: Final = (RECOGNIZER_PREFIX, WATCHER_PREFIX)
