"""Tokens: who gets one, for what, and what it allows."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from livekit.api import TokenVerifier

from facematch.protocol.identities import RECOGNIZER_PREFIX
from facematch.server.access.room_meant import RoomsOffered
from facematch.server.rooms.tokens import Joining, Tokens, checked_identity
from facematch.server.web.errors import ApiError
from tests.rig.keyed import Keyed, with_keys

if TYPE_CHECKING:
    from starlette.testclient import TestClient

    from facematch.config.settings import Settings
    from tests.rig.fake_examiner import FakeExaminer

SECRET = "a secret that is long enough for anyone"
RESERVED = [
    "face-match-recognizer",
    "face-match-recognizer-2",
    "FACE-MATCH-Recognizer",
    "  face-match-recognizer ",
    "\uff46ace-match-recognizer",
    "face\u2011match\u2010recognizer",
    "face\ufe63match\uff0drecognizer",
    "face-match\u200b-recognizer",
    "\u2060face-match-recognizer",
    "fac\u00ade-match-recognizer",
    "face-match-recognize\u0327r",
]


@pytest.fixture
def tokens() -> Tokens:
    rooms = RoomsOffered("lobby", {"lobby", "hall"})
    return Tokens(key="key", secret=SECRET, url="ws://sfu:7880", rooms=rooms, seconds=600)


def claims(token: str) -> dict[str, Any]:
    found: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return found


def test_a_token_lets_one_person_into_one_room_with_camera_and_microphone(tokens: Tokens) -> None:
    token = tokens.mint("hall", Joining(" Alice42 "))
    assert (token.room, token.identity, token.url) == ("hall", "Alice42", "ws://sfu:7880")
    verified = TokenVerifier("key", SECRET).verify(token.token)
    assert (verified.identity, verified.name) == ("Alice42", "Alice42")
    found = claims(token.token)
    assert found["iss"] == "key"
    assert found["exp"] - time.time() == pytest.approx(600, abs=5)
    assert found["video"] == {
        "roomJoin": True,
        "room": "hall",
        "canPublish": True,
        "canPublishSources": ["camera", "microphone"],
        "canSubscribe": True,
        "canPublishData": False,
    }


def test_a_token_names_the_login_that_it_was_had_by_and_no_other(tokens: Tokens) -> None:
    found = claims(tokens.mint("hall", Joining("Alice42", login="a-hash")).token)
    assert found["attributes"]["face-match.login"] == "a-hash"
    assert int(found["attributes"]["face-match.issued"]) / 1000 == pytest.approx(time.time(), abs=5)
    assert "canUpdateOwnMetadata" not in found["video"]
    assert "attributes" not in claims(tokens.mint("hall", Joining("Alice42")).token)


@pytest.mark.parametrize("room", [None, "", "  "])
def test_the_room_that_is_watched_is_the_default(tokens: Tokens, room: str | None) -> None:
    assert tokens.mint(room, Joining("Alice")).room == "lobby"


@pytest.mark.parametrize("room", ["attic", "LOBBY", "lobby/../attic", "*"])
def test_other_rooms_are_refused(tokens: Tokens, room: str) -> None:
    with pytest.raises(ApiError) as refused:
        tokens.mint(room, Joining("Alice"))
    assert (refused.value.status, refused.value.code) == (403, "ROOM_NOT_ALLOWED")


@pytest.mark.parametrize("identity", RESERVED)
def test_nobody_else_gets_the_recognizer_s_name(identity: str) -> None:
    with pytest.raises(ApiError) as refused:
        checked_identity(identity)
    assert (refused.value.status, refused.value.code) == (403, "RESERVED_IDENTITY")


@pytest.mark.parametrize(
    "identity",
    [
        "",
        "   ",
        "x" * 257,
        "\u674e" * 86,
        "a\nb",
        "a\x00b",
        "\x1b[31m",
        "a\u2028b",
        "a\u202eb",
        "\ud800",
        "\u200b",
        "\U0010ffff",
    ],
)
def test_identities_that_nobody_could_read(identity: str) -> None:
    with pytest.raises(ApiError) as refused:
        checked_identity(identity)
    assert (refused.value.status, refused.value.code) == (422, "INVALID")
    assert refused.value.detail.startswith("identity: ")


@pytest.mark.parametrize(
    "identity",
    [
        "Alice42",
        "<img onerror=…>",
        "a/b/../c",
        "李小龍",
        "👩‍👧 mum",
        "x" * 256,
        "\u674e" * 85,
        "my face-match-recognizer",
        "O'Brien; --",
    ],
)
def test_any_other_text_is_a_name(identity: str) -> None:
    assert checked_identity(identity) == identity


@given(st.text(max_size=200))
def test_an_identity_is_trimmed_and_readable_or_refused(identity: str) -> None:
    try:
        checked = checked_identity(identity)
    except ApiError:
        return
    assert checked == identity.strip()
    assert 1 <= len(checked.encode("utf-8")) <= 256
    assert not checked.casefold().startswith(RECOGNIZER_PREFIX)


def test_get(client: TestClient) -> None:
    response = client.get("/token", params={"identity": "Alice42", "room": ""})
    assert response.status_code == 200
    assert response.headers["cache-control"] == "no-store"
    body = response.json()
    assert set(body) == {"token", "url", "room", "identity"}
    assert (body["room"], body["identity"], body["url"]) == ("face-recognition-room", "Alice42", "ws://127.0.0.1:1")


def test_post(client: TestClient) -> None:
    for asked in ({"name": "Bob"}, {"identity": "Bob"}, {"identity": "Bob", "name": "Robert", "room": None}):
        response = client.post("/api/token", json=asked)
        assert response.status_code == 200
        assert (response.json()["identity"], claims(response.json()["token"])["name"]) == ("Bob", "Bob")
        assert response.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({}, None),
        ({"consent": False, "compared": True}, None),
        ({"consent": True}, {"facematch.consent": "given"}),
        ({"compared": False}, {"facematch.compared": "false"}),
    ],
)
def test_what_somebody_says_of_being_compared_stands_in_their_token_where_they_cannot_change_it(
    client: TestClient, asked: dict[str, Any], said: dict[str, str] | None
) -> None:
    for answer in (
        client.post("/api/token", json={"identity": "Bob", **asked}),
        client.get("/token", params={"identity": "Bob", **asked}),
    ):
        found = claims(answer.json()["token"])
        assert found.get("attributes") == said
        assert "canUpdateOwnMetadata" not in found["video"]


@pytest.mark.parametrize(
    ("status", "code", "asked"),
    [
        (422, "INVALID", {}),
        (422, "INVALID", {"identity": " "}),
        (422, "INVALID", {"identity": 7}),
        (422, "INVALID", {"identity": "x", "admin": True}),
        (403, "RESERVED_IDENTITY", {"name": "Face-Match-Recognizer"}),
        (403, "ROOM_NOT_ALLOWED", {"name": "x", "room": "attic"}),
    ],
)
def test_refusals(client: TestClient, status: int, code: str, asked: dict[str, Any]) -> None:
    response = client.post("/api/token", json=asked)
    assert (response.status_code, response.json()["code"]) == (status, code)
    if all(isinstance(value, str) for value in asked.values()):
        response = client.get("/token", params={("identity" if k == "name" else k): v for k, v in asked.items()})
        assert (response.status_code, response.json()["code"]) == (status, code)


def test_an_identity_that_is_no_text_in_the_address(client: TestClient) -> None:
    assert client.get("/token?identity=%ff%fe").status_code == 200  # what cannot be read is replaced
    assert client.get("/token?identity=%00").status_code == 422
    assert client.get("/token?identity=a%0d%0aSet-Cookie:x=1").status_code == 422


def test_an_observer_s_name_is_given_to_those_only_who_may_see_what_is_found(
    settings: Settings, examiner: FakeExaminer
) -> None:
    observed = with_keys(settings, room_signal=True, room_signal_observers="moderator,deputy")
    with Keyed(observed, examiner) as keyed:
        for role, status in (("participant", 403), ("viewer", 200), ("admin", 200)):
            answer = keyed.with_key(role).post("/api/token", json={"identity": " moderator "})
            assert answer.status_code == status
        guest = keyed.with_key("participant")
        assert guest.post("/api/token", json={"identity": "deputy"}).json()["code"] == "RESERVED_IDENTITY"
        assert guest.post("/api/token", json={"identity": "moderator2"}).status_code == 200
