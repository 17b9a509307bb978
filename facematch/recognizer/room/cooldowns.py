"""The cooldowns of a room's participants, kept from one stay in the room to the next."""

from __future__ import annotations

from typing import TYPE_CHECKING

from facematch.recognizer.room.cycle import Cooldown

if TYPE_CHECKING:
    from collections.abc import Collection

MOST = 10_000
"""People kept who are not there: anybody can join under new names all day, and a cooldown may last as long."""


class Cooldowns:
    """One cooldown per participant, shared by its tracks, that outlives its leaving and the room's closing.

    Args:
        seconds: least time between Match events of one participant as one person.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._kept: dict[str, Cooldown] = {}

    def of(self, identity: str, *, present: Collection[str], now: float) -> Cooldown:
        """A participant's cooldown. Those of people who left and may be reported again are let go.

        Args:
            identity: the participant's; a sid is another one after every join.
            present: who is there, and shares what is kept.
            now: monotonic seconds.
        """
        for name, kept in list(self._kept.items()):
            if name not in present and (kept.all_over(now) or len(self._kept) > MOST):
                del self._kept[name]
        return self._kept.setdefault(identity, Cooldown(self._seconds))
