"""Names in a room that are not for people."""

from __future__ import annotations

from typing import Final

RECOGNIZER_PREFIX: Final = "face-match-recognizer"
"""How the identity of every recognizer begins: the web process mints no token for such a one."""
