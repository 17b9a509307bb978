"""Settings that processes have to have alike: what is told of those that are not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from pydantic import SecretStr
from structlog.testing import capture_logs

from facematch.config.room_patterns import WatchedRooms
from facematch.config.settings import OF_EACH_PROCESS, Settings
from facematch.protocol.heartbeat import Heartbeat
from facematch.server.assignment.book import Standing
from facematch.server.assignment.finder import RoomList
from facematch.server.assignment.reconciling import WorkerState
from facematch.server.assignment.service import Assignment, Rules
from facematch.server.recognizers.registry import ONLINE_SECONDS, Recognizers
from facematch.server.replicas import service
from facematch.server.replicas.service import Agreement
from facematch.server.replicas.store import LIVES_SECONDS, ReplicaStore
from facematch.server.storage.database import Database
from facematch.server.storage.migrate import migrate
from tests.rig.event_logs import new_database
from tests.rig.heartbeats import heartbeat_body
from tests.rig.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from starlette.testclient import TestClient

    from tests.rig.postgres import Postgres

KEY = "admin-key-0123456789"


class World:
    """One web process, as far as it compares."""

    def __init__(self, settings: Settings, database: Database) -> None:
        self.now = 1000.0
        self.recognizers = Recognizers(lambda: self.now)
        rules = Rules(shared=True, watched=WatchedRooms(("exam-*",)), agreed=settings.agreed)
        self.assignment = Assignment(database, rules, RoomList("ws://127.0.0.1:1", str))
        self.agreement = Agreement(database, lambda: settings.alike, settings.agreed, self.recognizers, self.assignment)


@pytest.fixture
def alone() -> World:
    return World(Settings(), Database("sqlite+aiosqlite://"))


def heartbeat(**agreed: str) -> Heartbeat:
    return Heartbeat.model_validate({**heartbeat_body(), "agreed": Settings().agreed | agreed})


def test_a_recognizer_of_one_room_is_compared(alone: World) -> None:
    alone.recognizers.hear(heartbeat())
    assert alone.agreement.differing() == []
    alone.recognizers.hear(heartbeat(CONSENT="required", OF_A_LATER_VERSION="1"))
    told = ["CONSENT is required for the recognizer, off for the API: set both alike."]
    with capture_logs() as logs:
        for _ in range(2):
            alone.agreement.tell()
        assert alone.agreement.differing() == told
        alone.now += ONLINE_SECONDS + 1
        for _ in range(2):
            alone.agreement.tell()
    assert [(line["log_level"], line.get("what")) for line in logs] == [("warning", *told), ("info", None)]


def test_recognizers_that_are_given_rooms_are_told_of(alone: World) -> None:
    worker: dict[str, Any] = {"name": "a", "boot": "a-1", "rounds": 9, "capacity": 60.0, "settings_differ": ("HOLD …",)}
    alone.assignment.latest = Standing({"a": WorkerState(**worker, age=0.4), "b": WorkerState(**worker, age=60.0)}, {})
    assert alone.agreement.differing() == ["HOLD …"]


def test_what_is_to_be_alike_holds_no_secret_and_nothing_of_one_process() -> None:
    secret: dict[str, Any] = {
        "admin_key": SecretStr(KEY),
        "recognizer_key": SecretStr(KEY + "r"),
        "livekit_api_secret": "lk-secret-012345",
    }
    alike = Settings(**secret, hold_seconds=7).alike
    assert alike["HOLD_SECONDS"] == "7.0"
    assert not [name for name in OF_EACH_PROCESS if name.upper() in alike]
    assert not any(text in str(alike) for text in (KEY, "lk-secret"))
    assert not any(name.endswith(("_KEY", "_SECRET", "WEBHOOK_URL")) for name in alike)
    digests = {
        Settings(**secret | {"admin_key": SecretStr(key)}).alike["keys and secrets"] for key in (KEY, KEY, KEY + "2")
    }
    assert len(digests) == 2
    assert set(OF_EACH_PROCESS) <= set(Settings.model_fields)


async def test_web_processes_are_compared_with_each_other(
    postgres: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "LOOK_SECONDS", 0.05)
    url = await new_database("postgresql", tmp_path, postgres)
    await migrate(url)
    given: list[dict[str, Any]] = [{}, {"hold_seconds": 5}, {"admin_key": SecretStr(KEY)}, {"port": 8001}]
    databases = [Database(url) for _ in given]
    for database in databases:
        database.open()
    first, held, keyed, same = (
        World(Settings(**settings), database).agreement for settings, database in zip(given, databases, strict=True)
    )
    async with first.running():
        async with same.running():
            assert first.differing() == []
            async with held.running(), keyed.running():

                async def told() -> bool:
                    return len(first.differing()) == 2 and len(held.differing()) == 2

                await wait_until(told, within=30, what="all have heard of each other")
                [key, hold] = sorted(first.differing(), key=lambda sentence: sentence.startswith("HOLD"))
                assert key.startswith("One of the keys or secrets is another at ")
                assert hold.startswith("HOLD_SECONDS is 5.0 at ")
                assert hold.endswith(", 10.0 here: set both alike.")

        async def over() -> bool:
            return first.differing() == []

        # One that has no time to say goodbye, on a busy machine, is compared for as long as it may be thought alive.
        await wait_until(over, within=LIVES_SECONDS + 30, what="those that have ended are not compared any more")
        assert await ReplicaStore(databases[0], "another").others("x", {}) != []
    for database in databases:
        await database.aclose()


def test_the_status_and_the_figures_say_so(client: TestClient) -> None:
    assert client.get("/api/status").json()["settings_differ"] == []
    client.post("/api/heartbeat", json={**heartbeat_body(), "agreed": {"CONSENT": "required"}})
    told = client.get("/api/status").json()["settings_differ"]
    assert told == ["CONSENT is required for the recognizer, off for the API: set both alike."]
    assert "facematch_settings_differ 1.0" in client.get("/metrics").text
