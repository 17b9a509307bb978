"""What a recognizer hands on and gets, against what the web process does with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from facematch.protocol.anchors import HandingOn
from facematch.protocol.embeddings import packed
from facematch.recognizer.delivery.api_client import Answer, ApiUnreachableError
from facematch.recognizer.evidence.handing_on import EVERY_SECONDS, LEAST_SECONDS, UNKNOWN_SECONDS, AnchorsHandedOn
from facematch.server.recognizers.anchors import Anchors
from tests.rig.embeddings import axis
from tests.rig.seen_faces import HERS, HIS, Room
from tests.rig.traces import reachable

if TYPE_CHECKING:
    from typing import Any

    import numpy as np


class Api:
    """The web process's memory without HTTP."""

    def __init__(self) -> None:
        self.anchors = Anchors(lambda: 0.0)
        self.status = 200
        self.away = False
        self.messages: list[HandingOn] = []

    async def post(self, path: str, body: bytes, seconds: float) -> Answer:
        assert (path, seconds > 0) == ("/api/anchors", True)
        if self.away:
            raise ApiUnreachableError("away")
        if self.status != 200:
            return Answer(self.status, b'{"detail": "There is nothing at this address."}')
        said = HandingOn.model_validate_json(body)
        self.messages.append(said)
        return Answer(200, self.anchors.hand_on(said).model_dump_json().encode())

    def restart(self) -> None:
        self.anchors = Anchors(lambda: 0.0)


class Boot(Room):
    """One recognizer."""

    def __init__(self, api: Api, source: str, pictures: list[np.ndarray]) -> None:
        super().__init__(pictures)
        given: Any = api
        self.handed = AnchorsHandedOn(given, self.kept, source=source, encoder="dlib")


@pytest.fixture
def api() -> Api:
    return Api()


async def test_a_swap_across_a_restart_is_told_by_the_second_look(api: Api, pictures: list[np.ndarray]) -> None:
    first = Boot(api, "first", pictures)
    first.room.watch("alice")
    assert await first.handed.hand_on() == LEAST_SECONDS
    assert first.continuity(HERS, HERS, HERS) == [None, None, "same"]
    await first.handed.hand_on()

    second = Boot(api, "second", pictures)
    second.room.watch("alice")
    await second.handed.hand_on()
    assert second.continuity(HIS, HIS) == [None, "changed"]

    third = Boot(api, "third", pictures)
    third.room.watch("alice")
    await third.handed.hand_on()
    assert third.continuity(HERS, HERS) == ["same", "same"]


async def test_looks_before_the_answer_count_too(api: Api, pictures: list[np.ndarray]) -> None:
    first = Boot(api, "first", pictures)
    first.room.watch("alice")
    await first.handed.hand_on()
    first.continuity(HERS, HERS, HERS)
    await first.handed.hand_on()

    second = Boot(api, "second", pictures)
    api.away = True
    assert second.continuity(HIS, HIS) == [None, None]
    assert await second.handed.hand_on() == EVERY_SECONDS
    api.away = False
    await second.handed.hand_on()
    assert second.continuity(HIS) == ["changed"]


async def test_only_what_has_changed_is_sent_and_all_of_it_to_another_process(
    api: Api, pictures: list[np.ndarray]
) -> None:
    boot = Boot(api, "first", pictures)
    boot.room.watch("alice")
    await boot.handed.hand_on()
    boot.look(HERS)
    await boot.handed.hand_on()
    await boot.handed.hand_on()
    assert [(len(one.wanted), len(one.anchors)) for one in api.messages] == [(1, 0), (0, 1)]
    api.restart()
    boot.look(HIS, who="bob")
    await boot.handed.hand_on()
    await boot.handed.hand_on()
    asks = HandingOn(source="second", room="a room", encoder="dlib", wanted=["alice", "bob"])
    assert [one.participant_identity for one in api.anchors.hand_on(asks).anchors] == ["alice", "bob"]


async def test_what_is_forgotten_here_is_forgotten_there(api: Api, pictures: list[np.ndarray]) -> None:
    boot = Boot(api, "first", pictures)
    boot.room.watch("alice")
    await boot.handed.hand_on()
    boot.look(HERS)
    await boot.handed.hand_on()
    boot.kept.forget("alice")
    await boot.handed.hand_on()
    assert api.messages[-1].gone == ["alice"]
    asks = HandingOn(source="second", room="a room", encoder="dlib", wanted=["alice"])
    assert api.anchors.hand_on(asks).anchors == []


async def test_of_whoever_is_forgotten_nothing_can_be_reached(api: Api, pictures: list[np.ndarray]) -> None:
    """Neither here nor there, and also while nobody there can be told."""
    boot = Boot(api, "first", pictures)
    boot.room.watch("alice")
    await boot.handed.hand_on()
    boot.look(HIS)
    await boot.handed.hand_on()
    bitten = [bytes(255 - byte for byte in one) for one in (axis(HIS).tobytes(), packed(axis(HIS)).encode())]

    def found() -> list[bool]:
        held = list(reachable(boot, api))
        return [any(bytes(255 - byte for byte in one) in data for data in held) for one in bitten]

    api.messages.clear()
    assert found() == [True, True]
    boot.kept.forget("alice")
    api.anchors.forget("alice")
    api.away = True
    await boot.handed.hand_on()
    assert found() == [False, False]
    api.away = False
    await boot.handed.hand_on()
    assert api.messages[-1].gone == ["alice"]


async def test_whoever_may_not_be_looked_at_gets_nothing_back(api: Api, pictures: list[np.ndarray]) -> None:
    boot = Boot(api, "first", pictures)
    boot.room.watch("alice")
    await boot.handed.hand_on()
    boot.look(HERS)
    await boot.handed.hand_on()
    second = Boot(api, "second", pictures)
    second.room.watch("alice")
    second.kept.forget("alice")
    await second.handed.hand_on()
    assert second.room.anchors() == {}


async def test_an_older_api_is_asked_seldom(api: Api, pictures: list[np.ndarray]) -> None:
    boot = Boot(api, "first", pictures)
    boot.room.watch("alice")
    api.status = 404
    assert await boot.handed.hand_on() == UNKNOWN_SECONDS
