"""What a beat changes, and what it is answered: everything but where that is kept.

A beat says what a worker holds, the answer what it is to hold. Nothing is ever ordered, so nothing can be lost on the
way: who was not answered keeps what it has, and asks again a second later.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from facematch.protocol.beat import BEAT_SECONDS, MOST_ROOMS, ROOM_DELETED, AssignedRoom
from facematch.server.assignment import sharing

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from facematch.protocol.beat import Beat, HeldRoom

FIRST_CLAIMS: Final = 2
"""In its first round a worker only says that it is there: who begins together shares from the beginning."""

MISSED_SECONDS: Final = BEAT_SECONDS * 1.5
"""After so long a beat has been missed."""
BACK_SECONDS: Final = 10.0
"""Who fell silent without saying that it ends may be back so soon: a restart takes less."""

REPLACED: Final = "Another process of this machine and DATA_DIR has begun since. Stop one of the two."

_AFTER_SECONDS: Final = 0.05
"""So that a beat does not come just before."""
_SMALL: Final = 0.01
"""Frames a second: a smaller change of a cost is not written down."""


@dataclass(frozen=True, slots=True)
class WorkerState:
    """What is known of a worker."""

    name: str
    boot: str
    """Which start of it: the `source` of its events."""
    age: float = 0.0
    """Seconds since its last beat."""
    rounds: int = 0
    """Beats since it began."""
    capacity: float = 0.0
    draining: bool = False
    sent_at: datetime | None = None
    """Of its last beat, on its own clock."""
    clock_ahead: float = 0.0
    """Seconds by which its clock is ahead of ours, less what the beat took."""
    settings_differ: tuple[str, ...] = ()
    version: str | None = None

    @property
    def alive(self) -> bool:
        """Whether it was heard of just now."""
        return self.age <= sharing.LIVES_SECONDS


@dataclass(frozen=True, slots=True)
class RoomState:
    """What is known of a room."""

    name: str
    epoch: int = 0
    """Rises with each owner; 0: there was none yet."""
    owner: str | None = None
    since: datetime | None = None
    """When its owner was given it."""
    arrived: bool = False
    offered: bool = False
    cost: float | None = None
    there: bool = True
    """LiveKit has it, or it is always watched."""


@dataclass(frozen=True, slots=True)
class Move:
    """A room that has another owner, or none any more."""

    room: RoomState
    source: str | None
    reason: str
    """In a word."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What comes of a beat."""

    heard: WorkerState | None = None
    """Who was heard of; None: nothing new of anybody."""
    rooms: tuple[RoomState, ...] = ()
    """Those that have changed, but for who owns them."""
    freed: tuple[Move, ...] = ()
    claims: tuple[Move, ...] = ()
    """To be written only if nobody else was faster."""
    arrivals: tuple[RoomState, ...] = ()
    """Those in which the worker has arrived since its last beat."""
    refused: str | None = None
    others: int = 0
    """Workers besides this one that could take its rooms, or will be back soon."""
    overdue: float | None = None
    """Seconds until one that has missed a beat is taken for dead; None: nobody has."""


@dataclass(frozen=True, slots=True)
class Round:
    """What a beat is reconciled with."""

    workers: Mapping[str, WorkerState]
    rooms: Mapping[str, RoomState]
    now: datetime
    judges: bool
    """Whether we have been in touch for long enough to take the silent for dead."""
    refusal: str | None = None
    """Why this worker must not watch."""
    settings_differ: tuple[str, ...] = ()


def reconcile(beat: Beat, round_: Round) -> Outcome:
    """What a beat changes.

    Args:
        beat: of a worker.
        round_: what is so before it.
    """
    known = round_.workers.get(beat.worker)
    if known is not None and known.alive:
        same = known.boot == beat.boot
        if not same and not beat.first:
            return Outcome(refused=REPLACED)
        if same and known.sent_at is not None and beat.sent_at <= known.sent_at:
            return Outcome(others=_others(beat, round_))  # overtaken by a later one
    return replace(
        _Reconciliation(beat, round_).outcome(), others=_others(beat, round_), overdue=_overdue(beat, round_)
    )


def _others(beat: Beat, round_: Round) -> int:
    return sum(
        not one.draining and one.age <= BACK_SECONDS for name, one in round_.workers.items() if name != beat.worker
    )


def _overdue(beat: Beat, round_: Round) -> float | None:
    """Of those who have rooms: there is nothing to be taken from others."""
    owners = {room.owner for room in round_.rooms.values()} - {beat.worker}
    ages = [one.age for name, one in round_.workers.items() if name in owners]
    left = [sharing.LIVES_SECONDS - age for age in ages if MISSED_SECONDS < age <= sharing.LIVES_SECONDS]
    return min(left) + _AFTER_SECONDS if left else None


