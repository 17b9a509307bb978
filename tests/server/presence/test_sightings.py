"""What happened, as lines over HTTP: from events that were posted."""

from __future__ import annotations

import csv
import io
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pytest

from facematch.server.app import create_app
from facematch.server.presence import sightings, sightings_routes
from facematch.server.presence.sightings_routes import SightingsPage
from facematch.server.storage.database import Database
from facematch.server.storage.errors import LogUnavailableError
from tests.rig.event_logs import match
from tests.rig.identity_client import bind, person, tell
from tests.rig.rooms_told import at, change, look

if TYPE_CHECKING:
    from fastapi import FastAPI
    from starlette.testclient import TestClient

    from facematch.config.settings import Settings
    from facematch.protocol.events import Event


@pytest.fixture
def app(settings: Settings) -> FastAPI:
    return create_app(settings)


def page(client: TestClient, query: str = "") -> dict[str, Any]:
    answer = client.get(f"/api/sightings?{query}")
    assert answer.status_code == 200, answer.text
    SightingsPage.model_validate_json(answer.content)
    found: dict[str, Any] = answer.json()
    return found


def seconds(moment: str) -> float:
    return round((datetime.fromisoformat(moment) - at(0)).total_seconds(), 3)


def lines(client: TestClient, query: str = "") -> list[tuple[str, float, float, int]]:
    return [
        (line["reason"] or line["kind"], seconds(line["began"]), seconds(line["until"]), line["looks"])
        for line in page(client, query)["lines"]
    ]


def told(when: float, name: str | None = None, **fields: Any) -> Event:
    """A Match with a snapshot, as it comes before its Check."""
    whose = {"participant_identity": "alice", "track_sid": "TR_1", "room": "red", "source": "boot"}
    return match(timestamp=at(when), snapshot="match_alice.jpg", person_id=name, **whose, **fields)


def test_all_looks_of_a_stay_are_one_line_with_its_best_score_and_a_picture(client: TestClient) -> None:
    tell(client, change(0, "joined"), look(5, "no_match", best_distance=0.7), told(9.9, distance=0.45))
    tell(client, look(10, "match", best_distance=0.45), look(20, "match", best_distance=0.41), look(30, "no_face"))
    tell(client, look(40, "match", best_distance=0.44), told(49.9, distance=0.41), look(50, "no_match"))
    tell(client, look(120, "muted"), look(130, "muted"), change(140, "left"))
    found = page(client)
    assert found["next_before"] is None
    assert lines(client) == [
        ("left", 140, 140, 0),
        ("muted", 120, 130, 2),
        ("sighting", 10, 40, 3),
        ("joined", 0, 0, 0),
    ]
    sighting = found["lines"][2]
    assert sighting["best"] == 0.59
    assert sighting["people"] == [{"person_id": "default", "person_name": None}]
    assert (sighting["match"]["snapshot"], sighting["match"]["timestamp"]) == (
        "match_alice.jpg",
        "2025-09-25T11:33:29.900000+00:00",
    )
    assert (sighting["participant_identity"], sighting["room"], sighting["going_on"]) == ("alice", "red", False)
    assert lines(client, "only=sightings") == [("sighting", 10, 40, 3)]
    assert lines(client, "only=sightings&of=faces") == [("sighting", 5, 50, 5)]


def test_a_pause_of_a_minute_begins_another_and_what_goes_on_says_so(client: TestClient) -> None:
    tell(client, look(0, "match"), look(30, "no_face"), look(61, "match"), look(90, "no_face"), look(120, "match"))
    assert lines(client) == [("sighting", 61, 120, 2), ("sighting", 0, 0, 1)]
    assert [line["going_on"] for line in page(client)["lines"]] == [True, False]
    tell(client, look(170, "no_face"))
    assert not any(line["going_on"] for line in page(client)["lines"])


def test_cameras_people_rooms_and_times_are_told_apart(client: TestClient) -> None:
    ada, eve = person(client, "Ada"), person(client, "Eve")
    tell(client, look(0, "match", named=[ada]), look(10, "match", named=[ada, eve]), look(20, "match", named=[eve]))
    bob: dict[str, Any] = {
        "participant_identity": "bob",
        "participant_name": "Bob",
        "track_sid": "TR_2",
        "room": "blue",
    }
    tell(client, look(30, "match", named=[eve], **bob), look(40, "no_match", **bob))
    both = page(client, "room=red")["lines"]
    assert [one["people"] for one in both] == [
        [{"person_id": ada, "person_name": "Ada"}, {"person_id": eve, "person_name": "Eve"}]
    ]
    assert lines(client, f"person={ada}") == [("sighting", 0, 10, 2)]
    assert lines(client, f"person={eve}") == [("sighting", 30, 30, 1), ("sighting", 10, 20, 2)]
    assert lines(client, "identity=bob&of=faces") == [("sighting", 30, 40, 2)]
    assert lines(client, "from=2025-09-25T11:33:40.001Z") == [("sighting", 30, 30, 1)]
    assert lines(client, "to=2025-09-25T11:33:40Z") == [("sighting", 0, 20, 3)]
    assert lines(client, "person=default") == lines(client, "person=p_none") == lines(client, "room=green") == []
    assert client.post(f"/api/people/{ada}/merge", json={"from": eve}).status_code == 200
    assert lines(client, f"person={ada}") == [("sighting", 30, 30, 1), ("sighting", 0, 20, 3)]
    merged, one = page(client, "room=red")["lines"]  # what is of no room is said with each
    assert (merged["kind"], merged["event"]["change"]) == ("said", "people_merged")
    assert one["people"] == [{"person_id": ada, "person_name": "Ada"}]


