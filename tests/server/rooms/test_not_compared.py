"""Who is not to be looked at: said, kept, told to recognizers, and taken back."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from facematch.server.rooms import not_compared as module
from facematch.server.rooms.not_compared import KNOWN_SECONDS, NotCompared, TooManyError
from facematch.server.storage.database import Database
from facematch.server.storage.migrate import migrate
from tests.rig.fake_recognizer import track
from tests.rig.heartbeats import heartbeat_body

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.testclient import TestClient

ODD = ["Alice42", "a/b ../c?", "<b>\n", "nul \x00", "李小龍", "admin' OR 1=1 --"]


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    await migrate(database_url)
    one = Database(database_url)
    one.open()
    yield one
    await one.aclose()


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


async def test_whoever_is_put_there_stays_until_they_are_removed(database: Database) -> None:
    changes: list[bool] = []
    kept = NotCompared(database, lambda: changes.append(True))
    for identity in ODD:
        await kept.put(identity, "admin (key)")
        await kept.put(identity, "somebody else")
        assert await kept.among([identity, "Bob"]) == [identity]
    assert await kept.among(["alice42", "Alice4", "%", ""]) == []
    assert {line.by for line in await kept.all()} == {"admin (key)"}
    anew = NotCompared(database, lambda: None)  # after a restart
    assert await anew.among(ODD) == ODD
    for identity in ODD:
        assert [await kept.remove(identity), await kept.remove(identity)] == [True, False]
    assert await kept.among(ODD) == []
    assert len(changes) == 4 * len(ODD)


async def test_what_another_process_has_changed_is_known_within_a_second(database: Database) -> None:
    clock = Clock()
    here, there = NotCompared(database, lambda: None, clock), NotCompared(database, lambda: None)
    assert await here.among(["Alice42"]) == []
    assert await here.nobody()
    await there.put("Alice42", "admin (key)")
    clock.now += KNOWN_SECONDS
    assert await here.among(["Alice42"]) == ["Alice42"]
    assert not await here.nobody()


async def test_there_is_a_bound(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST", 2)
    kept = NotCompared(database, lambda: None)
    for identity in ("a", "b", "a"):
        await kept.put(identity, "admin (key)")
    with pytest.raises(TooManyError):
        await kept.put("c", "admin (key)")
    await asyncio.gather(*(kept.put("b", "admin (key)") for _ in range(3)))


def test_a_recognizer_is_told_of_those_whom_it_sees_and_an_admin_of_all(client: TestClient) -> None:
    def beat(*tracks: dict[str, Any]) -> list[str]:
        answer = client.post("/api/heartbeat", json=heartbeat_body() | {"tracks": list(tracks)}).json()
        found: list[str] = answer["not_compared"]
        return found

    def listed(**query: str) -> list[tuple[str, str]]:
        answer = client.get("/api/not-compared", params=query).json()
        return [(one["identity"], one["by"]) for one in answer["participants"]]

    assert beat(track("Alice42", "hold")) == []
    for identity in ("Alice42", "a/b ../c?"):
        said = client.put("/api/not-compared", params={"identity": identity})
        assert said.json() == {"ok": True, "identity": identity, "compared": False}
    assert beat(track("Alice42", "hold"), track("Bob", "hold")) == ["Alice42"]
    beat(
        track("Alice42", "idle") | {"idle_reason": "not_compared"}, track("Carol", "idle") | {"idle_reason": "consent"}
    )
    assert dict(listed()) == dict.fromkeys(("a/b ../c?", "Alice42"), "admin (local)")
    beat(track("Dora", "idle") | {"idle_reason": "not_compared"})
    assert listed()[0] == ("Dora", "themselves")
    assert listed(identity="Alice42") == [("Alice42", "admin (local)")]
    assert listed(identity="alice42") == []
    assert client.delete("/api/not-compared", params={"identity": "Alice42"}).json()["compared"] is True
    assert beat(track("Alice42", "hold")) == []
    assert client.put("/api/not-compared").json()["code"] == "INVALID"


def test_it_is_not_erased_with_the_rest_of_a_participant(client: TestClient) -> None:
    client.put("/api/not-compared", params={"identity": "Alice42"})
    assert client.delete("/api/participants", params={"identity": "Alice42"}).json()["verified"] is True
    answer = client.get("/api/not-compared", params={"identity": "Alice42"}).json()
    assert [one["identity"] for one in answer["participants"]] == ["Alice42"]
