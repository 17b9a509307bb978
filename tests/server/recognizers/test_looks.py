"""Looks that are wanted now: of whom, until when, how often."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from facematch.protocol.heartbeat import Heartbeat
from facematch.server.recognizers.looks import APART_SECONDS, GIVEN_UP_SECONDS, Looks, TooSoonError
from facematch.server.recognizers.registry import ONLINE_SECONDS
from facematch.server.recognizers.shared_looks import SharedLooks
from facematch.server.storage.database import Database, sqlite_url
from facematch.server.storage.schema import looks
from tests.rig.event_logs import new_database, two_of
from tests.rig.fake_recognizer import track
from tests.rig.heartbeats import heartbeat_body

if TYPE_CHECKING:
    from starlette.testclient import TestClient

    from tests.rig.postgres import Postgres


ALONE = SharedLooks(Database(sqlite_url(Path("never opened"))))


class Desk:
    def __init__(self, shared: SharedLooks | None = None) -> None:
        self.now, self.age, self.calls = 1000.0, 0.0, 0
        self.last = beat()
        self.looks = Looks(lambda: [(self.last, self.age)], self._call, shared or ALONE, lambda: self.now)

    def _call(self) -> None:
        self.calls += 1

    def hears(self, *tracks: dict[str, Any]) -> list[str]:
        self.last = beat(*tracks)
        return self.looks.due(self.last)


def beat(*tracks: dict[str, Any]) -> Heartbeat:
    return Heartbeat.model_validate(heartbeat_body() | {"tracks": list(tracks)})


def camera(identity: str, state: str, batches: int, visit: int = 1) -> dict[str, Any]:
    return track(identity, state, visit=visit) | {"batches": batches}


async def test_a_recognizer_is_asked_until_the_look_has_begun() -> None:
    desk = Desk()
    held, other = camera("alice", "hold", 5), camera("bob", "wait", 3)
    assert desk.hears(held, other) == []
    assert [one.batches for one in await desk.looks.ask("alice")] == [5]
    assert desk.calls == 1
    for _ in range(2):  # an answer may be lost
        assert desk.hears(held, other) == ["alice"]
    assert desk.hears(camera("alice", "queued", 5), other) == []
    assert desk.hears(camera("alice", "hold", 6), other) == []


async def test_every_camera_of_a_participant_is_looked_at() -> None:
    desk = Desk()
    desk.hears(camera("alice", "hold", 5), camera("alice", "wait", 7, visit=2))
    await desk.looks.ask("alice")
    assert desk.hears(camera("alice", "hold", 6), camera("alice", "wait", 7, visit=2)) == ["alice"]
    assert desk.hears(camera("alice", "hold", 6), camera("alice", "probe", 8, visit=2)) == []
    assert desk.hears(camera("alice", "hold", 6), camera("alice", "wait", 0, visit=3)) == []  # new: looked at anyway


async def test_looks_at_one_participant_are_some_seconds_apart() -> None:
    desk = Desk()
    desk.hears(camera("alice", "hold", 5), camera("bob", "hold", 5))
    await desk.looks.ask("alice")
    await desk.looks.ask("bob")
    desk.now += APART_SECONDS / 2
    with pytest.raises(TooSoonError) as refused:
        await desk.looks.ask("alice")
    assert refused.value.seconds == pytest.approx(APART_SECONDS / 2)
    desk.now += APART_SECONDS / 2
    await desk.looks.ask("alice")


async def test_nobody_is_asked_for_ever_nor_about_somebody_who_is_not_seen() -> None:
    desk = Desk()
    desk.hears(camera("alice", "hold", 5))
    assert await desk.looks.ask("nobody") == []
    desk.age = ONLINE_SECONDS + 1
    assert await desk.looks.ask("alice") == []
    assert (desk.calls, desk.hears(camera("alice", "hold", 5))) == (0, [])
    desk.age = 0
    await desk.looks.ask("alice")
    desk.now += GIVEN_UP_SECONDS
    assert desk.hears(camera("alice", "hold", 5)) == []


def test_whoever_asks_is_told_whether_anybody_can_look(client: TestClient) -> None:
    tracks = [
        track("alice", "hold"),
        track("bob", "idle") | {"idle_reason": "consent"},
        track("carol", "idle") | {"idle_reason": None},
    ]
    assert client.post("/api/heartbeat", json=heartbeat_body() | {"tracks": tracks}).json()["look_now"] == []
    answers = {
        identity: client.post("/api/looks", json={"identity": identity}).json()
        for identity in ("alice", "bob", "carol", "dora")
    }
    assert {who: (said["watched"], said["idle_reason"]) for who, said in answers.items()} == {
        "alice": (True, None),
        "bob": (False, "consent"),
        "carol": (False, None),
        "dora": (False, None),
    }
    assert client.post("/api/looks", json={"identity": "bob"}).status_code == 200  # nothing was begun
    again = client.post("/api/looks", json={"identity": "alice"})
    assert (again.status_code, again.json()["code"], again.headers["retry-after"]) == (429, "TOO_MANY_REQUESTS", "2")
    answer = client.post("/api/heartbeat", json=heartbeat_body() | {"tracks": tracks[:1]}).json()
    assert answer["look_now"] == ["alice"]


async def test_a_recognizer_hears_of_it_whichever_process_was_asked(
    postgres: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with two_of(await new_database("postgresql", tmp_path, postgres)) as databases:
        asked, other = (Desk(SharedLooks(database)) for database in databases)
        held = camera("alice", "hold", 5)
        for desk in (asked, other):
            desk.hears(held)
        await asked.looks.ask("alice")
        assert other.hears(held) == []
        for _ in range(2):  # the bell, and the look without one
            await other.looks.refresh()
            assert (other.hears(held), other.calls) == (["alice"], 1)
        with pytest.raises(TooSoonError):
            await other.looks.ask("alice")
        assert other.hears(camera("alice", "hold", 6)) == []
        monkeypatch.setattr("facematch.server.recognizers.looks.GIVEN_UP_SECONDS", 0.0)
        await other.looks.refresh()
        assert await databases[0].rows(sa.select(looks.c.identity)) == [], "nothing of it stays"
