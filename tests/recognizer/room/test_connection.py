"""What can be told without a server; joining, losing and finding it again are end-to-end tests."""

from __future__ import annotations

import random
from contextlib import asynccontextmanager
from dataclasses import replace
from itertools import pairwise
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest
from livekit import api, rtc
from structlog.testing import capture_logs

from facematch.protocol.heartbeat import LiveKitState
from facematch.protocol.identities import RECOGNIZER_PREFIX
from facematch.recognizer.room.answers import Meaning
from facematch.recognizer.room.attempts import Attempts
from facematch.recognizer.room.connection import (
    LAST_RETRY_SECONDS,
    TOKEN_TTL,
    Connection,
    CredentialsRefusedError,
    retry_delay,
)
from facematch.recognizer.room.livekit_access import LiveKitAccess
from facematch.recognizer.room.tenure import StayEndedError, Tenure
from tests.rig.virtual_time import now, run

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from facematch.recognizer.room.room import RoomWatch

SECRET = "a secret of at least thirty-two bytes"
TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ4In0.abc-DEF_123"


def connection(kind: type[Connection] = Connection) -> Connection:
    def no_watch(room: rtc.Room) -> RoomWatch:
        raise AssertionError("nothing here joins a room")

    return kind(access(), "a room", watch=no_watch, state_changed=lambda: None)


def access(source: str = "0123456789abcdef") -> LiveKitAccess:
    return LiveKitAccess("ws://127.0.0.1:1", key="a-key", secret=SECRET, source=source)


def test_the_state_follows_the_watch() -> None:
    known = connection()
    states = [known.state]
    known.watch = cast("RoomWatch", SimpleNamespace(reconnecting=False))
    known._connected = True
    states.append(known.state)
    known.watch = cast("RoomWatch", SimpleNamespace(reconnecting=True))
    states.append(known.state)
    known.watch = None
    states.append(known.state)
    assert states == [
        LiveKitState.CONNECTING,
        LiveKitState.CONNECTED,
        LiveKitState.RECONNECTING,
        LiveKitState.DISCONNECTED,
    ]


def test_the_token_hides_and_only_receives() -> None:
    claims = api.TokenVerifier("a-key", SECRET).verify(connection()._token())
    assert claims.identity == f"{RECOGNIZER_PREFIX}-01234567"
    assert claims.kind == "agent"
    video = claims.video
    assert video is not None
    assert (video.room, video.room_join, video.hidden, video.can_subscribe) == ("a room", True, True, True)
    assert not any((video.can_publish, video.can_publish_data, video.can_update_own_metadata, video.room_admin))


def test_with_observers_the_token_lets_data_be_sent_and_hides_all_the_same() -> None:
    signalling = replace(access(), observers=frozenset({"moderator"}))
    token = Connection(signalling, "a room", watch=cast("Any", None), state_changed=lambda: None)._token()
    video = api.TokenVerifier("a-key", SECRET).verify(token).video
    assert video is not None
    assert (video.hidden, video.can_publish_data, video.can_publish) == (True, True, False)


def test_the_token_lives_briefly() -> None:
    assert TOKEN_TTL.total_seconds() <= 600


def test_two_recognizers_never_share_an_identity() -> None:
    assert access("fedcba9876543210").identity != access().identity


@pytest.mark.parametrize("reason", ["PARTICIPANT_REMOVED", "ROOM_DELETED", "DUPLICATE_IDENTITY"])
def test_a_room_that_was_given_and_is_another_s_now_is_left_without_a_warning(reason: str) -> None:
    class Removed(Connection):
        async def _visit(self) -> str:
            return reason

    given = replace(access(), tenure=Tenure("depl", "a room", 1))
    removed = Removed(given, "a room", watch=cast("Any", None), state_changed=lambda: None)
    with capture_logs() as lines, pytest.raises(StayEndedError, match=reason):
        run(removed.run())
    assert not lines


def refused_with(text: str, monkeypatch: pytest.MonkeyPatch) -> Connection:
    """Every attempt to connect ends with this text of the SDK."""

    class Refusing:
        def on(self, *_: object) -> None: ...

        async def connect(self, *_: object) -> None:
            raise rtc.ConnectError(text)

    monkeypatch.setattr(rtc, "Room", Refusing)
    refused = connection()
    refused._make_watch = lambda room: cast("RoomWatch", None)
    return refused


@pytest.mark.parametrize(
    "reason",
    [
        "token has invalid claims: token is not valid yet",
        "token has invalid claims: token is expired",
        "token has invalid claims: token used before issued",
        "go-jose/go-jose/jwt: validation failed, token is expired (exp)",
        "go-jose/go-jose/jwt: validation failed, token not valid yet (nbf)",
        "square/go-jose/jwt: validation failed, token issued in the future (iat)",
    ],
)
def test_a_clock_that_is_wrong_is_said_and_waited_for(reason: str, monkeypatch: pytest.MonkeyPatch) -> None:
    text = f"engine: signal failure: client error: 401 Unauthorized - invalid token: {TOKEN}, error: {reason}"
    with capture_logs() as lines:
        assert run(refused_with(text, monkeypatch)._visit()) is None
    (line,) = lines
    assert line["log_level"] == "error"
    assert "clock" in line["event"]
    assert reason in line["reason"]
    assert TOKEN not in line["reason"]


