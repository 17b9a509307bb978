"""Presence and statistics over HTTP, from events that were posted."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any

import pytest

from facematch.protocol.events import to_wire
from facematch.server.app import create_app
from facematch.server.presence.answers import ParticipantStatistics, PersonStatistics, PresencePage
from facematch.server.storage.database import Database
from facematch.server.storage.errors import LogUnavailableError
from tests.rig.rooms_told import at, change, look

if TYPE_CHECKING:
    from fastapi import FastAPI
    from starlette.testclient import TestClient

    from facematch.config.settings import Settings
    from facematch.protocol.events import Event

DAY = "day=2025-09-25"


@pytest.fixture
def app(settings: Settings) -> FastAPI:
    return create_app(settings)


def tell(client: TestClient, *events: Event) -> None:
    answer = client.post("/api/events", json={"events": [to_wire(event) for event in events]})
    assert answer.status_code == 200, answer.text


def ask(client: TestClient, query: str = DAY) -> list[dict[str, Any]]:
    answer = client.get(f"/api/presence?{query}")
    assert answer.status_code == 200, answer.text
    PresencePage.model_validate_json(answer.content)
    intervals: list[dict[str, Any]] = answer.json()["intervals"]
    return intervals


def seconds(moment: str | None) -> float | None:
    from datetime import datetime  # noqa: PLC0415

    return None if moment is None else (datetime.fromisoformat(moment) - at(0)).total_seconds()


def test_an_interval_says_all_there_is_to_say(client: TestClient) -> None:
    tell(client, look(0, "no_face"), look(10, "match"), look(20, "no_match"), look(30, "no_face"))
    [interval] = ask(client)
    bounds = [seconds(interval.pop(name)) for name in ("arrived_after", "arrived_by", "seen_until", "left_before")]
    assert bounds == [0, 10, 20, 30]
    assert interval.pop("cursor") > 0
    assert interval == {
        "room": "red",
        "participant_identity": "alice",
        "participant_name": "Alice",
        "participant_id": "PA_1",
        "track_sid": "TR_1",
        "source": "boot",
        "person_id": None,
        "person_name": None,
        "people": ["default"],
        "looks": 2,
        "longest_gap_seconds": 10,
        "seconds": 10,
        "ended": "not_seen",
    }


def test_filters(client: TestClient) -> None:
    bob: dict[str, Any] = {
        "participant_identity": "bob",
        "participant_name": "Bob",
        "track_sid": "TR_2",
        "room": "blue",
    }
    zoe = client.post("/api/people", json={"name": "Zoe"}).json()["id"]
    named = ["p_gone", zoe]
    tell(client, look(0, "match"), look(10, "no_match", **bob), look(20, "match", named=named, track_sid="TR_3"))

    def who(query: str) -> list[tuple[str, str | None]]:
        return [(one["track_sid"], one["person_id"]) for one in ask(client, f"{DAY}&{query}")]

    assert who("") == [("TR_1", None), ("TR_2", None), ("TR_3", None)]
    assert who("room=blue") == who("identity=bob") == [("TR_2", None)]
    assert who("by=person") == [("TR_1", "default"), ("TR_3", zoe)]
    assert who(f"person={zoe}") == [("TR_3", zoe)]
    assert who("room=green") == who("person=nobody") == who("identity=bob&room=red") == []
    assert [one["track_sid"] for one in ask(client, "day=2025-09-24")] == []
    assert [one["track_sid"] for one in ask(client)] == ["TR_1", "TR_2", "TR_3"]


def test_a_stretch_of_time_has_what_touches_it_whole(client: TestClient) -> None:
    tell(client, *(look(when, "match") for when in range(0, 100, 10)), look(200, "match", track_sid="TR_2"))

    def between(begins: float, ends: float) -> list[str]:
        stamps = [at(moment).isoformat().replace("+", "%2B") for moment in (begins, ends)]
        return [one["track_sid"] for one in ask(client, f"from={stamps[0]}&to={stamps[1]}")]

    assert between(50, 60) == ["TR_1"]
    assert between(91, 200) == []
    assert between(-50, 0.5) == ["TR_1"]
    assert between(90, 201) == ["TR_1", "TR_2"]
    assert ask(client, f"{DAY}&limit=1")[0]["looks"] == 10
    assert client.get(f"/api/presence?{DAY}&limit=1").json()["more"]
    assert not client.get(f"/api/presence?{DAY}&limit=2").json()["more"]


@pytest.mark.parametrize(
    "query",
    [
        "day=yesterday",
        "day=2025-09-31",
        "day=0001-01-01",
        "day=9999-12-31",
        f"{DAY}&from=2025-09-25T00:00:00Z",
        "to=2025-09-25T00:00:00Z",
        "from=2025-09-25T00:00:00",
        "from=2025-09-25T00:00:00Z&to=2025-09-25T00:00:00Z",
        "from=2025-09-25T00:00:00Z&to=2026-09-27T00:00:00Z",
        "limit=0",
        "limit=10001",
        "by=face",
        "format=xml",
        "room=",
        "rooms=red",
    ],
)
def test_what_does_not_fit_is_refused_with_a_sentence(client: TestClient, query: str) -> None:
    answer = client.get(f"/api/presence?{query}")
    assert (answer.status_code, answer.json()["code"]) == (422, "INVALID")


def test_without_a_time_it_is_today(client: TestClient) -> None:
    answer = client.get("/api/presence").json()
    assert answer["from"][10:] == answer["to"][10:] == "T00:00:00+00:00"
    assert answer["intervals"] == []
    assert client.get("/api/presence?from=2120-01-01T00:00:00Z").status_code == 200


def test_an_attendance_list_for_spreadsheets(client: TestClient) -> None:
    tell(client, look(0, "no_face"), look(10, "match"), change(15, "left"))
    answer = client.get(f"/api/presence?{DAY}&format=csv")
    assert answer.headers["content-type"].startswith("text/csv")
    assert answer.headers["content-disposition"] == 'attachment; filename="presence-2025-09-25.csv"'
    [row] = csv.DictReader(io.StringIO(answer.text))
    assert (row["participant_name"], row["looks"], row["people"], row["person_id"]) == ("Alice", "1", "default", "")
    assert (seconds(row["arrived_by"]), row["ended"]) == (10, "left")


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", " =1", '=HYPERLINK("http://x")'])
def test_no_name_is_run_by_a_spreadsheet(client: TestClient, name: str) -> None:
    tell(client, look(0, "match", participant_name=name, participant_identity=name, room=name))
    [row] = csv.DictReader(io.StringIO(client.get(f"/api/presence?{DAY}&format=csv").text, newline=""))
    for column in ("participant_name", "participant_identity", "room"):
        assert row[column] == f"'{name}"
    assert row["looks"] == "1"


def test_a_participant_s_statistics(client: TestClient) -> None:
    day = 86_400
    tell(
        client,
        *(look(when, outcome) for when, outcome in ((0, "match"), (10, "match"), (20, "no_face"), (30, "muted"))),
        look(day, "no_match"),
        look(day + 5, "match", room="blue"),
    )
    answer = client.get("/api/participants/statistics?identity=alice")
    told = ParticipantStatistics.model_validate_json(answer.content)
    assert (told.looks, told.seen, told.not_seen, told.unknowable, told.seconds) == (5, 4, 1, 1, 10)
    assert (told.first_seen, told.last_seen) == (at(0), at(day + 5))
    assert [(str(one.day), one.room, one.looks, one.seen) for one in told.days] == [
        ("2025-09-25", "red", 3, 2),
        ("2025-09-26", "blue", 1, 1),
        ("2025-09-26", "red", 1, 1),
    ]
    assert [(one.person_id, one.seen, one.seconds) for one in told.persons] == [("default", 3, 10)]
    one_day = client.get("/api/participants/statistics?identity=alice&from=2025-09-26&to=2025-09-26").json()
    assert one_day["looks"] == 2
    nobody = client.get("/api/participants/statistics?identity=nobody").json()
    assert (nobody["looks"], nobody["first_seen"], nobody["days"]) == (0, None, [])
    assert client.get("/api/participants/statistics").status_code == 422


def test_when_somebody_was_looking(client: TestClient) -> None:
    tell(
        client,
        *(look(when, outcome) for when, outcome in ((0, "no_face"), (10, "match"), (20, "muted"), (30, "no_match"))),
        *(look(when, "no_face", participant_identity="bob", track_sid="TR_2") for when in (5, 15)),
        look(7, "no_face", room="blue"),
    )

    def stretches(query: str) -> list[tuple[Any, ...]]:
        told = client.get(f"/api/presence?{DAY}&looked=true&{query}").json()["looked"]
        return [(one["room"], one["participant_identity"], seconds(one["from"]), seconds(one["to"])) for one in told]

    assert stretches("room=red") == [("red", "alice", 0, 10), ("red", "alice", 30, 30), ("red", "bob", 5, 15)]
    assert stretches("by=person") == [("blue", None, 7, 7), ("red", None, 0, 15), ("red", None, 30, 30)]
    assert stretches("person=nobody&room=blue") == [("blue", None, 7, 7)]
    assert "looked" not in client.get(f"/api/presence?{DAY}").json()


def test_a_person_s_statistics_and_name(client: TestClient) -> None:
    ada, eve = (client.post("/api/people", json={"name": name}).json()["id"] for name in ("Ada", "Eve"))
    day = 86_400
    looks: tuple[tuple[float, list[str]], ...] = ((0, [ada]), (10, []), (20, [eve]), (30, [ada]), (day, [ada]))
    tell(
        client,
        *(look(when, "match" if named else "no_match", named=named) for when, named in looks),
        *(look(when, "no_match", participant_identity="bob", track_sid="TR_2", named=[]) for when in (5, 15)),
    )
    [first, second] = ask(client, f"{DAY}&person={ada}")
    assert (first["person_name"], second["person_name"], first["looks"]) == ("Ada", "Ada", 1)
    told = PersonStatistics.model_validate_json(client.get(f"/api/people/{ada}/statistics").content)
    assert (told.seen, told.looks, told.first_seen, told.last_seen) == (3, 5, at(0), at(day))
    assert [(one.participant_identity, one.room, one.seen, one.looks) for one in told.days] == [
        ("alice", "red", 2, 4),
        ("alice", "red", 1, 1),
    ]
    one_day = client.get(f"/api/people/{ada}/statistics?from=2025-09-25&to=2025-09-25").json()
    assert (one_day["seen"], one_day["looks"]) == (2, 4)

    assert client.post(f"/api/people/{ada}/merge", json={"from": eve}).status_code == 200  # they are one
    assert [one["looks"] for one in ask(client, f"{DAY}&person={ada}")] == [1, 3]
    assert client.get(f"/api/people/{ada}/statistics").json()["seen"] == 4
    of_alice = client.get("/api/participants/statistics?identity=alice").json()
    assert [(one["person_id"], one["seen"]) for one in of_alice["persons"]] == [(ada, 4)]
    assert [[(one["person_id"], one["seen"]) for one in day["persons"]] for day in of_alice["days"]] == [
        [(ada, 3)],
        [(ada, 1)],
    ]
    assert client.get(f"/api/people/{eve}/statistics").json()["code"] == "NO_PERSON"
    assert client.get("/api/people/default/statistics").json()["seen"] == 0


def test_erasing_a_participant_erases_their_presence(client: TestClient) -> None:
    bob: dict[str, Any] = {"participant_identity": "bob", "track_sid": "TR_2"}
    tell(client, look(0, "match"), look(0, "match", **bob), look(10, "no_face"), look(10, "no_face", **bob))
    assert client.delete("/api/participants?identity=alice").json()["verified"]
    assert [one["participant_identity"] for one in ask(client)] == ["bob"]
    assert client.get("/api/participants/statistics?identity=alice").json()["looks"] == 0
    assert client.get("/api/participants/statistics?identity=bob").json()["looks"] == 2


def test_a_database_that_is_away_is_said_to_be(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    async def away(*_: object) -> None:
        raise LogUnavailableError("database is away")

    monkeypatch.setattr(Database, "rows", away)
    monkeypatch.setattr(Database, "read", away)
    for address in (f"/api/presence?{DAY}", "/api/participants/statistics?identity=a"):
        answer = client.get(address)
        assert (answer.status_code, answer.json()["code"]) == (503, "STORAGE_FAILED")
