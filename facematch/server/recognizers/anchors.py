"""Anchors that recognizers hand on: a swap is told across a restart of one, and when another takes its room over.

In memory only. What is kept goes when the recognizer says so; ten minutes after nobody reports of its room any more;
and when its participant is erased, does not agree any more, is not to be compared, or was seen to.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from uuid import uuid4

from facematch.protocol.anchors import HandedOn

if TYPE_CHECKING:
    from collections.abc import Callable

    from facematch.protocol.anchors import HandedAnchor, HandingOn

KEPT_SECONDS: Final = 600.0
LATE_SECONDS: Final = 10.0
"""After somebody was erased nothing is taken of them: their recognizer hears of it with its next heartbeat."""
MOST: Final = 10_000
"""Kept at once, of all rooms; the one that was handed on longest ago goes first."""

_Whose = tuple[str, str]
"""A room, and an identity in it."""


@dataclass(slots=True)
class _Kept:
    anchor: HandedAnchor
    source: str
    encoder: str


class Anchors:
    """See the module.

    Args:
        monotonic: seconds; injected by tests.
    """

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._now = monotonic
        self._process = uuid4().hex
        self._kept: dict[_Whose, _Kept] = {}
        self._heard: dict[tuple[str, str], float] = {}
        """When a recognizer (`source`) reported last of a room."""
        self._erased: dict[str, float] = {}

    def hand_on(self, said: HandingOn) -> HandedOn:
        """Keep what a recognizer hands on, and answer with what it asks for."""
        self.heard(said.source, said.room)
        found = [self._kept.get((said.room, identity)) for identity in said.wanted]
        for identity in said.gone:
            self._kept.pop((said.room, identity), None)
        for anchor in said.anchors:
            if anchor.participant_identity in self._erased:
                continue
            whose = said.room, anchor.participant_identity
            self._kept.pop(whose, None)
            self._kept[whose] = _Kept(anchor, said.source, said.encoder)
        while len(self._kept) > MOST:
            del self._kept[next(iter(self._kept))]
        others = (one for one in found if one is not None and one.source != said.source)
        return HandedOn(process=self._process, anchors=[one.anchor for one in others if one.encoder == said.encoder])

    def heard(self, source: str, room: str) -> None:
        """A recognizer reports of a room. Cheap: with every heartbeat."""
        now = self._now()
        self._heard[source, room] = now
        self._erased = {who: at for who, at in self._erased.items() if now - at < LATE_SECONDS}
        old = {one for one, at in self._heard.items() if now - at >= KEPT_SECONDS}
        if old:
            self._heard = {one: at for one, at in self._heard.items() if one not in old}
            self._kept = {whose: one for whose, one in self._kept.items() if (one.source, whose[0]) not in old}

    def forget(self, identity: str) -> None:
        """Drop what is kept of a participant, in whatever room."""
        self._kept = {whose: one for whose, one in self._kept.items() if whose[1] != identity}

    def erase(self, identity: str) -> None:
        """The same for good: what is on its way is not taken either."""
        self._erased[identity] = self._now()
        self.forget(identity)
