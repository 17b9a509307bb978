"""Anchors on their way from one recognizer to the next, in the web process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from facematch.protocol.anchors import HandedAnchor, HandingOn
from facematch.protocol.embeddings import packed, unpacked
from facematch.server.recognizers.anchors import KEPT_SECONDS, LATE_SECONDS, Anchors
from tests.rig.embeddings import axis
from tests.rig.identity_client import beat, bind, person, tell
from tests.rig.rooms_told import change

if TYPE_CHECKING:
    from starlette.testclient import TestClient


class Clock:
    def __init__(self) -> None:
        self.now = 0.0


def anchor(identity: str = "alice", at: float = 0.0) -> HandedAnchor:
    return HandedAnchor(participant_identity=identity, embedding=packed(axis(at)), looks=5, spread=0.1)


def message(source: str = "first", room: str = "red", encoder: str = "dlib", **parts: Any) -> HandingOn:
    return HandingOn(source=source, room=room, encoder=encoder, **parts)


def test_an_embedding_comes_out_as_it_went_in() -> None:
    assert np.array_equal(unpacked(packed(axis(0.7))), axis(0.7))
    for bad in ("", "AAAA", "no base64", packed(np.full(128, np.nan, np.float32))):
        with pytest.raises(ValueError, match="128 finite numbers"):
            HandedAnchor(participant_identity="alice", embedding=bad, looks=1, spread=0)


def test_only_the_next_recognizer_of_the_same_room_gets_it() -> None:
    kept = Anchors(lambda: 0.0)
    kept.hand_on(message(anchors=[anchor(), anchor("bob")]))
    assert kept.hand_on(message(wanted=["alice"])).anchors == []
    assert kept.hand_on(message("second", room="blue", wanted=["alice"])).anchors == []
    assert kept.hand_on(message("second", encoder="other", wanted=["alice"])).anchors == []
    assert kept.hand_on(message("second", wanted=["carol"])).anchors == []
    assert kept.hand_on(message("second", wanted=["alice"])).anchors == [anchor()]
    kept.hand_on(message("second", anchors=[anchor(at=0.5)]))
    assert kept.hand_on(message("third", wanted=["alice", "bob"])).anchors == [anchor(at=0.5), anchor("bob")]


def test_it_goes_when_it_is_said_and_ten_minutes_after_nobody_reports_of_the_room() -> None:
    clock = Clock()
    kept = Anchors(lambda: clock.now)
    kept.hand_on(message(anchors=[anchor(), anchor("bob"), anchor("carol")]))
    kept.hand_on(message(gone=["alice"]))
    kept.forget("bob")
    asks = message("second", wanted=["alice", "bob", "carol"])
    for _ in range(10):
        clock.now += KEPT_SECONDS / 2
        kept.heard("first", "red")
    assert [one.participant_identity for one in kept.hand_on(asks).anchors] == ["carol"]
    clock.now += KEPT_SECONDS
    assert kept.hand_on(asks).anchors == []


def test_what_was_on_its_way_when_somebody_was_erased_is_not_kept() -> None:
    """Of whoever was only seen to, the face that is there now is handed on at once."""
    clock = Clock()
    kept = Anchors(lambda: clock.now)
    kept.hand_on(message(anchors=[anchor(), anchor("bob")]))
    kept.erase("alice")
    kept.forget("bob")
    kept.hand_on(message(anchors=[anchor(), anchor("bob", 0.1)]))
    asks = message("second", wanted=["alice", "bob"])
    assert kept.hand_on(asks).anchors == [anchor("bob", 0.1)]
    clock.now += LATE_SECONDS
    kept.hand_on(message(anchors=[anchor(at=0.5)]))
    assert kept.hand_on(asks).anchors == [anchor(at=0.5), anchor("bob", 0.1)]


def hand_on(client: TestClient, **fields: Any) -> list[str]:
    body = message(**fields).model_dump(mode="json")
    answer = client.post("/api/anchors", json=body)
    assert answer.status_code == 200, answer.text
    return [one["participant_identity"] for one in answer.json()["anchors"]]


@pytest.mark.parametrize("said", ["erased", "not compared", "acknowledged"])
def test_nothing_is_handed_on_of_whoever_it_may_not_be(client: TestClient, said: str) -> None:
    beat(client)
    tell(client, change(0, "joined"))
    bind(client, person(client, "Alice"))
    hand_on(client, anchors=[anchor(), anchor("bob")])
    if said == "erased":
        answer = client.delete("/api/participants?identity=alice")
    elif said == "not compared":
        answer = client.put("/api/not-compared?identity=alice")
    else:
        answer = client.post("/api/identity/acknowledge", json={"identity": "alice"})
    assert answer.status_code in (200, 202), answer.text
    assert hand_on(client, source="second", wanted=["alice", "bob"]) == ["bob"]
