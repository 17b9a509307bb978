"""The rooms and the recognizers, page by page."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from facematch.config.room_patterns import WatchedRooms
from facematch.protocol.heartbeat import Heartbeat
from facematch.server.assignment.book import Standing
from facematch.server.assignment.finder import RoomList
from facematch.server.assignment.reconciling import RoomState, WorkerState
from facematch.server.assignment.service import Assignment, Rules
from facematch.server.monitoring.rooms import routes
from facematch.server.recognizers.registry import ONLINE_SECONDS, Recognizers
from facematch.server.replicas.service import Agreement
from facematch.server.storage.database import Database
from facematch.server.web.errors import HANDLERS

if TYPE_CHECKING:
    from collections.abc import Iterator

TRACK = {
    "track_sid": "TR_x",
    "participant_id": "PA_x",
    "participant_identity": "Alice",
    "participant_name": "Alice",
    "state": "hold",
    "last_outcome": "match",
}


class Served:
    """The two routes, a clock, and what they are told."""

    def __init__(self, *, shared: bool) -> None:
        self.now = 1000.0
        self.recognizers = Recognizers(lambda: self.now)
        rules = Rules(shared=shared, watched=WatchedRooms(("exam-*",)), agreed={})
        self.assignment = Assignment(Database("sqlite+aiosqlite://"), rules, RoomList("ws://127.0.0.1:1", str))
        app = FastAPI(exception_handlers=HANDLERS)
        agreement = Agreement(
            Database("sqlite+aiosqlite://"), dict, {"HOLD_SECONDS": "10"}, self.recognizers, self.assignment
        )
        app.include_router(routes("face-recognition-room", self.recognizers, self.assignment, agreement))
        self.client = TestClient(app)

    def stand(self, rooms: list[RoomState], *workers: WorkerState) -> None:
        self.assignment.latest = Standing({one.name: one for one in workers}, {one.name: one for one in rooms})

    def get(self, path: str, **query: Any) -> Any:
        response = self.client.get(path, params=query)
        assert response.status_code == 200, response.text
        return response.json()


@pytest.fixture
def served() -> Iterator[Served]:
    found = Served(shared=False)
    with found.client:
        yield found


@pytest.fixture
def sharing() -> Iterator[Served]:
    found = Served(shared=True)
    with found.client:
        yield found


def worker(name: str, **changes: Any) -> WorkerState:
    return WorkerState(**{"name": name, "boot": f"{name}-boot", "age": 0.4, "rounds": 9, "capacity": 60.0, **changes})


def test_the_one_room_is_there_before_anybody_watches_it(served: Served) -> None:
    assert served.get("/api/rooms") == {
        "rooms": [
            {
                "room": "face-recognition-room",
                "watched": False,
                "recognizer": None,
                "epoch": None,
                "livekit": None,
                "tracks": 0,
                "participants": 0,
                "matched": 0,
                "matches": [],
                "told_at": None,
                "planned": None,
                "since": None,
            }
        ],
        "next": None,
        "planned": None,
        "capacity": None,
    }
    assert served.get("/api/recognizers") == {"recognizers": [], "next": None}


def test_the_one_room_is_watched_while_its_recognizer_reports(served: Served, heartbeat: dict[str, Any]) -> None:
    other = {**TRACK, "track_sid": "TR_y", "participant_identity": "Bob", "last_outcome": "no_match"}
    again = {**TRACK, "track_sid": "TR_z"}
    served.recognizers.hear(
        Heartbeat.model_validate({**heartbeat, "tracks": [TRACK, other, again], "agreed": {"HOLD_SECONDS": "5"}})
    )
    served.now += 1.5
    [room] = served.get("/api/rooms")["rooms"]
    assert (room["watched"], room["recognizer"], room["livekit"]) == (True, "boot-1", "connected")
    assert (room["tracks"], room["participants"], room["matched"]) == (3, 2, 1)
    [shown] = served.get("/api/recognizers")["recognizers"]
    assert (shown["name"], shown["age_seconds"], shown["rooms"], shown["capacity"]) == ("boot-1", 1.5, 1, None)
    assert shown["settings_differ"] == ["HOLD_SECONDS is 5 for the recognizer, 10 for the API: set both alike."]
    served.now += ONLINE_SECONDS
    [room] = served.get("/api/rooms")["rooms"]
    assert (room["watched"], room["recognizer"], room["tracks"]) == (False, None, 0)
    [shown] = served.get("/api/recognizers")["recognizers"]
    assert shown["rooms"] == 0


def test_a_room_names_those_who_match(served: Served, heartbeat: dict[str, Any]) -> None:
    many = [{**TRACK, "track_sid": f"TR_{number}", "participant_identity": f"P{number}"} for number in range(30)]
    other = {**TRACK, "track_sid": "TR_no", "participant_identity": "Bob", "last_outcome": "no_match"}
    served.recognizers.hear(Heartbeat.model_validate({**heartbeat, "tracks": [other, *many]}))
    [room] = served.get("/api/rooms")["rooms"]
    assert room["matched"] == 30
    assert [one["participant_identity"] for one in room["matches"]] == [f"P{number}" for number in range(20)]
    assert datetime.fromisoformat(room["told_at"]) == datetime.fromisoformat(heartbeat["sent_at"])


def test_a_recognizer_that_is_not_connected_watches_nothing(served: Served, heartbeat: dict[str, Any]) -> None:
    served.recognizers.hear(Heartbeat.model_validate({**heartbeat, "livekit": "reconnecting"}))
    [room] = served.get("/api/rooms")["rooms"]
    assert (room["watched"], room["livekit"]) == (False, "reconnecting")


def test_many_rooms_come_in_pages(sharing: Served) -> None:
    names = [f"exam-{number:03}" for number in range(25)]
    rooms = [RoomState(name, 4, "a", arrived=True, cost=0.5) for name in reversed(names)]
    sharing.stand(rooms, worker("a"), worker("b", draining=True), worker("c", age=60.0))
    seen, after = [], ""
    while True:
        page = sharing.get("/api/rooms", after=after, limit=10)
        assert (page["planned"], page["capacity"]) == (12.5, 60.0)
        seen += [room["room"] for room in page["rooms"]]
        if page["next"] is None:
            break
        after = page["next"]
    assert seen == names
    first = sharing.get("/api/recognizers", limit=2)
    rest = sharing.get("/api/recognizers", limit=2, after=first["next"])
    assert [one["name"] for one in first["recognizers"] + rest["recognizers"]] == ["a", "b", "c"]
    assert rest["next"] is None
    assert [one["rooms"] for one in first["recognizers"]] == [25, 0]


def test_a_shared_room_says_who_has_it(sharing: Served, heartbeat: dict[str, Any]) -> None:
    sharing.stand([RoomState("exam-1", 7, "a", arrived=True, cost=1.25)], worker("a"))
    told = {**heartbeat, "room": "exam-1", "source": "a-boot", "tracks": [TRACK]}
    sharing.recognizers.hear(Heartbeat.model_validate(told))
    [room] = sharing.get("/api/rooms")["rooms"]
    assert (room["watched"], room["recognizer"], room["epoch"], room["planned"]) == (True, "a", 7, 1.25)
    assert (room["tracks"], room["matched"]) == (1, 1)


def test_who_is_not_in_a_room_or_silent_does_not_watch_it(sharing: Served) -> None:
    rooms = [RoomState("exam-1", 1, "a"), RoomState("exam-2", 1, "b", arrived=True), RoomState("exam-3")]
    sharing.stand(rooms, worker("a"), worker("b", age=3.1))
    shown = sharing.get("/api/rooms")["rooms"]
    assert [(one["recognizer"], one["watched"]) for one in shown] == [("a", False), ("b", False), (None, False)]


def test_what_another_said_of_a_room_before_is_not_shown(sharing: Served, heartbeat: dict[str, Any]) -> None:
    told = {**heartbeat, "room": "exam-1", "source": "b-boot", "tracks": [TRACK]}
    sharing.recognizers.hear(Heartbeat.model_validate(told))
    sharing.stand([RoomState("exam-1", 2, "a", arrived=True)], worker("a"), worker("b"))
    [room] = sharing.get("/api/rooms")["rooms"]
    assert (room["livekit"], room["tracks"]) == (None, 0)


def test_a_quiet_room_is_heard_of_by_its_recognizer_s_beats(sharing: Served, heartbeat: dict[str, Any]) -> None:
    told = {**heartbeat, "room": "exam-1", "source": "a-boot"}
    sharing.recognizers.hear(Heartbeat.model_validate(told))
    sharing.now += 25
    sharing.recognizers.attend({"a-boot": 0.5}, {"exam-1": "a-boot"})
    assert (sharing.recognizers.newest("exam-1") or pytest.fail("nothing"))[1] == 0.5
    sharing.recognizers.attend({"a-boot": 0.25}, {})
    assert sharing.recognizers.newest("exam-1") is None
    assert [(one.source, age) for one, age in sharing.recognizers.all()] == [("a-boot", 0.25)]
    sharing.recognizers.hear(Heartbeat.model_validate({**told, "room": "exam-2"}))
    sharing.recognizers.attend({"a-boot": 0.25}, {"exam-2": "a-boot"})
    assert [one.room for one, _ in sharing.recognizers.all()] == ["exam-2"]


@pytest.mark.parametrize("query", [{"limit": 0}, {"limit": 501}, {"limit": "x"}, {"after": "x" * 513}])
def test_what_is_no_page_is_refused(served: Served, query: dict[str, Any]) -> None:
    for path in ("/api/rooms", "/api/recognizers"):
        response = served.client.get(path, params=query)
        assert (response.status_code, response.json()["code"]) == (422, "INVALID")
