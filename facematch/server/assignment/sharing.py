"""How rooms are shared among workers: what one of them takes now, and what it offers to the others.

Each decides for itself, at its own beat, from what all can see. A worker's share of all work is that of its capacity.
Rooms that nobody has are taken by whoever has less than its share; who has more offers some, and those are taken by
whoever has so much less that the two are closer afterwards. So what is moved levels, and ends: the sum of the squared
distances to the shares falls with every move.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

LIVES_SECONDS: Final = 3.0
"""Who has been silent for longer is taken for dead: beats come once a second."""

EMPTY_ROOM: Final = 0.1
"""Frames a second that a room counts for besides its cameras: rooms without any are shared out, too."""
NEW_ROOM: Final = 1.0
"""What a room counts for before anybody has seen its cameras: two of them."""

LEVEL: Final = 0.1
"""Part of a share by which a worker may have more without anything being moved: cameras come and go."""
_MOVED_AT_ONCE: Final = 20
"""One of so many rooms is offered in a round, and one at least."""


@dataclass(frozen=True, slots=True)
class Worker:
    """A recognizer process."""

    name: str
    capacity: float
    """Frames a second."""
    alive: bool
    draining: bool = False


@dataclass(frozen=True, slots=True)
class Room:
    """A room that is there."""

    name: str
    owner: str | None = None
    """A worker's name."""
    cost: float | None = None
    """Frames a second that its cameras need; None: not seen yet."""
    arrived: bool = False
    """Its owner is in it."""
    offered: bool = False
    """Its owner keeps it until somebody has taken it."""

    @property
    def weight(self) -> float:
        """What it counts for."""
        return EMPTY_ROOM + (NEW_ROOM if self.cost is None else self.cost)


@dataclass(frozen=True, slots=True)
class Decision:
    """What a worker does."""

    claims: tuple[str, ...] = ()
    offers: frozenset[str] = frozenset()
    """Of its rooms, all that are on offer from now on."""


def decide(me: str, workers: Collection[Worker], rooms: Collection[Room]) -> Decision:
    """What one worker is to take and to offer now.

    Args:
        me: its name; alive and not draining, or it is given nothing.
        workers: all that are known.
        rooms: all that are there.
    """
    shares = _Shares(workers, rooms)
    if me not in shares.able:
        return Decision()
    return Decision(tuple(_claims(me, shares, rooms)), frozenset(_offers(me, shares, rooms)))


class _Shares:
    """What each worker has, and what it should have, in frames a second."""

    def __init__(self, workers: Collection[Worker], rooms: Collection[Room]) -> None:
        self.keeping = {one.name for one in workers if one.alive and not one.draining}
        """Whose rooms are not to be taken."""
        self.able = {one.name: max(one.capacity, 1e-3) for one in workers if one.name in self.keeping}
        self._each = math.fsum(room.weight for room in rooms) / max(math.fsum(self.able.values()), 1e-3)
        self._load = dict.fromkeys(self.able, 0.0)
        for room in rooms:
            self.move(room, None, room.owner)

    def is_orphan(self, room: Room) -> bool:
        """Whether nobody has it, or whoever has it is dead or ends."""
        return room.owner not in self.keeping

    def move(self, room: Room, source: str | None, target: str | None) -> None:
        """A room has another owner."""
        for worker, weight in ((source, -room.weight), (target, room.weight)):
            if worker in self._load:
                self._load[worker] += weight

    def share(self, worker: str) -> float:
        return self._each * self.able[worker]

    def lacks(self, worker: str) -> float:
        """By how much it has less than its share."""
        return self.share(worker) - self._load[worker]

    def neediest(self) -> str:
        return max(self.able, key=lambda worker: (self.lacks(worker), worker))


def _claims(me: str, shares: _Shares, rooms: Iterable[Room]) -> Iterable[str]:
    """Orphans first, the heaviest first; equal ones in an order of one's own, so that two seldom want the same."""
    free = [room for room in rooms if shares.is_orphan(room) or (room.offered and room.owner != me)]
    for room in sorted(free, key=lambda one: (not shares.is_orphan(one), -one.weight, _draw(me, one.name))):
        orphan = shares.is_orphan(room)
        if shares.lacks(me) >= room.weight / 2 or (orphan and shares.neediest() == me):
            shares.move(room, room.owner, me)
            yield room.name


def _offers(me: str, shares: _Shares, rooms: Iterable[Room]) -> Iterable[str]:
    """The heaviest that somebody would take, and that would leave this worker no further below its share."""
    mine = [room for room in rooms if room.owner == me and room.arrived]
    most = max(1, len(mine) // _MOVED_AT_ONCE)
    over = -shares.lacks(me) - LEVEL * shares.share(me)
    wanted = max((shares.lacks(other) for other in shares.able if other != me), default=0.0)
    for room in sorted(mine, key=lambda one: (-one.weight, not one.offered, one.name)):
        if most and room.weight / 2 < over and room.weight / 2 <= wanted:
            over -= room.weight
            most -= 1
            yield room.name


def _draw(me: str, room: str) -> bytes:
    return hashlib.blake2b(f"{me}\n{room}".encode("utf-8", "surrogatepass"), digest_size=8).digest()
