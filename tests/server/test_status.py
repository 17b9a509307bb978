"""Heartbeats in, status out."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from starlette.testclient import TestClient

from facematch.events import Heartbeat
from facematch.server.app import Parts, create_app
from facematch.server.status import ONLINE_SECONDS, Recognizers

if TYPE_CHECKING:
    from facematch.settings import Settings


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def beat(heartbeat: dict[str, Any], **changes: Any) -> Heartbeat:
    return Heartbeat.model_validate({**heartbeat, **changes})


def test_nothing_is_known_at_first(client: TestClient) -> None:
    status = client.get("/api/status").json()
    assert status["recognizer"] == {"online": False, "age_seconds": None, "heartbeat": None}
    assert status["reference"] is None
    assert status["events"] == {"count": 0, "cursor": 0, "error": None, "gaps": {"count": 0, "last": []}}
    assert status["webhook"] is None
    assert status["room"] == "face-recognition-room"
    assert status["livekit_url"] == "ws://127.0.0.1:1"
    assert status["settings"] == {
        "batch_max_frames": 5,
        "hold_seconds": 10,
        "wait_seconds": 10,
        "batch_timeout_seconds": 10,
        "match_cooldown_seconds": 3,
        "threshold": 0.5,
    }


def test_what_the_recognizer_says_is_shown(settings: Settings, heartbeat: dict[str, Any], clock: Clock) -> None:
    track = {
        "track_sid": "TR_x",
        "participant_id": "PA_x",
        "participant_identity": "Alice",
        "participant_name": "Alice",
        "state": "hold",
        "deadline_in": 7.5,
        "last_outcome": "match",
    }
    with TestClient(create_app(settings, Parts(monotonic=clock))) as client:
        assert client.post("/api/heartbeat", json={**heartbeat, "tracks": [track]}).json() == {"ok": True, "orders": []}
        clock.now += 2.5
        status = client.get("/api/status").json()
        assert (status["recognizer"]["online"], status["recognizer"]["age_seconds"]) == (True, 2.5)
        assert status["recognizer"]["heartbeat"]["tracks"][0].items() >= track.items()
        assert status["settings"] == heartbeat["settings"]
        clock.now += ONLINE_SECONDS
        status = client.get("/api/status").json()
        assert status["recognizer"]["online"] is False
        assert status["recognizer"]["heartbeat"]["source"] == "boot-1"
        with client.websocket_connect("/ws/matches"):
            assert client.get("/api/status").json()["websocket_clients"] == 1


@pytest.mark.parametrize(
    "change",
    [
        {"livekit": "gone"},
        {"cpu_ratio": float("nan")},
        {"counters": {"batches": -1}},
        {"counters": {"x": float("inf")}},
        {"tracks": [{"state": "hold"}]},
        {"source": "\ud800"},
        {"surprise": 1},
    ],
)
def test_a_heartbeat_that_does_not_fit(client: TestClient, heartbeat: dict[str, Any], change: dict[str, Any]) -> None:
    body = json.dumps({**heartbeat, **change})
    response = client.post("/api/heartbeat", content=body, headers={"content-type": "application/json"})
    assert (response.status_code, response.json()["code"]) == (422, "INVALID")
    assert client.get("/api/status").json()["recognizer"]["heartbeat"] is None


def test_a_heartbeat_has_a_largest_size(client: TestClient, heartbeat: dict[str, Any]) -> None:
    many = {f"counter-{number}": 0 for number in range(10_000)}
    assert client.post("/api/heartbeat", json={**heartbeat, "counters": many}).status_code == 200
    many = {f"counter-{number:0100}": 0 for number in range(10_000)}
    response = client.post("/api/heartbeat", json={**heartbeat, "counters": many})
    assert (response.status_code, response.json()["code"]) == (413, "TOO_LARGE")


def test_an_older_boot_that_is_still_ending_does_not_cover_its_successor(
    heartbeat: dict[str, Any], clock: Clock
) -> None:
    recognizers = Recognizers(clock)
    recognizers.hear(beat(heartbeat, source="new", started_at="2025-09-25T15:00:00Z"))
    clock.now += 1
    recognizers.hear(beat(heartbeat, source="old", started_at="2025-09-25T14:00:00Z"))
    latest, age = recognizers.newest() or pytest.fail("nothing")
    assert (latest.source, age) == ("new", 1)


def test_a_boot_whose_clock_went_back_is_heard_once_the_other_is_silent(
    heartbeat: dict[str, Any], clock: Clock
) -> None:
    recognizers = Recognizers(clock)
    recognizers.hear(beat(heartbeat, source="before", started_at="2025-09-25T15:00:00Z"))
    clock.now += ONLINE_SECONDS + 1
    recognizers.hear(beat(heartbeat, source="after", started_at="2025-09-25T14:00:00Z"))
    latest, _ = recognizers.newest() or pytest.fail("nothing")
    assert latest.source == "after"
    clock.now += ONLINE_SECONDS + 1
    latest, _ = recognizers.newest() or pytest.fail("nothing")
    assert latest.source == "after"


def test_a_heartbeat_that_was_overtaken_changes_nothing(heartbeat: dict[str, Any], clock: Clock) -> None:
    recognizers = Recognizers(clock)
    recognizers.hear(beat(heartbeat, sent_at="2025-09-25T14:07:11Z", livekit="connected"))
    recognizers.hear(beat(heartbeat, sent_at="2025-09-25T14:07:10Z", livekit="reconnecting"))
    latest, _ = recognizers.newest() or pytest.fail("nothing")
    assert latest.livekit == "connected"


def test_boots_are_forgotten(heartbeat: dict[str, Any], clock: Clock) -> None:
    recognizers = Recognizers(clock)
    for number in range(100):
        clock.now += 1
        recognizers.hear(beat(heartbeat, source=f"boot-{number}"))
    assert len(recognizers._heard) <= 16
    latest, _ = recognizers.newest() or pytest.fail("nothing")
    assert latest.source in {f"boot-{number}" for number in range(93, 100)}
    clock.now += 100_000
    assert recognizers.newest() is None
