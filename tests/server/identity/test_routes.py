"""Bindings and identity over HTTP, from events that were posted."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from facematch.server.app import create_app
from facematch.server.storage.database import Database
from facematch.server.storage.errors import LogUnavailableError
from tests.rig.identities import seen
from tests.rig.identity_client import ask, beat, bind, person, tell
from tests.rig.rooms_told import change, look

if TYPE_CHECKING:
    from fastapi import FastAPI
    from starlette.testclient import TestClient

    from facematch.config.settings import Settings


@pytest.fixture
def app(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> FastAPI:
    monkeypatch.setattr("facematch.server.identity.bindings.PASS_SECONDS", 3600)  # what is told here is years old
    return create_app(settings)


def test_a_participant_is_told_with_all_that_is_known(client: TestClient) -> None:
    alice = person(client, "Alice Example")
    beat(client)
    tell(client, change(0, "joined"))
    [unbound] = ask(client)
    assert (unbound["state"], unbound["person_id"], unbound["participant_identity"]) == ("unbound", None, "alice")
    bound = bind(client, alice)
    assert (bound["person_name"], bound["room"], bound["by"]) == ("Alice Example", None, "admin (local)")
    [pending] = ask(client, "room=red&identity=alice&state=pending")
    assert (pending["state"], pending["was"], pending["person_name"]) == ("pending", "unbound", "Alice Example")
    tell(client, seen(1, bound=alice))
    [expected] = ask(client)
    cursor = expected.pop("cursor")
    assert expected == {
        "room": "red",
        "participant_identity": "alice",
        "participant_id": "PA_1",
        "participant_name": "Alice",
        "state": "expected",
        "detail": None,
        "was": "pending",
        "person_id": alice,
        "person_name": "Alice Example",
        "seen_person_id": None,
        "seen_person_name": None,
        "looks": 2,
        "certainty": "few_photos",
        "since": "2025-09-25T11:33:21Z",
    }
    assert ask(client, "state=pending") == ask(client, "room=blue") == ask(client, "identity=bob") == []
    told = client.get("/api/events?type=identity").json()["events"]
    assert [one["state"] for one in told] == ["pending", "expected"]
    assert told[-1]["person_name"] == "Alice Example"
    assert cursor < told[-1]["cursor"]
    assert [one["type"] for one in client.get("/api/events").json()["events"]] == ["check"]
    assert [one["change"] for one in client.get("/api/events?type=binding").json()["events"]] == ["bound"]


def test_listeners_hear_at_once_of_what_follows(client: TestClient) -> None:
    bind(client, "default")
    with (
        client.websocket_connect("/ws/events?types=identity") as identities,
        client.websocket_connect("/ws/matches") as matches,
    ):
        tell(client, change(0, "joined"), look(1, "match"), look(2, "match"))
        assert [identities.receive_json()["state"] for _ in range(2)] == ["pending", "expected"]
        assert [matches.receive_json()["type"] for _ in range(2)] == ["check", "check"]
        tell(client, change(3, "left"), look(4, "no_face", participant_id="PA_2"))
        told = identities.receive_json()
        assert (told["state"], told["was"], told["seq"]) == ("absent", "expected", None)
        assert matches.receive_json()["type"] == "check"


def test_those_of_a_state_are_found_among_more_than_one_answer_holds(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("facematch.server.identity.store.MOST_SHOWN", 2)
    beat(client)
    for who in ("anna", "berta", "zoe"):
        client.put("/api/bindings", json={"identity": who, "person_id": "default"})
        tell(client, change(0, "joined", participant_identity=who, participant_id=f"PA_{who}"))
    tell(client, change(1, "left", participant_identity="zoe", participant_id="PA_zoe"))
    assert [one["participant_identity"] for one in ask(client)] == ["anna", "berta"]
    assert [one["participant_identity"] for one in ask(client, "state=absent&state=swapped")] == ["zoe"]
    assert client.get("/api/identity?state=absent&state=nothing").status_code == 422


def test_while_nobody_reports_of_a_room_nothing_is_known(client: TestClient) -> None:
    bind(client, "default")
    tell(client, change(0, "joined"), look(1, "match"), look(2, "match"))
    [away] = ask(client)
    assert (away["state"], away["detail"], away["was"]) == ("unknowable", "recognizer_away", "expected")
    assert ask(client, "state=unknowable") == ask(client, "state=absent&state=unknowable") == [away]
    assert ask(client, "state=expected") == []
    beat(client)
    assert ask(client, "state=unknowable") == []
    assert [one["state"] for one in ask(client)] == ["expected"]
    tell(client, change(3, "left"))
    assert [one["state"] for one in ask(client, "state=absent")] == ["absent"]


def test_a_recognizer_hears_of_those_whom_it_names(client: TestClient) -> None:
    alice = person(client, "Alice")
    bind(client, alice)
    client.put("/api/bindings", json={"identity": "bob", "person_id": "default"})
    track = {
        "track_sid": "TR_1",
        "participant_id": "PA_1",
        "participant_identity": "alice",
        "participant_name": "Alice",
        "state": "hold",
    }
    assert beat(client, tracks=[track])["bindings"] == {"alice": alice}
    assert beat(client)["bindings"] == {}
    assert not {"identity", "binding"} & set(beat(client)["takes"])


def test_bindings_are_listed_changed_and_taken_back(client: TestClient) -> None:
    alice = person(client, "Alice")
    later = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    bind(client, alice)
    bind(client, "default", room="blue", valid_until=later)
    [every, blue] = client.get("/api/bindings?identity=alice").json()["bindings"]
    assert (every["room"], every["person_id"], every["valid_until"]) == (None, alice, None)
    assert (blue["room"], blue["person_id"], blue["person_name"]) == ("blue", "default", None)
    assert bind(client, alice) == every  # the same once more
    assert len(client.get("/api/events?type=binding").json()["events"]) == 2
    assert len(client.get(f"/api/bindings?person_id={alice}").json()["bindings"]) == 1
    assert client.get("/api/bindings?identity=bob").json()["bindings"] == []
    assert client.delete("/api/bindings?identity=alice&room=blue").json() == {"ended": 1}
    assert client.delete("/api/bindings?identity=alice").json() == {"ended": 1}
    assert client.delete("/api/bindings?identity=alice").json() == {"ended": 0}
    assert client.get("/api/bindings").json()["bindings"] == []


@pytest.mark.parametrize(
    ("sent", "status", "code"),
    [
        ({"person_id": "p_none"}, 404, "NO_PERSON"),
        ({"person_id": "default", "valid_until": "2020-01-01T00:00:00Z"}, 422, "INVALID"),
        ({"person_id": "default", "valid_until": "2031-01-01T00:00:00"}, 422, "INVALID"),
        ({"person_id": "default", "more": 1}, 422, "INVALID"),
        ({}, 422, "INVALID"),
    ],
)
def test_a_binding_that_makes_no_sense_is_refused(
    client: TestClient, sent: dict[str, Any], status: int, code: str
) -> None:
    answer = client.put("/api/bindings", json={"identity": "alice", **sent})
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert client.get("/api/bindings").json()["bindings"] == []


def test_a_swap_is_acknowledged(client: TestClient) -> None:
    beat(client)
    tell(client, change(0, "joined"), seen(1, evidence={"continuity": "changed"}))
    assert [one["state"] for one in ask(client)] == ["swapped"]
    assert client.post("/api/identity/acknowledge", json={"identity": "bob"}).json() == {"acknowledged": 0}
    assert client.post("/api/identity/acknowledge", json={"identity": "alice"}).json() == {"acknowledged": 1}
    assert [one["state"] for one in ask(client)] == ["unbound"]
    [told] = client.get("/api/events?type=binding").json()["events"]
    assert (told["change"], told["by"], told["participant_identity"]) == ("acknowledged", "admin (local)", "alice")


def test_who_is_there_without_a_swap_can_be_acknowledged_for_what_was_before_them_may_be_lost(
    client: TestClient,
) -> None:
    beat(client)
    tell(client, change(0, "joined"), seen(1, evidence={"continuity": "lost"}))
    assert client.post("/api/identity/acknowledge", json={"identity": "alice"}).json() == {"acknowledged": 1}
    tell(client, change(2, "left"))
    assert client.post("/api/identity/acknowledge", json={"identity": "alice"}).json() == {"acknowledged": 0}
    assert len(client.get("/api/events?type=binding").json()["events"]) == 1


def test_nobody_but_the_api_tells_of_identities(client: TestClient) -> None:
    for type_ in ("identity", "binding"):
        body = {
            "type": type_,
            "participant_identity": "alice",
            "timestamp": "2025-09-25T14:00:00Z",
            "state": "expected",
        }
        more = {"since": "2025-09-25T14:00:00Z", "change": "bound", "person_id": "default", "by": "admin"}
        assert client.post("/api/events", json={"events": [{**body, **more}]}).status_code == 422


def test_while_the_database_is_away_it_is_said(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fails(*_: object) -> None:
        raise LogUnavailableError("disk full")

    monkeypatch.setattr(Database, "read", fails)
    for answer in (
        client.get("/api/identity"),
        client.get("/api/bindings"),
        client.put("/api/bindings", json={"identity": "alice", "person_id": "default"}),
        client.delete("/api/bindings?identity=alice"),
        client.post("/api/identity/acknowledge", json={"identity": "alice"}),
    ):
        assert (answer.status_code, answer.json()["code"]) == (503, "STORAGE_FAILED")
