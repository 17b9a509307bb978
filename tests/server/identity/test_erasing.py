"""Erasure of participants and people: their bindings, states, and the events that name them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from facematch.server.app import create_app
from facematch.server.identity.bindings import Bindings
from facematch.server.identity.store import Wanted
from facematch.server.people.store import PeopleStore
from facematch.server.storage.database import sqlite_url
from tests.rig.event_logs import Intake
from tests.rig.identities import Identities, named, seen
from tests.rig.identity_client import ask, beat, bind, person, tell
from tests.rig.rooms_told import at, change

if TYPE_CHECKING:
    from pathlib import Path

    from fastapi import FastAPI
    from starlette.testclient import TestClient

    from facematch.config.settings import Settings


@pytest.fixture
def app(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> FastAPI:
    monkeypatch.setattr("facematch.server.privacy.erasure.WAIT_SECONDS", 0.2)
    monkeypatch.setattr("facematch.server.identity.bindings.PASS_SECONDS", 3600)  # what is told here is years old
    return create_app(settings)


def said(client: TestClient, type_: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = client.get(f"/api/events?type={type_}").json()["events"]
    return found


BOB: dict[str, Any] = {"participant_identity": "bob", "participant_id": "PA_2", "track_sid": "TR_2"}


def test_an_erased_person_is_named_by_nothing_and_nobody_is_bound_to_them(client: TestClient) -> None:
    alice, other = person(client, "Alice"), person(client, "Other")
    beat(client)
    tell(client, change(0, "joined"), change(0, "joined", **BOB))
    bind(client, alice)
    client.put("/api/bindings", json={"identity": "bob", "person_id": other})
    tell(client, seen(1, bound=alice), *(named(when, alice, **BOB) for when in (1, 2)))
    assert [(one["state"], one["seen_person_id"]) for one in ask(client)] == [
        ("expected", None),
        ("unexpected", alice),
    ]
    receipt = client.delete(f"/api/people/{alice}").json()
    assert (receipt["bindings"], receipt["verified"]) == (1, True)
    beat(client)
    assert [(one["state"], one["person_id"], one["seen_person_id"]) for one in ask(client)] == [
        ("unbound", None, None),
        ("unexpected", other, None),
    ]
    told = said(client, "identity")
    assert [(one["participant_identity"], one["state"], one["was"]) for one in told] == [
        ("bob", "pending", "unbound"),
        ("alice", "unbound", "expected"),
    ]
    assert alice not in client.get("/api/events?type=all").text
    assert [(one["change"], one["by"]) for one in said(client, "binding")][-1] == ("unbound", "person erased")
    tell(client, named(3, **BOB))
    assert alice not in client.get("/api/events?type=all").text + client.get("/api/identity").text


def test_an_erased_participant_leaves_neither_binding_nor_state(client: TestClient) -> None:
    beat(client)
    tell(client, change(0, "joined"), change(0, "joined", **BOB))
    bind(client, "default")
    bind(client, "default", room="blue")
    receipt = client.delete("/api/participants?identity=alice").json()
    assert (receipt["bindings"], receipt["verified"]) == (2, True)
    beat(client)
    assert [one["participant_identity"] for one in ask(client)] == ["bob"]
    assert client.get("/api/bindings").json()["bindings"] == []
    assert "alice" not in client.get("/api/events?type=all").text
    tell(client, seen(9, timestamp=datetime.now(UTC)))  # who is still on camera is somebody new
    assert [(one["participant_identity"], one["state"]) for one in ask(client)] == [
        ("alice", "unbound"),
        ("bob", "unbound"),
    ]


async def test_bindings_end_and_who_left_is_forgotten_in_time(tmp_path: Path) -> None:
    kept = Identities(sqlite_url(tmp_path / "events.db"))
    await kept.open("p_1")
    intake = Intake(kept.log)
    await intake.open()
    now = at(0)
    saying = Bindings(kept.store, intake.writer, PeopleStore(kept.database), lambda: now)
    await kept.tell(change(0, "joined"), change(0, "joined", **BOB))
    await intake.open()
    until = now + timedelta(hours=1)
    await saying.bind("alice", "p_1", room=None, valid_until=until, by="admin")
    await saying.bind("bob", "p_1", room="red", valid_until=None, by="admin")
    now = until
    await saying.keep_up()
    assert [one.identity for one in await kept.store.bindings(Wanted())] == ["bob"]
    assert [told.state for told in await kept.told()] == ["unbound", "pending"]
    now = until + timedelta(days=2)
    await saying.keep_up()
    assert [told.who.identity for told in await kept.told()] == ["bob"]
    assert await kept.tell(seen(10)) == []
    assert [told.state for told in await kept.told()] == ["unbound", "pending"]
    await kept.log.aclose()
