"""Beats over HTTP: what is answered, shown and said of them."""

from __future__ import annotations

import base64
import hashlib
import warnings
from typing import TYPE_CHECKING, Any

import pytest
from jwt.warnings import InsecureKeyLengthWarning
from livekit.api import AccessToken
from starlette.testclient import TestClient

from facematch.server.app import Parts, create_app
from tests.rig.fake_examiner import FakeExaminer
from tests.rig.fleet import FakeWorker
from tests.rig.neighbours import FakeNeighbours
from tests.rig.waiting import block_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from facematch.config.settings import Settings
    from facematch.protocol.beat import Beat


def served(settings: Settings, **changes: Any) -> TestClient:
    told = {"rooms": "exam-*", "rooms_except": "exam-test-*", "room_name": "exam-hall", **changes}
    values = {name: value for name, value in (settings.model_dump() | told).items() if value is not None}
    parts = Parts(make_examiner=FakeExaminer, neighbours=FakeNeighbours())
    return TestClient(create_app(type(settings).model_validate(values), parts))


@pytest.fixture
def sharing(settings: Settings) -> Iterator[TestClient]:
    """A web process that gives rooms; LiveKit is away, and one room is always watched."""
    with served(settings) as client:
        yield client


def post(client: TestClient, beat: Beat) -> Any:
    response = client.post("/api/beat", content=beat.model_dump_json(), headers={"content-type": "application/json"})
    assert response.status_code == 200, response.text
    return response.json()


def beat_until_given(client: TestClient, worker: FakeWorker) -> Any:
    found: list[Any] = []

    def given() -> bool:
        found.append(post(client, worker.beat()))
        worker.answered = True
        worker.holds = {one["room"]: one["epoch"] for one in found[-1]["rooms"]}
        return bool(worker.holds)

    block_until(given, within=20, what="a room is given")
    return found[-1]


def test_a_recognizer_is_given_the_room_that_is_always_watched(sharing: TestClient) -> None:
    worker = FakeWorker("host-1")
    answer = beat_until_given(sharing, worker)
    assert [one["room"] for one in answer["rooms"]] == ["exam-hall"]
    assert len(answer["deployment"]) == 8
    assert (answer["gallery_version"], answer["settings_differ"], answer["refused"]) == (0, [], None)
    post(sharing, worker.beat())
    watched = lambda: sharing.get("/api/rooms").json()["rooms"][0]["watched"]  # noqa: E731
    block_until(watched, within=20, what="the room is watched")
    [room] = sharing.get("/api/rooms").json()["rooms"]
    assert (room["room"], room["recognizer"], room["epoch"], room["planned"]) == ("exam-hall", "host-1", 1, 0.0)
    [shown] = sharing.get("/api/recognizers").json()["recognizers"]
    assert (shown["name"], shown["boot"], shown["rooms"], shown["capacity"]) == ("host-1", "host-1-boot-1", 1, 100.0)
    assert sharing.get("/api/rooms").json()["capacity"] == 100.0


def test_settings_that_differ_are_told_and_shown(sharing: TestClient) -> None:
    worker = FakeWorker("host-1", settings={"MATCH_TOLERANCE": "0.45", "STRANGER_RATE": "0.01", "NEW": "1"})
    sentence = "MATCH_TOLERANCE is 0.45 for the recognizer, 0.5 for the API: set both alike."
    answer = beat_until_given(sharing, worker)
    assert (answer["settings_differ"], answer["refused"]) == ([sentence], None)

    def shown() -> bool:
        told = sharing.get("/api/recognizers").json()["recognizers"]
        return [one["settings_differ"] for one in told] == [[sentence]]

    block_until(shown, within=20, what="the difference is shown")


def test_who_would_look_at_people_who_have_not_agreed_watches_nothing(settings: Settings) -> None:
    with served(settings, consent="required") as client:
        worker = FakeWorker("host-1", settings={"CONSENT": "off"})
        for _ in range(3):
            answer = post(client, worker.beat())
        assert answer["rooms"] == []
        assert "CONSENT is off for the recognizer, required for the API" in answer["refused"]


def test_without_rooms_nobody_is_given_any(client: TestClient) -> None:
    response = client.post("/api/beat", json=FakeWorker("host-1").beat().model_dump(mode="json"))
    assert (response.status_code, response.json()["code"]) == (404, "NO_ROOMS")


