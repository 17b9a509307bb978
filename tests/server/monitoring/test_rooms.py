"""The rooms and the recognizers, page by page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from facematch.protocol.heartbeat import Heartbeat
from facematch.server.monitoring.rooms import Fleet, Held, RecognizerShown, routes
from facematch.server.recognizers.registry import ONLINE_SECONDS, Recognizers
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

    def __init__(self) -> None:
        self.now = 1000.0
        self.fleet: Fleet | None = None
        self.recognizers = Recognizers(lambda: self.now)
        app = FastAPI(exception_handlers=HANDLERS)
        app.include_router(routes("face-recognition-room", self.recognizers, self._shared))
        self.client = TestClient(app)

    async def _shared(self) -> Fleet | None:
        return self.fleet

    def get(self, path: str, **query: Any) -> Any:
        response = self.client.get(path, params=query)
        assert response.status_code == 200, response.text
        return response.json()


@pytest.fixture
def served() -> Iterator[Served]:
    found = Served()
    with found.client:
        yield found


def worker(name: str, **changes: Any) -> RecognizerShown:
    told = {"name": name, "boot": f"{name}-boot", "age_seconds": 0.4, "draining": False, "capacity": 60.0}
    told |= {"planned": 12.0, "rooms": 3, "settings_differ": [], "version": "1.1.0", **changes}
    return RecognizerShown.model_validate(told)


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
    served.recognizers.hear(Heartbeat.model_validate({**heartbeat, "tracks": [TRACK, other, again]}))
    served.now += 1.5
    [room] = served.get("/api/rooms")["rooms"]
    assert (room["watched"], room["recognizer"], room["livekit"]) == (True, "boot-1", "connected")
    assert (room["tracks"], room["participants"], room["matched"]) == (3, 2, 1)
    [shown] = served.get("/api/recognizers")["recognizers"]
    assert (shown["name"], shown["age_seconds"], shown["rooms"], shown["capacity"]) == ("boot-1", 1.5, 1, None)
    served.now += ONLINE_SECONDS
    [room] = served.get("/api/rooms")["rooms"]
    assert (room["watched"], room["recognizer"], room["tracks"]) == (False, None, 0)
    [shown] = served.get("/api/recognizers")["recognizers"]
    assert shown["rooms"] == 0


def test_a_recognizer_that_is_not_connected_watches_nothing(served: Served, heartbeat: dict[str, Any]) -> None:
    served.recognizers.hear(Heartbeat.model_validate({**heartbeat, "livekit": "reconnecting"}))
    [room] = served.get("/api/rooms")["rooms"]
    assert (room["watched"], room["livekit"]) == (False, "reconnecting")


def test_many_rooms_come_in_pages(served: Served) -> None:
    names = [f"exam-{number:03}" for number in range(25)]
    rooms = [Held(name, "a", 4, arrived=True, planned=0.5, since=None) for name in reversed(names)]
    served.fleet = Fleet(rooms, [worker("a"), worker("b", draining=True), worker("c", age_seconds=60.0)])
    seen, after = [], ""
    while True:
        page = served.get("/api/rooms", after=after, limit=10)
        assert (page["planned"], page["capacity"]) == (12.5, 60.0)
        seen += [room["room"] for room in page["rooms"]]
        if page["next"] is None:
            break
        after = page["next"]
    assert seen == names
    first = served.get("/api/recognizers", limit=2)
    rest = served.get("/api/recognizers", limit=2, after=first["next"])
    assert [one["name"] for one in first["recognizers"] + rest["recognizers"]] == ["a", "b", "c"]
    assert rest["next"] is None


def test_a_shared_room_says_who_has_it(served: Served, heartbeat: dict[str, Any]) -> None:
    served.fleet = Fleet([Held("exam-1", "a", 7, arrived=True, planned=1.25, since=None)], [worker("a")])
    served.recognizers.hear(Heartbeat.model_validate({**heartbeat, "room": "exam-1", "tracks": [TRACK]}))
    [room] = served.get("/api/rooms")["rooms"]
    assert (room["watched"], room["recognizer"], room["epoch"], room["planned"]) == (True, "a", 7, 1.25)
    assert (room["tracks"], room["matched"]) == (1, 1)


@pytest.mark.parametrize("query", [{"limit": 0}, {"limit": 501}, {"limit": "x"}, {"after": "x" * 513}])
def test_what_is_no_page_is_refused(served: Served, query: dict[str, Any]) -> None:
    for path in ("/api/rooms", "/api/recognizers"):
        response = served.client.get(path, params=query)
        assert (response.status_code, response.json()["code"]) == (422, "INVALID")
