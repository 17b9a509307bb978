"""Recognizers that share rooms, as far as the web process sees them: they beat, and hold what they are told to."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from facematch.protocol.beat import AssignedRoom, Beat, HeldRoom

if TYPE_CHECKING:
    from collections.abc import Iterable

BEGAN = datetime(2025, 9, 25, 14, 0, tzinfo=UTC)


@dataclass
class FakeWorker:
    """One recognizer. It is in a room as soon as it has been told of it, and leaves as it is told to."""

    name: str
    capacity: float = 100.0
    boots: int = 1
    draining: bool = False
    answered: bool = False
    beats: int = 0
    holds: dict[str, int] = field(default_factory=dict)
    """Rooms, and under which epoch."""
    costs: dict[str, float] = field(default_factory=dict)
    """Of rooms that have cameras: frames a second."""
    ended: dict[str, str] = field(default_factory=dict)
    """Stays that are over, and in which word."""
    settings: dict[str, str] = field(default_factory=dict)

    @property
    def boot(self) -> str:
        return f"{self.name}-boot-{self.boots}"

    def restart(self) -> None:
        """Killed, and begun again."""
        self.boots += 1
        self.answered = self.draining = False
        self.holds, self.ended = {}, {}

    def beat(self, at: datetime | None = None) -> Beat:
        """The next one."""
        self.beats += 1
        return Beat(
            worker=self.name,
            boot=self.boot,
            sent_at=at or BEGAN + timedelta(seconds=self.beats),
            first=not self.answered,
            capacity=self.capacity,
            draining=self.draining,
            rooms=[
                HeldRoom(
                    room=room,
                    epoch=epoch,
                    arrived=room not in self.ended,
                    cost=self.costs.get(room, 0.0),
                    ended=self.ended.get(room),
                )
                for room, epoch in self.holds.items()
            ],
            settings=self.settings,
        )

    def hear(self, assigned: Iterable[AssignedRoom]) -> None:
        """Leave what is not named, and come into what is."""
        self.answered = True
        kept = {one.room: one.epoch for one in assigned if not one.arrived_elsewhere}
        self.ended = {room: word for room, word in self.ended.items() if kept.get(room) == self.holds.get(room)}
        self.holds = kept