@pytest.mark.parametrize(
    "change",
    [
        {"capacity": -1},
        {"capacity": "1"},
        {"worker": ""},
        {"rooms": [{"room": "exam-1", "epoch": 0}]},
        {"rooms": [{"room": "exam-1", "epoch": 1}] * 1001},
        {"sent_at": "2025-09-25T14:07:09"},
        {"settings": {"A": 1}},
    ],
)
def test_what_is_no_beat_is_refused(sharing: TestClient, change: dict[str, Any]) -> None:
    body = {**FakeWorker("host-1").beat().model_dump(mode="json"), **change}
    response = sharing.post("/api/beat", json=body)
    assert (response.status_code, response.json()["code"]) == (422, "INVALID")


def test_a_beat_that_is_too_large_is_not_read(sharing: TestClient) -> None:
    response = sharing.post("/api/beat", content=b" " * (1024 * 1024 + 1))
    assert (response.status_code, response.json()["code"]) == (413, "TOO_LARGE")


def test_each_move_is_one_line(sharing: TestClient, capsys: pytest.CaptureFixture[str]) -> None:
    beat_until_given(sharing, FakeWorker("host-1"))
    [line] = [line for line in capsys.readouterr().out.splitlines() if "A room has another recognizer" in line]
    for part in ("before=None", "epoch=1", "reason=unwatched", "room=exam-hall", "worker=host-1"):
        assert part in line


@pytest.mark.parametrize(
    ("room", "status"), [("exam-1", 200), ("exam-hall", 200), ("exam-test-1", 403), ("lobby", 403)]
)
def test_tokens_are_given_for_every_room_that_is_watched(sharing: TestClient, room: str, status: int) -> None:
    response = sharing.post("/api/token", json={"room": room, "identity": "Alice"})
    assert response.status_code == status


def test_one_recognizer_that_is_there_is_enough_to_be_ready(sharing: TestClient) -> None:
    assert sharing.get("/readyz").json()["checks"]["recognizer"] == {"ok": False, "reason": "no beat yet"}


def test_the_status_is_that_of_the_room_that_is_there(settings: Settings) -> None:
    with served(settings, room_name="exam-b") as client:
        beat_until_given(client, FakeWorker("host-1"))
        assert client.get("/api/status").json()["room"] == "exam-b"


def test_a_webhook_that_livekit_signed_has_rooms_looked_at(sharing: TestClient) -> None:
    body = '{"event": "room_started", "room": {"name": "exam-1"}}'
    digest = base64.b64encode(hashlib.sha256(body.encode()).digest()).decode()
    headers = {
        "content-type": "application/webhook+json",
        "authorization": signed("demo-secret-of-a-test-0123456789", digest),
    }
    assert sharing.post("/livekit/webhook", content=body, headers=headers).status_code == 401
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", InsecureKeyLengthWarning)
        headers["authorization"] = signed("demo-secret", digest)
    assert sharing.post("/livekit/webhook", content=body, headers=headers).json() == {"ok": True}
    other = sharing.post("/livekit/webhook", content=body + " ", headers=headers)
    assert (other.status_code, other.json()["code"]) == (401, "WRONG_SIGNATURE")
    large = sharing.post("/livekit/webhook", content=b"x" * (64 * 1024 + 1), headers=headers)
    assert large.status_code == 413


def signed(secret: str, digest: str) -> str:
    return AccessToken("demo-key", secret).with_sha256(digest).to_jwt()


def test_figures_are_those_of_each_worker(sharing: TestClient) -> None:
    worker = FakeWorker("host-1")
    beat_until_given(sharing, worker)
    post(sharing, worker.beat())

    def counted() -> bool:
        text = sharing.get("/metrics").text
        wanted = ("facematch_rooms_watched 1.0", 'facematch_worker_rooms{worker="host-1"} 1.0')
        return all(line in text for line in wanted)

    block_until(counted, within=20, what="the figures are there")
    text = sharing.get("/metrics").text
    assert 'facematch_worker_capacity{worker="host-1"} 100.0' in text
    assert 'facematch_room_moves_total{reason="unwatched"} 1.0' in text
    assert "facematch_events_fenced_total 0.0" in text