class _Reconciliation:
    """Of one beat that counts."""

    def __init__(self, beat: Beat, round_: Round) -> None:
        known = round_.workers.get(beat.worker)
        self._goes_on = known is not None and known.boot == beat.boot
        self._beat = beat
        self._round = round_
        self._rooms = dict(round_.rooms)
        self._changed: dict[str, RoomState] = {}
        self._worker = WorkerState(
            name=beat.worker,
            boot=beat.boot,
            rounds=known.rounds + 1 if known is not None and self._goes_on else 1,
            capacity=beat.capacity,
            draining=beat.draining,
            sent_at=beat.sent_at,
            clock_ahead=(beat.sent_at - round_.now).total_seconds(),
            settings_differ=round_.settings_differ,
            version=beat.version,
        )

    def outcome(self) -> Outcome:
        freed, arrivals = self._hear_of_rooms()
        shares = not (self._round.refusal or self._worker.draining or self._worker.rounds < FIRST_CLAIMS)
        claims = self._share() if shares else ()
        return Outcome(self._worker, (*self._changed.values(),), freed, claims, arrivals, refused=self._round.refusal)

    def _hear_of_rooms(self) -> tuple[tuple[Move, ...], tuple[RoomState, ...]]:
        held = {one.room: one for one in self._beat.rooms}
        freed, arrivals = [], []
        for room in _of(self._beat.worker, self._rooms):
            mine = held.get(room.name)
            if mine is not None and mine.epoch != room.epoch:
                mine = None
            if (reason := self._over(mine)) is not None:
                now = RoomState(room.name, room.epoch, cost=room.cost, there=reason != ROOM_DELETED)
                freed.append(Move(now, room.owner, reason))
                self._rooms[room.name] = now
            elif mine is not None:
                now = _seen(room, mine)
                if now.arrived and not room.arrived:
                    arrivals.append(now)
                self._change(room, now)
        return (*freed,), (*arrivals,)

    def _over(self, held: HeldRoom | None) -> str | None:
        """Why the worker has a room of its no longer, in a word; None: it has."""
        if self._round.refusal is not None:
            return "refused"
        if held is not None:
            return held.ended
        if self._beat.draining:
            return "draining"
        return None if self._goes_on else "restarted"

    def _share(self) -> tuple[Move, ...]:
        me = self._worker.name
        others = {**self._round.workers, me: self._worker}
        workers = [
            sharing.Worker(one.name, one.capacity, alive=one.alive or not self._round.judges, draining=one.draining)
            for one in others.values()
        ]
        rooms = [
            sharing.Room(one.name, one.owner, one.cost, arrived=one.arrived, offered=one.offered)
            for one in self._rooms.values()
            if one.there
        ]
        decision = sharing.decide(me, workers, rooms)
        mine = list(_of(me, self._rooms))
        for room in mine:
            self._change(room, replace(room, offered=room.name in decision.offers))
        return tuple(self._claimed(self._rooms[name]) for name in decision.claims[: MOST_ROOMS - len(mine)])

    def _claimed(self, room: RoomState) -> Move:
        source = None if room.owner is None else self._round.workers.get(room.owner)
        if room.owner is None:
            reason = "unwatched"
        elif source is None or not source.alive:
            reason = "silent"
        else:
            reason = "draining" if source.draining else "levelling"
        now = RoomState(room.name, room.epoch + 1, self._worker.name, since=self._round.now, cost=room.cost)
        return Move(now, room.owner, reason)

    def _change(self, before: RoomState, now: RoomState) -> None:
        if now != before:
            self._rooms[now.name] = self._changed[now.name] = now


def answer(beat: Beat, rooms: Mapping[str, RoomState]) -> list[AssignedRoom]:
    """What a worker is to hold.

    Args:
        beat: its.
        rooms: as they are after it.
    """
    mine = [AssignedRoom(room=room.name, epoch=room.epoch) for room in _of(beat.worker, rooms)]
    given = []
    for held in beat.rooms:
        room = rooms.get(held.room)
        if room is not None and room.there and room.epoch > held.epoch and room.owner != beat.worker:
            given.append(AssignedRoom(room=room.name, epoch=held.epoch, arrived_elsewhere=room.arrived))
    return (mine + given)[:MOST_ROOMS]


def _of(worker: str, rooms: Mapping[str, RoomState]) -> Iterator[RoomState]:
    return (room for room in list(rooms.values()) if room.owner == worker and room.there)


def _seen(room: RoomState, held: HeldRoom) -> RoomState:
    """As its owner sees it."""
    cost = held.cost if held.arrived else room.cost
    if cost is not None and room.cost is not None and abs(cost - room.cost) < _SMALL:
        cost = room.cost
    return replace(room, arrived=held.arrived, cost=cost)
