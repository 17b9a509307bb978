"""One recognizer's time in one room that was given to it: named so that the next owner knows and removes it."""

from __future__ import annotations

from dataclasses import dataclass

from facematch.protocol.beat import epoch_of, stay_identity


class StayEndedError(Exception):
    """The stay is over for good: somebody wanted it, or the room is no more. Its text is LiveKit's word for why."""


@dataclass(frozen=True, slots=True)
class Tenure:
    """Of a room, from being given it to leaving it."""

    deployment: str
    room: str
    epoch: int

    @property
    def identity(self) -> str:
        """In the room."""
        return stay_identity(self.deployment, self.room, self.epoch)

    def succeeds(self, identity: str) -> bool:
        """Whether that is a former owner's, which has no business in the room any more."""
        epoch = epoch_of(identity, self.deployment, self.room)
        return epoch is not None and epoch < self.epoch