def test_pages_do_not_shift_while_events_come_in(client: TestClient) -> None:
    for number in range(7):
        track: dict[str, Any] = {"track_sid": f"TR_{number}", "participant_identity": f"p{number}"}
        tell(
            client,
            change(10 * number, "joined", participant_identity=f"p{number}"),
            look(10 * number + 5, "match", **track),
        )
    seen: list[int] = []
    query: str | None = "limit=4"
    while query is not None:
        part = page(client, query)
        seen += [line["cursor"] for line in part["lines"]]
        query = f"limit=4&before={part['next_before']}" if part["next_before"] else None
        tell(client, look(200 + len(seen), "match", track_sid="TR_9", participant_identity="p9"))
    assert len(seen) == 14
    assert seen == sorted(seen, reverse=True)


def test_who_a_participant_is_supposed_to_be_is_a_line(client: TestClient) -> None:
    ada = person(client, "Ada")
    bind(client, ada, identity="alice")
    [line] = page(client)["lines"]
    assert (line["kind"], line["event"]["change"], line["event"]["person_name"]) == ("said", "bound", "Ada")
    assert lines(client, "only=sightings") == lines(client, "identity=bob") == []


def test_who_watches_a_room_is_a_line_of_no_participant(client: TestClient) -> None:
    tell(client, look(0, "match"))
    answer = client.post("/api/viewings", json={})
    assert answer.status_code == 200, answer.text
    line, sighting = page(client)["lines"]
    assert (line["kind"], line["participant_identity"], line["room"]) == ("said", None, answer.json()["room"])
    assert (line["event"]["type"], line["event"]["change"]) == ("viewing", "began")
    assert line["event"]["by"]
    assert sighting["kind"] == "sighting"
    assert lines(client, "identity=alice") == lines(client, "only=sightings") == [("sighting", 0, 0, 1)]
    assert lines(client, "room=blue") == []


def test_a_long_stay_is_read_in_parts(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sightings, "AT_ONCE", 2)
    for number in range(9):
        tell(client, look(10 * number, "match" if number % 2 == 0 else "no_match", best_distance=0.5 - number / 100))
    assert lines(client) == [("sighting", 0, 80, 5)]
    assert page(client)["lines"][0]["best"] == 0.58


def test_all_that_fits_is_a_table(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sightings_routes, "MOST", 2)  # in parts of so many
    ada = person(client, "=Ada")
    bind(client, ada, identity="alice")
    for number in range(5):
        tell(client, look(100 * number, "match", track_sid=f"TR_{number}"))
    tell(client, change(600, "left"))
    answer = client.get("/api/sightings?format=csv")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/csv; charset=utf-8")
    assert answer.headers["content-disposition"] == 'attachment; filename="sightings.csv"'
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [row["kind"] for row in rows] == ["left", *["sighting"] * 5, "said"]
    assert [int(row["cursor"]) for row in rows] == [line["cursor"] for line in page(client, "limit=200")["lines"]]
    assert (rows[-1]["what"], rows[-1]["by"], rows[-1]["people"]) == ("binding bound", "admin (local)", "'=Ada")
    assert rows[1]["participant_name"]
    left = list(csv.DictReader(io.StringIO(client.get("/api/sightings?format=csv&only=sightings").text)))
    assert [row["looks"] for row in left] == ["1"] * 5


@pytest.mark.parametrize(
    "query", ["limit=0", "format=xml", "limit=201", "before=-1", "of=dogs", "only=", "from=now", "room=", "x=1"]
)
def test_a_question_that_makes_no_sense(client: TestClient, query: str) -> None:
    answer = client.get(f"/api/sightings?{query}")
    assert (answer.status_code, answer.json()["code"]) == (422, "INVALID")


def test_what_cannot_be_read_is_said(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    async def away(*_: object) -> Any:
        raise LogUnavailableError("database: Connection refused")

    monkeypatch.setattr(Database, "read", away)
    answer = client.get("/api/sightings")
    assert (answer.status_code, answer.json()["code"]) == (503, "STORAGE_FAILED")
