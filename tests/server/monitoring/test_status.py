"""Heartbeats in, status out."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from starlette.testclient import TestClient

from facematch.protocol.events import KINDS
from facematch.protocol.heartbeat import MOST_TRACKS, Heartbeat
from facematch.protocol.values import LONGEST_SECONDS, MOST_COUNTED
from facematch.server.app import Parts, create_app
from facematch.server.recognizers import registry
from facematch.server.recognizers.registry import ONLINE_SECONDS, OVERTAKEN_SECONDS, Recognizers

if TYPE_CHECKING:
    from facematch.config.settings import Settings


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


SETTINGS = {
    "batch_max_frames": 4,
    "hold_seconds": 9,
    "wait_seconds": 8,
    "batch_timeout_seconds": 7,
    "match_cooldown_seconds": 3,
    "threshold": 0.45,
}
TRACK = {
    "track_sid": "TR_x",
    "participant_id": "PA_x",
    "participant_identity": "Alice",
    "participant_name": "Alice",
    "state": "hold",
}


def beat(heartbeat: dict[str, Any], **changes: Any) -> Heartbeat:
    return Heartbeat.model_validate({**heartbeat, **changes})


def test_nothing_is_known_at_first(client: TestClient) -> None:
    status = client.get("/api/status").json()
    assert status["recognizer"] == {"online": False, "age_seconds": None, "heartbeat": None, "rivals": 0}
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
    track = {**TRACK, "deadline_in": 7.5, "last_outcome": "match"}
    with TestClient(create_app(settings, Parts(monotonic=clock))) as client:
        assert client.post("/api/heartbeat", json={**heartbeat, "tracks": [track]}).json() == {
            "ok": True,
            "orders": [],
            "gallery_version": 0,
            "takes": [*KINDS],
            "bindings": {},
            "not_compared": [],
            "all_compared": True,
            "look_now": [],
            "acknowledged": {},
        }
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
        {"counters": {"batches": 10**400}},
        {"counters": {"batches": 2**53}},
        {"outcomes": {"match": 2**53}},
        {"timings": {"detect": 1e11}},
        {"outbox_age_seconds": 1e12},
        {"cpu_seconds": 1e11},
        {"cpu_ratio": 1e300},
        {"memory_bytes": 10**30},
        {"memory_ratio": 1e300},
        {"batch_places_waiting": 2**53},
        {"orders_done": [{"id": "0198f2c4-7a35-7c1e-9f60-0a7d3c2b1e45", "erased_events": 2**63}]},
        {"settings": {**SETTINGS, "batch_max_frames": 2**53}},
        {"settings": {**SETTINGS, "hold_seconds": 1e300}},
        {"tracks": [{**TRACK, "batches": 2**53}]},
        {"tracks": [{**TRACK, "deadline_in": 1e300}]},
        {"tracks": [{"state": "hold"}]},
        {"source": "\ud800"},
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
    many = {f"counter-{number:0450}": 0 for number in range(10_000)}
    response = client.post("/api/heartbeat", json={**heartbeat, "counters": many})
    assert (response.status_code, response.json()["code"]) == (413, "TOO_LARGE")
    assert "4 MB" in response.json()["detail"]


@pytest.mark.parametrize(("tracks", "name"), [(MOST_TRACKS, "Maximilian Müller-Lüdenscheidt"), (580, "語" * 512)])
def test_as_many_tracks_as_there_may_be_fit(
    client: TestClient, heartbeat: dict[str, Any], tracks: int, name: str
) -> None:
    """With names as people have them, and hundreds with the longest there may be; in UTF-8, as it is sent."""
    told = {**TRACK, "participant_name": name, "participant_identity": name, "cycle_id": "b" * 60, "deadline_in": 7.5}
    body = json.dumps({**heartbeat, "tracks": [told] * tracks}, ensure_ascii=False).encode()
    response = client.post("/api/heartbeat", content=body, headers={"content-type": "application/json"})
    assert response.status_code == 200, (len(body), response.text)
    assert len(client.get("/api/status").json()["recognizer"]["heartbeat"]["tracks"]) == tracks


XSS = (
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    '"><svg onload=alert(1)>',
    "javascript:alert(1)",
    "'-alert(1)-'",
    "</title><script src=//evil.example/x.js>",
    "{{constructor.constructor('alert(1)')()}}",
    "${alert(1)}",
    "<!--\u2028<b>",
    "\u202egnp.exe\u0000\r\nSet-Cookie: a=b",
)


def test_names_reach_the_page_as_they_are_and_as_nothing_but_text(
    client: TestClient, heartbeat: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    tracks = [
        {**TRACK, "track_sid": name, "participant_id": name, "participant_identity": name, "participant_name": name}
        for name in XSS
    ]
    told = {**heartbeat, "tracks": tracks, "reference_error": XSS[0], "room": XSS[1], "source": XSS[2]}
    assert client.post("/api/heartbeat", json=told).status_code == 200
    response = client.get("/api/status")
    assert response.headers["content-type"] == "application/json"
    assert response.headers["x-content-type-options"] == "nosniff"
    shown = response.json()["recognizer"]["heartbeat"]
    assert [track["participant_identity"] for track in shown["tracks"]] == list(XSS)
    assert [track["track_sid"] for track in shown["tracks"]] == list(XSS)
    assert (shown["reference_error"], shown["room"], shown["source"]) == XSS[:3]
    assert client.get("/metrics").headers["content-type"].startswith("text/plain")
    assert "alert" not in client.get("/metrics").text
    said = "".join(capsys.readouterr())
    assert not any(line.startswith("Set-Cookie") for line in said.splitlines())


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


def test_a_recognizer_whose_clock_was_set_back_stays_online(heartbeat: dict[str, Any], clock: Clock) -> None:
    """Its heartbeats are told as they come, at the latest when none can have been overtaken by the last one known."""
    recognizers = Recognizers(clock)
    sent = datetime(2025, 9, 25, 15, 0, tzinfo=UTC)
    recognizers.hear(beat(heartbeat, sent_at=sent.isoformat()))
    set_back = sent - timedelta(hours=1)
    for seconds in range(2, 60, 2):
        clock.now += 2
        recognizers.hear(beat(heartbeat, sent_at=(set_back + timedelta(seconds=seconds)).isoformat()))
        latest, age = recognizers.newest() or pytest.fail("nothing")
        assert age <= OVERTAKEN_SECONDS < ONLINE_SECONDS
        assert seconds < 4 or latest.sent_at == set_back + timedelta(seconds=seconds)


def test_whatever_a_heartbeat_may_say_can_be_shown(client: TestClient, heartbeat: dict[str, Any]) -> None:
    """The largest of every number there is."""
    told = {
        **heartbeat,
        "sent_at": "0001-01-01T00:00:00+14:00",
        "settings": {**SETTINGS, "batch_max_frames": MOST_COUNTED, "hold_seconds": LONGEST_SECONDS},
        "tracks": [{**TRACK, "batches": MOST_COUNTED, "deadline_in": LONGEST_SECONDS}],
        "counters": {"batches": MOST_COUNTED, "events_queued": MOST_COUNTED},
        "outcomes": {"match": MOST_COUNTED},
        "timings": {"detect": LONGEST_SECONDS},
        "outbox_age_seconds": LONGEST_SECONDS,
        "cpu_seconds": LONGEST_SECONDS,
        "cpu_ratio": 1e6,
        "memory_bytes": MOST_COUNTED,
        "memory_ratio": 1e6,
    }
    assert client.post("/api/heartbeat", json=told).status_code == 200
    for path in ("/metrics", "/api/status", "/readyz"):
        assert client.get(path).status_code != 500


def test_a_number_that_is_too_large_is_named(client: TestClient, heartbeat: dict[str, Any]) -> None:
    response = client.post("/api/heartbeat", json={**heartbeat, "outbox_age_seconds": 1e12})
    assert response.status_code == 422
    assert response.json()["detail"] == "outbox_age_seconds: Input should be less than or equal to 10000000000"


def test_of_many_rooms_the_oldest_are_forgotten(
    heartbeat: dict[str, Any], clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "_MOST", 20)
    recognizers = Recognizers(clock)
    for number in range(30):
        clock.now += 0.1
        recognizers.hear(beat(heartbeat, room=f"room-{number:02}"))
    assert sorted(recognizers.by_room()) == [f"room-{number:02}" for number in range(10, 30)]


def test_each_room_has_its_own_status(settings: Settings, heartbeat: dict[str, Any]) -> None:
    with TestClient(create_app(settings)) as client:
        for room, livekit in (("exam-1", "connected"), ("exam-2", "reconnecting")):
            client.post("/api/heartbeat", json={**heartbeat, "room": room, "livekit": livekit})
        for room, livekit in (("exam-1", "connected"), ("exam-2", "reconnecting")):
            status = client.get("/api/status", params={"room": room}).json()
            assert (status["room"], status["recognizer"]["heartbeat"]["livekit"]) == (room, livekit)
        assert client.get("/api/status", params={"room": "exam-3"}).json()["recognizer"]["online"] is False
        assert client.get("/api/status", params={"room": ""}).status_code == 422


def test_boots_are_forgotten(heartbeat: dict[str, Any], clock: Clock) -> None:
    recognizers = Recognizers(clock)
    for number in range(100):
        clock.now += 1
        recognizers.hear(beat(heartbeat, source=f"boot-{number}"))
    assert len(recognizers.all()) <= 16
    latest, _ = recognizers.newest() or pytest.fail("nothing")
    assert latest.source in {f"boot-{number}" for number in range(93, 100)}
    clock.now += 100_000
    assert recognizers.newest() is None
