"""What observers in the room are told, and that nobody else is."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

import pytest
from livekit.rtc.participant import PublishDataError
from structlog.testing import capture_logs

from facematch.protocol.events import Check, Match, PersonNear
from facematch.recognizer.room.signal import MOST_BYTES, MOST_WAITING, SEND_SECONDS, RoomSignal, message
from tests.rig.virtual_time import run

if TYPE_CHECKING:
    from collections.abc import Callable

MATCH = Match(
    timestamp=datetime(2026, 11, 26, tzinfo=UTC),
    participant_id="PA_1",
    participant_name="Alice",
    participant_identity="alice",
    confidence=0.6,
    filename="/srv/captured_faces/match_alice.jpg",
    snapshot="match_alice.jpg",
    bbox=(1, 4, 3, 2),
    frame_size=(640, 360),
    person_id="p_1",
)
CHECK = Check(
    timestamp=datetime(2026, 11, 26, tzinfo=UTC), participant_id="PA_1", participant_name="Alice", match_found=False
)


class Room:
    """Where data is published; who is in it."""

    def __init__(self, *there: str, takes: Callable[[], Any] | None = None) -> None:
        self.remote_participants = dict.fromkeys(there)
        self.local_participant = self
        self.connected = True
        self.sent: list[tuple[list[str], str, Any]] = []
        self._takes = takes

    def isconnected(self) -> bool:
        return self.connected

    async def publish_data(self, data: bytes, *, destination_identities: list[str], topic: str) -> None:
        if self._takes:
            await self._takes()
        self.sent.append((destination_identities, topic, json.loads(data)))


async def signalling(signal: RoomSignal, seconds: float) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(seconds):
            await signal.run()


def told(room: Room | None, *events: Match | Check, seconds: float = 1) -> None:
    async def scenario() -> None:
        signal = RoomSignal({"moderator", "deputy"})
        signal.room = cast("Any", room)
        for event in events:
            signal.tell(event)
        await signalling(signal, seconds)

    run(scenario())


def test_observers_who_are_there_are_told_without_paths_or_names_of_persons() -> None:
    room = Room("alice", "moderator")
    told(room, MATCH, CHECK)
    assert [(to, topic, body["type"]) for to, topic, body in room.sent] == [
        (["moderator"], "facematch", "match"),
        (["moderator"], "facematch", "check"),
    ]
    match = room.sent[0][2]
    assert (match["person_id"], match["person_name"], match["participant_identity"]) == ("p_1", None, "alice")
    assert "captured_faces" not in json.dumps(match)
    assert "match_alice" not in json.dumps(match)


def test_without_an_observer_nothing_is_sent_for_no_receiver_is_everybody() -> None:
    nobody, away = Room("alice", "bob"), Room("moderator")
    away.connected = False
    for room in (nobody, away, None):
        told(room, MATCH)
    assert (nobody.sent, away.sent) == ([], [])

    async def leaving() -> None:
        signal, room = RoomSignal({"moderator"}), Room("moderator")
        signal.room = cast("Any", room)
        signal.tell(MATCH)
        room.remote_participants.clear()
        await signalling(signal, 1)
        assert room.sent == []

    run(leaving())


def test_a_room_that_takes_nothing_holds_up_nobody_and_is_said_once() -> None:
    async def hangs() -> None:
        await asyncio.sleep(3600)

    async def refuses() -> None:
        raise PublishDataError("no")

    for trouble in (hangs, refuses):
        with capture_logs() as lines:
            told(Room("moderator", takes=trouble), MATCH, CHECK, MATCH, seconds=4 * SEND_SECONDS)
        assert [line["log_level"] for line in lines] == ["warning"]


def test_of_too_many_the_latest_are_sent() -> None:
    room = Room("moderator")
    many = [MATCH.model_copy(update={"cycle_id": str(n)}) for n in range(MOST_WAITING + 5)]
    told(room, *many)
    assert [body["cycle_id"] for _, _, body in room.sent] == [str(n) for n in range(5, MOST_WAITING + 5)]


def test_a_message_has_a_bound_whatever_people_call_themselves() -> None:
    name = "李" * 512
    near = [PersonNear(person_id=name[:-1] + str(n % 10), distance=0.4) for n in range(16)]
    names = dict.fromkeys(("participant_id", "participant_name", "participant_identity", "track_sid", "room"), name)
    large = CHECK.model_copy(update={"people": near, **names})
    data = message(large)
    assert len(data) <= MOST_BYTES
    assert json.loads(data) == json.loads(data) | {**names, "people": None}
    assert len(json.loads(message(CHECK.model_copy(update={"people": near[:1]})))["people"]) == 1