@pytest.mark.parametrize(
    "text",
    [
        f"engine: signal failure: client error: 401 Unauthorized - invalid token: {TOKEN}, error: signature is invalid",
        "engine: signal failure: client error: 401 Unauthorized - invalid API key: demo",
        "engine: signal failure: client error: 401 Unauthorized - permissions denied",
    ],
)
def test_a_wrong_key_or_secret_is_not_tried_again(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(CredentialsRefusedError) as caught:
        run(refused_with(text, monkeypatch)._visit())
    assert TOKEN not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("engine: signal failure: client error: 403 Forbidden - <html>no</html>", "Not LiveKit answers"),
        ("engine: signal failure: transport connection error: Proxy connection failed: HTTP/1.1 403", "The proxy"),
        ("engine: signal failure: transport connection error: IO error: Connection refused", "cannot be reached"),
    ],
)
def test_whoever_else_answers_is_said_and_tried_again(text: str, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    refused = refused_with(text, monkeypatch)
    refused._livekit = replace(access(), proxy="http://user:word@proxy.example:3128")
    with capture_logs() as lines:
        assert run(refused._visit()) is None
    (line,) = lines
    assert (line["log_level"], line["proxy"]) == ("warning", "proxy.example:3128")
    assert words in line["event"]
    assert "trying again" in line["event"]


def test_a_room_that_nobody_has_opened_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Looked for every second or two, said once, and told in the status; joined as soon as it is there."""
    looks, states, joined = list[float](), list[LiveKitState](), list[float]()

    class Lookup:
        async def may_be_there(self) -> bool:
            looks.append(now())
            states.append(waiting.state)
            return len(looks) >= 40

    @asynccontextmanager
    async def lookup(*_: object) -> AsyncIterator[Lookup]:
        yield Lookup()

    monkeypatch.setattr("facematch.recognizer.room.connection.room_lookup", lookup)

    class Waiting(Connection):
        async def _visit(self) -> str | None:
            joined.append(now())
            if len(looks) >= 40:
                raise CredentialsRefusedError("the end of this test")
            self._explain("client error: 404 Not Found - requested room does not exist")
            raise AssertionError

    waiting = connection(Waiting)

    async def scenario() -> None:
        with pytest.raises(CredentialsRefusedError):
            await waiting.run()

    with capture_logs() as lines:
        run(scenario())
    assert all(1 <= later - earlier <= 2 for earlier, later in pairwise(looks))
    assert set(states) == {LiveKitState.WAITING}
    assert joined == [0.0, looks[-1]]
    assert [line["event"].partition(":")[0] for line in lines] == ["Waiting for the room"]


def test_an_attempt_is_told_once_and_then_counted() -> None:
    """LiveKit away for half an hour is three lines; another reason is told at once."""
    clock = [0.0]
    attempts = Attempts(lambda: clock[0])
    away, wall = Meaning.UNREACHABLE, Meaning.SOMEBODY_ELSE
    with capture_logs() as lines:
        for minute in range(31):
            clock[0] = minute * 60.0
            attempts.failed(away if minute < 30 else wall, url="ws://x", reason="r")
        told = [(line["event"].split()[0], line.get("attempts"), line.get("seconds")) for line in lines]
        back = attempts.succeeded()
        attempts.failed(wall, url="ws://x", reason="r")
    assert told == [("LiveKit", None, None), ("LiveKit", 11, 600), ("LiveKit", 21, 1200), ("Not", 31, 1800)]
    assert back == {"attempts": 31, "seconds": 1800}
    assert "attempts" not in lines[-1]
    assert attempts.succeeded() == {"attempts": 1, "seconds": 0}
    assert attempts.succeeded() == {}


@pytest.mark.parametrize("draw", [0.0, 0.5, 0.999])
def test_the_wait_doubles_from_a_second_to_half_a_minute(draw: float) -> None:
    waits = [retry_delay(failures, lambda: draw) for failures in range(8)]
    bounds = [1, 2, 4, 8, 16, 30, 30, 30]
    assert all(bound / 2 <= wait <= bound for wait, bound in zip(waits, bounds, strict=True))


def test_a_server_that_is_away_for_days_is_tried_all_the_time() -> None:
    """A doubling that is not bounded itself overflows a float after a thousand attempts."""

    class Away(Connection):
        attempts = 0

        async def _visit(self) -> str | None:
            self.attempts += 1
            if self.attempts == 5000:
                raise CredentialsRefusedError("the end of this test")
            return None

    async def scenario() -> float:
        with pytest.raises(CredentialsRefusedError):
            await connection(Away).run()
        return now()

    random.seed(1)
    assert run(scenario()) == pytest.approx(5000 * LAST_RETRY_SECONDS * 0.75, rel=0.05)


@pytest.mark.parametrize(("reason", "least"), [("SERVER_SHUTDOWN", 0.5), ("DUPLICATE_IDENTITY", 15.0)])
def test_a_removal_that_somebody_wanted_is_not_hammered_against(reason: str, least: float) -> None:
    class Removed(Connection):
        visits = 0

        async def _visit(self) -> str | None:
            self.visits += 1
            if self.visits == 2:
                raise CredentialsRefusedError("the end of this test")
            return reason

    async def scenario() -> float:
        with pytest.raises(CredentialsRefusedError):
            await connection(Removed).run()
        return now()

    assert least <= run(scenario()) <= 2 * least
