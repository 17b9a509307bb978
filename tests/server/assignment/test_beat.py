"""Beats over HTTP: what is answered, shown and said of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
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
