"""What is remembered of cameras between two events. Pure.

Besides what is known of each, it is remembered of whom everything is: whatever ends the stays of such a participant, or
of everybody in such a room, finds their cameras here, and the table need not be asked.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

    from facematch.server.presence.evidence import Chain, Evidence
    from facematch.server.presence.runs import Run

MOST_CHAINS: Final = 4_000
"""Cameras remembered from one batch to the next; about others the table is asked."""


@dataclass(slots=True)
class Last:
    """What is known last of a chain."""

    run: Run | None
    until: float
    """Of its last look, or of what has ended its run."""


class Scope(NamedTuple):
    """Whom a piece of evidence that is no look is about: a participant, or with no identity everybody in the room."""

    source: str
    room: str
    identity: str


class Since(NamedTuple):
    """From when on everything is remembered: what is open, and what has ended after both of these."""

    ended: float
    day: str


def scope_of(chain: Chain) -> Scope:
    """The participant of a camera, or whom evidence is about."""
    return Scope(chain.source, chain.room, chain.identity)


def everybody_with(scope: Scope) -> Scope:
    """All who are in the same room."""
    return scope._replace(identity="")


class Memory:
    """See the module."""

    def __init__(self) -> None:
        self._last: OrderedDict[Chain, Last] = OrderedDict()
        self._rooms: dict[Scope, dict[Scope, dict[Chain, Last]]] = {}
        """The same by room, and there by participant."""
        self._whole: OrderedDict[Scope, Since] = OrderedDict()

    def clear(self) -> None:
        """Forget all of it."""
        self._last.clear()
        self._rooms.clear()
        self._whole.clear()

    def get(self, chain: Chain) -> Last | None:
        """What is known of a camera; None: nothing."""
        last = self._last.get(chain)
        if last is not None:
            self._last.move_to_end(chain)
        return last

    def keep(self, chain: Chain, last: Last) -> None:
        """From now on this is known of it."""
        self._last[chain] = last
        self._last.move_to_end(chain)
        mine = scope_of(chain)
        self._rooms.setdefault(everybody_with(mine), {}).setdefault(mine, {})[chain] = last

    def trim(self) -> None:
        """Forget what is too much, the cameras first that were asked for longest ago. Not before a batch has ended."""
        while len(self._last) > MOST_CHAINS:
            self._forget(self._last.popitem(last=False)[0])
        while len(self._whole) > MOST_CHAINS:
            self._whole.popitem(last=False)

    def covered_by(self, said: Chain) -> list[tuple[Chain, Last]]:
        """The cameras that evidence is about."""
        mine = scope_of(said)
        room = self._rooms.get(everybody_with(mine), {})
        found = [room.get(mine, {})] if said.identity else list(room.values())
        return [(chain, last) for of_one in found for chain, last in of_one.items() if said.covers(chain)]

    def is_whole(self, marker: Evidence, day: str) -> bool:
        """Whether every camera of whom this is about is remembered that is open, or was looked at after it.

        Args:
            marker: is no look.
            day: of its moment.
        """
        mine = scope_of(marker.chain)
        since = [self._whole.get(scope) for scope in (mine, everybody_with(mine))]
        return any(one is not None and one.ended <= marker.ended and one.day <= day for one in since)

    def note_whole(self, scopes: Iterable[Scope], since: Since) -> None:
        """All that there is of these has been kept."""
        for scope in scopes:
            self._whole[scope] = since
            self._whole.move_to_end(scope)

    def _forget(self, chain: Chain) -> None:
        mine = scope_of(chain)
        everybody = everybody_with(mine)
        room = self._rooms[everybody]
        del room[mine][chain]
        if not room[mine]:
            del room[mine]
        if not room:
            del self._rooms[everybody]
        self._whole.pop(mine, None)
        self._whole.pop(everybody, None)
