"""A LiveKit room without a server: who is in it, what they publish, and whom to tell."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING

from livekit import rtc

if TYPE_CHECKING:
    from collections.abc import Callable

STANDARD = rtc.ParticipantKind.PARTICIPANT_KIND_STANDARD
CAMERA = rtc.TrackSource.SOURCE_CAMERA
VIDEO, AUDIO = rtc.TrackKind.KIND_VIDEO, rtc.TrackKind.KIND_AUDIO


class Room:
    """Who is there, and whom to tell."""

    def __init__(self) -> None:
        self.remote_participants: dict[str, SimpleNamespace] = {}
        self._listeners: dict[str, list[Callable[..., None]]] = {}

    def on(self, name: str, listener: Callable[..., None]) -> None:
        self._listeners.setdefault(name, []).append(listener)

    def emit(self, name: str, *arguments: object) -> None:
        for listener in self._listeners.get(name, []):
            listener(*arguments)

    def joins(self, identity: str, *publications: SimpleNamespace, kind: int = STANDARD) -> None:
        self.remote_participants[identity] = SimpleNamespace(
            identity=identity,
            sid=f"PA_{identity}",
            name=identity,
            kind=kind,
            attributes={},
            track_publications={publication.sid: publication for publication in publications},
        )
        self.emit("participant_connected")

    def leaves(self, identity: str) -> None:
        del self.remote_participants[identity]
        self.emit("participant_disconnected")


def publication(sid: str, *, kind: int = VIDEO, source: int = CAMERA) -> SimpleNamespace:
    """Of a track that nobody has subscribed to."""
    return SimpleNamespace(
        sid=sid,
        kind=kind,
        source=source,
        muted=False,
        track=None,
        encryption_type=rtc.EncryptionType.NONE,
        simulcasted=False,
        width=640,
        height=360,
    )
