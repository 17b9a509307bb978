"""Which room a request means that names none: with one room, with many, and with one of them set."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from starlette.testclient import TestClient

from facematch.server.app import Parts, create_app
from tests.rig.fake_examiner import FakeExaminer
from tests.rig.keyed import Keyed, with_keys
from tests.rig.neighbours import FakeNeighbours

if TYPE_CHECKING:
    from facematch.config.settings import Settings

ASKING: list[tuple[str, str, dict[str, Any]]] = [
    ("POST", "/api/token", {"identity": "Alice42"}),
    ("POST", "/api/token", {"identity": "Alice42", "room": " "}),
    ("POST", "/api/viewings", {}),
    ("PUT", "/api/consent", {"identity": "Alice42", "given": True}),
]


def served(settings: Settings, **changes: Any) -> TestClient:
    parts = Parts(make_examiner=FakeExaminer, neighbours=FakeNeighbours())
    return TestClient(create_app(settings.model_copy(update=changes), parts))


def test_with_one_room_it_is_that(settings: Settings) -> None:
    with served(settings) as web:
        assert web.get("/token", params={"identity": "Alice42"}).json()["room"] == "face-recognition-room"
        assert web.get("/api/status").json()["room"] == "face-recognition-room"


@pytest.mark.parametrize(("method", "path", "body"), ASKING)
def test_with_many_nobody_is_let_into_one_that_is_not_watched(
    settings: Settings, method: str, path: str, body: dict[str, Any]
) -> None:
    with served(settings, rooms=("exam-*",)) as web:
        answer = web.request(method, path, json=body)
        assert (answer.status_code, answer.json()["code"]) == (422, "INVALID")
        assert "ROOM_NAME" in answer.json()["detail"]


def test_with_many_one_that_is_watched_can_be_named_and_the_default_is_none_of_them(settings: Settings) -> None:
    with served(settings, rooms=("exam-*",)) as web:
        for room, status in (("exam-1", 200), ("face-recognition-room", 403), (None, 422)):
            asked = {"identity": "Alice42", **({"room": room} if room else {})}
            assert web.get("/token", params=asked).status_code == status, room


def test_with_many_the_one_that_is_set_is_meant(settings: Settings) -> None:
    with served(settings, rooms=("exam-*",), room_name="exam-hall") as web:
        assert web.get("/token", params={"identity": "Alice42"}).json()["room"] == "exam-hall"
        assert web.post("/api/viewings", json={}).json()["room"] == "exam-hall"


def test_with_many_an_invitation_leads_to_a_room_that_is_watched(settings: Settings) -> None:
    many = with_keys(settings, rooms="exam-*", rooms_except="exam-test-*", room_name=None)
    with Keyed(many, FakeExaminer()) as keyed:
        viewer = keyed.with_key("viewer")
        assert viewer.get("/api/session").json()["many_rooms"] is True
        assert viewer.post("/api/invites", json={"room": " exam-7 "}).json()["room"] == "exam-7"
        assert viewer.post("/api/invites", json={}).status_code == 422
        for room in ("lobby", "exam-test-1"):
            answer = viewer.post("/api/invites", json={"room": room})
            assert (answer.status_code, answer.json()["code"]) == (403, "ROOM_NOT_ALLOWED")
            assert "fit exam-* (ROOMS) and not exam-test-* (ROOMS_EXCEPT)." in answer.json()["detail"]


def test_with_one_room_an_invitation_need_not_say_which(settings: Settings) -> None:
    with Keyed(with_keys(settings), FakeExaminer()) as keyed:
        viewer = keyed.with_key("viewer")
        assert viewer.get("/api/session").json()["many_rooms"] is False
        assert viewer.post("/api/invites", json={}).json()["room"] == "face-recognition-room"
        assert "ALLOWED_ROOMS" in viewer.post("/api/invites", json={"room": "lobby"}).json()["detail"]
