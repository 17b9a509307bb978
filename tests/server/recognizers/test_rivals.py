"""Two recognizers in one room: told once, and never of one that ends and its successor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from starlette.testclient import TestClient

from facematch.protocol.heartbeat import Heartbeat
from facematch.server.app import Parts, create_app
from facematch.server.recognizers.registry import ONLINE_SECONDS, TOGETHER_SECONDS, Recognizers

if TYPE_CHECKING:
    from facematch.config.settings import Settings

SAID = "Several recognizers watch the same room"
BEAT = 2.0


class Room:
    """Recognizers that report every two seconds."""

    def __init__(self, heartbeat: dict[str, Any]) -> None:
        self.now = 1000.0
        self.recognizers = Recognizers(lambda: self.now)
        self._heartbeat = heartbeat

    def pass_with(self, seconds: float, *sources: str, **fields: Any) -> None:
        for _ in range(int(seconds / BEAT)):
            self.now += BEAT
            for source in sources:
                started = f"2025-09-25T14:00:0{ord(source[0]) % 10}+00:00"
                told = {**self._heartbeat, "source": source, "started_at": started, **fields}
                self.recognizers.hear(Heartbeat.model_validate(told))


@pytest.fixture
def room(heartbeat: dict[str, Any]) -> Room:
    return Room(heartbeat)


@pytest.mark.parametrize("order", [("a", "b"), ("b", "a")])
def test_two_that_stay_are_told_once(room: Room, order: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    room.pass_with(60, order[0])
    assert room.recognizers.rivals() == 0
    room.pass_with(TOGETHER_SECONDS + 2 * BEAT, *order)
    assert room.recognizers.rivals() == 1
    room.pass_with(60, *order)
    assert capsys.readouterr().out.count(SAID) == 1


def test_one_that_ends_and_its_successor_are_none(room: Room, capsys: pytest.CaptureFixture[str]) -> None:
    room.pass_with(60, "a")
    room.pass_with(6, "a", "b")
    room.pass_with(60, "b")
    assert room.recognizers.rivals() == 0
    assert SAID not in capsys.readouterr().out


def test_when_all_but_one_are_stopped_it_is_over(room: Room, capsys: pytest.CaptureFixture[str]) -> None:
    room.pass_with(60, "a", "b", "c")
    assert room.recognizers.rivals() == 2
    room.pass_with(ONLINE_SECONDS + 2 * BEAT, "a")
    assert room.recognizers.rivals() == 0
    assert "One recognizer watches the room again" in capsys.readouterr().out


def test_recognizers_of_other_rooms_are_none(room: Room) -> None:
    for _ in range(30):
        room.pass_with(BEAT, "a")
        room.pass_with(BEAT, "b", room="another")
    assert room.recognizers.rivals() == 0


def test_the_status_says_so(settings: Settings, heartbeat: dict[str, Any]) -> None:
    now = 1000.0
    with TestClient(create_app(settings, Parts(monotonic=lambda: now))) as client:
        for _ in range(8):
            now += BEAT
            for source in ("a", "b"):
                assert client.post("/api/heartbeat", json={**heartbeat, "source": source}).status_code == 200
        assert client.get("/api/status").json()["recognizer"]["rivals"] == 1
