"""LiveKit's services as the web process asks them, without a server: rooms of people and their attributes."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Self

from livekit.api import ServerError

if TYPE_CHECKING:
    from livekit.api import ListParticipantsRequest, RoomParticipantIdentity, UpdateParticipantRequest


class FakeLiveKit:
    """One room, whatever it is called, with people in it and their attributes.

    Args:
        people: attributes by identity.
        trouble: raised in place of every answer.
    """

    def __init__(self, people: dict[str, dict[str, str]], trouble: Exception | None = None) -> None:
        self.people = people
        self.trouble = trouble
        self.asked: list[str] = []
        """Rooms that it was opened for."""
        self.forgotten: list[str] = []
        """Whose anchors were forgotten."""
        self.room = self

    def __call__(self, room: str) -> Any:
        self.asked.append(room)
        return self

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None: ...

    async def get_participant(self, wanted: RoomParticipantIdentity) -> Any:
        if self.trouble:
            raise self.trouble
        if wanted.identity not in self.people:
            raise ServerError("not_found", "participant does not exist", status=404)
        return SimpleNamespace(attributes=self.people[wanted.identity])

    async def update_participant(self, wanted: UpdateParticipantRequest) -> None:
        self.people[wanted.identity] |= dict(wanted.attributes)

    async def list_participants(self, _wanted: ListParticipantsRequest) -> Any:
        if self.trouble:
            raise self.trouble
        return SimpleNamespace(participants=[SimpleNamespace(identity=identity) for identity in self.people])

    async def remove_participant(self, wanted: RoomParticipantIdentity) -> None:
        del self.people[wanted.identity]
