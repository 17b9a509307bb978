"""Anchors outlive the recognizer: they are handed on over the API, which keeps them in memory, and asked for there of
whoever is watched anew. No file, no database ever has one.

Only what has changed is sent. An API that is another process than before has nothing, and is sent everything again; one
of a version that keeps no anchors is asked seldom. Nothing is handed on of a participant before it was asked whether
another recognizer knew them: what that one knew would be covered by what may be another face.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final
from weakref import ref

import structlog
from pydantic import ValidationError

from facematch.protocol.anchors import MOST_AT_ONCE, HandedAnchor, HandedOn, HandingOn
from facematch.protocol.embeddings import packed, unpacked
from facematch.recognizer.delivery.api_client import ApiUnreachableError, as_json
from facematch.recognizer.evidence.continuity import Anchor

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from facematch.recognizer.delivery.api_client import ApiClient
    from facematch.recognizer.evidence.kept import KeptEvidence, RoomEvidence

log = structlog.get_logger(__name__)

EVERY_SECONDS: Final = 2.0
"""From one message to the next, when nobody new is watched."""
LEAST_SECONDS: Final = 0.1
UNKNOWN_SECONDS: Final = 60.0
"""The same while the API takes none."""
POST_SECONDS: Final = 2.0


@dataclass(slots=True)
class _Room:
    """What the API has of one."""

    asked: set[str] = field(default_factory=set)
    """Of whom it was asked whether another recognizer knew them."""
    handed: dict[str, ref[Anchor]] = field(default_factory=dict)
    """Of whom it has which; none is kept here, for what is forgotten is forgotten while the API is away, too."""


class AnchorsHandedOn:
    """See the module.

    Args:
        api: keeps them.
        evidence: where they are made.
        source: this process.
        encoder: whose embeddings they are of.
    """

    def __init__(self, api: ApiClient, evidence: KeptEvidence, *, source: str, encoder: str) -> None:
        self._api = api
        self._evidence = evidence
        self._source = source
        self._encoder = encoder
        self._rooms: dict[str, _Room] = {}
        self._process: str | None = None

    async def run(self) -> None:
        """Hand on, for ever."""
        while self._evidence.continuity:
            pause = await self.hand_on()
            await asyncio.sleep(pause)
            if pause == LEAST_SECONDS:
                await self._evidence.watched_anew.until(self._is_somebody_new, EVERY_SECONDS - LEAST_SECONDS)

    async def flush(self, seconds: float) -> None:
        """Hand on what the last looks have changed, at the end, if the API takes it in time."""
        if self._evidence.continuity:
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self.hand_on()

    async def hand_on(self) -> float:
        """Whatever has changed since the last time. Returns for how many seconds the API is to be left alone."""
        rooms = dict(self._evidence.rooms)  # they come and go meanwhile
        self._rooms = {name: known for name, known in self._rooms.items() if name in rooms}
        for name, room in rooms.items():
            known = self._rooms.setdefault(name, _Room())
            known.asked &= room.watched
            anchors = room.anchors()
            for message in self._messages(name, room, known, anchors):
                try:
                    answer = await self._api.post("/api/anchors", as_json(message.model_dump()), POST_SECONDS)
                    said = HandedOn.model_validate_json(answer.body)
                except ApiUnreachableError as error:
                    log.debug("Anchors are not handed on", reason=str(error))
                    return EVERY_SECONDS
                except ValidationError:
                    log.debug("Anchors are not taken", status=answer.status)
                    return UNKNOWN_SECONDS
                self._take(message, said, known, anchors)
                for one in said.anchors:
                    if one.participant_identity in message.wanted:
                        anchor = Anchor(unpacked(one.embedding), one.looks, one.spread)
                        room.resume(one.participant_identity, anchor)
        return LEAST_SECONDS

    def _is_somebody_new(self) -> bool:
        return any(room.watched - self._asked(name) for name, room in self._evidence.rooms.items())

    def _asked(self, name: str) -> set[str]:
        return self._rooms[name].asked if name in self._rooms else set()

    def _messages(
        self, name: str, room: RoomEvidence, known: _Room, anchors: Mapping[str, Anchor]
    ) -> Iterator[HandingOn]:
        """In parts of a size that the API takes."""
        changed = [
            HandedAnchor(
                participant_identity=identity, embedding=packed(one.embedding), looks=one.looks, spread=one.spread
            )
            for identity, one in anchors.items()
            if identity in known.asked and (identity not in known.handed or known.handed[identity]() is not one)
        ]
        gone = sorted(known.handed.keys() - anchors.keys())
        wanted = sorted(room.watched - known.asked)
        for at in range(0, max(len(changed), len(gone), len(wanted)), MOST_AT_ONCE):
            some = slice(at, at + MOST_AT_ONCE)
            yield HandingOn(
                source=self._source,
                room=name,
                encoder=self._encoder,
                anchors=changed[some],
                gone=gone[some],
                wanted=wanted[some],
            )

    def _take(self, sent: HandingOn, said: HandedOn, known: _Room, anchors: Mapping[str, Anchor]) -> None:
        """Note what the API has now."""
        if said.process != self._process:
            self._process = said.process
            for room in self._rooms.values():
                room.handed.clear()
        known.asked.update(sent.wanted)
        for identity in sent.gone:
            known.handed.pop(identity, None)
        known.handed |= {one.participant_identity: ref(anchors[one.participant_identity]) for one in sent.anchors}
