"""Events in, over HTTP, and out, over the WebSocket."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from starlette.testclient import TestClient, WebSocketDenialResponse

from facematch.protocol.events import Check, Match, to_wire
from facematch.server.app import create_app
from facematch.server.events import places
from tests.rig.event_logs import locked

if TYPE_CHECKING:
    from fastapi import FastAPI

    from facematch.config.settings import Settings

JSON = {"content-type": "application/json"}


@pytest.fixture
def app(settings: Settings) -> FastAPI:
    """With the log that users have."""
    return create_app(settings)


def post_raw(client: TestClient, path: str, body: bytes | str) -> Any:
    return client.post(path, content=body, headers=JSON)


def test_the_seed_s_own_events_are_taken_and_broadcast(
    client: TestClient, match: dict[str, Any], check: dict[str, Any]
) -> None:
    with client.websocket_connect("/ws/matches") as socket:
        assert client.post("/api/match", json=match).json() == {"ok": True, "delivered": 1}
        assert client.post("/api/check", json=check).json() == {"ok": True, "delivered": 1}
        first, second = socket.receive_json(), socket.receive_json()
    for sent, posted, model in ((first, match, Match), (second, check, Check)):
        assert sent.items() >= {k: v for k, v in posted.items() if k != "timestamp"}.items()
        assert UUID(sent["event_id"])
        assert isinstance(sent.pop("cursor"), int)
        assert sent == to_wire(model.model_validate(sent))
    assert first["type"] == "match"


JOINED = {
    "type": "participant",
    "participant_id": "PA_xxx",
    "participant_name": "Alice42",
    "participant_identity": "alice",
    "change": "joined",
    "timestamp": "2025-09-25T14:07:01+00:00",
}
BEGAN = {"type": "watch", "change": "began", "participants": 1, "timestamp": "2025-09-25T14:07:00+00:00"}


def test_comings_and_goings_reach_only_those_who_ask_for_them(client: TestClient, check: dict[str, Any]) -> None:
    def types(address: str, count: int) -> list[str]:
        with client.websocket_connect(address) as socket:
            client.post("/api/check", json=check)  # a last one, so that one too many would come before it
            return [socket.receive_json()["type"] for _ in range(count)]

    with client.websocket_connect("/ws/events") as every, client.websocket_connect("/ws/matches") as matches:
        answer = client.post("/api/events", json={"events": [BEGAN, JOINED, check]})
        assert answer.json() == {"ok": True, "delivered": 4}
        assert [every.receive_json()["type"] for _ in range(3)] == ["watch", "participant", "check"]
        assert matches.receive_json()["type"] == "check"
    assert types("/ws/events?after=0", 4) == ["watch", "participant", "check", "check"]
    assert types("/ws/matches?after=0", 3) == ["check"] * 3
    assert types("/ws/events?after=0&types=watch,participant", 2) == ["watch", "participant"]


@pytest.mark.parametrize("types", ["", "checks", "check,", "check,,watch", "CHECK", "check%00"])
def test_a_type_that_there_is_not_is_refused_with_a_sentence(client: TestClient, types: str) -> None:
    with (
        pytest.raises(WebSocketDenialResponse) as refused,
        client.websocket_connect(f"/ws/events?types={types}"),
    ):
        pass
    assert refused.value.status_code == 422
    assert "match, check, participant, watch" in refused.value.json()["detail"]


def test_positions_rise(client: TestClient, check: dict[str, Any]) -> None:
    with client.websocket_connect("/ws/matches") as socket:
        for _ in range(3):
            client.post("/api/check", json=check)
        cursors = [socket.receive_json()["cursor"] for _ in range(3)]
    assert cursors == sorted(set(cursors))


def test_a_repeat_is_acknowledged_and_nothing_else(client: TestClient, check: dict[str, Any]) -> None:
    check["event_id"] = str(uuid4())
    with client.websocket_connect("/ws/matches") as socket:
        assert client.post("/api/check", json=check).json() == {"ok": True, "delivered": 1}
        assert client.post("/api/check", json=check).json() == {"ok": True, "delivered": 0}
        other = client.post("/api/check", json={**check, "event_id": None})
        assert other.json() == {"ok": True, "delivered": 1}
        received = [socket.receive_json()["event_id"] for _ in range(2)]
    assert received[0] == check["event_id"] != received[1]
    assert client.get("/api/status").json()["events"]["count"] == 2


def test_events_that_had_to_wait_are_taken_together(
    client: TestClient, match: dict[str, Any], check: dict[str, Any]
) -> None:
    known = {**check, "type": "check", "event_id": str(uuid4())}
    client.post("/api/check", json=known)
    many = [{**match, "type": "match", "seq": 1}, known, {**check, "type": "check", "seq": 2}]
    with client.websocket_connect("/ws/matches") as socket:
        assert client.post("/api/events", json={"events": many}).json() == {"ok": True, "delivered": 2}
        received = [socket.receive_json() for _ in range(2)]
    assert [(event["type"], event["seq"]) for event in received] == [("match", 1), ("check", 2)]
    assert all(UUID(event["event_id"]) for event in received)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ([{"frames": -1}], "events.0.check.frames"),
        ([{}, {"type": None}], "events.1"),
        ([{}, {"type": "match"}], "events.1.match.confidence"),
        ([], "events"),
        ([{}] * 257, "events"),
    ],
    ids=["one value", "no kind", "another kind", "none", "too many"],
)
def test_together_they_are_taken_whole_or_refused_whole(
    client: TestClient, check: dict[str, Any], changes: list[dict[str, Any]], field: str
) -> None:
    many = [{**check, "type": "check", **change} for change in changes]
    response = client.post("/api/events", json={"events": many})
    assert (response.status_code, response.json()["code"]) == (422, "INVALID")
    assert response.json()["problems"][0]["field"] == field
    assert client.get("/api/status").json()["events"]["count"] == 0


def test_what_was_erased_is_taken_and_is_not_missed(client: TestClient, check: dict[str, Any]) -> None:
    """And a restart makes no gap of what is not in the log any more."""

    def post(seq: int, who: str, **fields: Any) -> dict[str, Any]:
        event = {**check, "type": "check", "source": "boot-1", "seq": seq, "participant_identity": who, **fields}
        assert client.post("/api/events", json={"events": [event]}).status_code == 200
        events: dict[str, Any] = client.get("/api/status").json()["events"]
        return events

    post(1, "Bob")
    post(2, "Alice")
    assert client.delete("/api/participants/Alice").json()["events"] == 1
    assert post(3, "Alice")["count"] == 1
    told = post(4, "Bob", timestamp="2025-09-25T14:07:09+00:00")
    assert (told["count"], told["gaps"]["count"]) == (2, 0)


def test_as_many_as_there_may_be_fit_into_one_body(client: TestClient, check: dict[str, Any]) -> None:
    whole = to_wire(Check.model_validate({**check, "room": "r" * 512, "participant_identity": "i" * 512}))
    assert client.post("/api/events", json={"events": [whole] * 256}).status_code == 200
    response = post_raw(client, "/api/events", json.dumps({"events": [{**whole, "cycle_id": "x" * 4096}] * 256}))
    assert (response.status_code, response.json()["code"]) == (413, "TOO_LARGE")
    assert "1 MB" in response.json()["detail"]


def test_a_listener_resumes_where_it_was(client: TestClient, check: dict[str, Any]) -> None:
    for seq in range(1, 4):
        client.post("/api/check", json={**check, "seq": seq})
    with client.websocket_connect("/ws/matches?after=0") as socket:
        seen = [socket.receive_json() for _ in range(3)]
        client.post("/api/check", json={**check, "seq": 4})
        seen.append(socket.receive_json())
    assert [event["seq"] for event in seen] == [1, 2, 3, 4]
    with client.websocket_connect(f"/ws/matches?after={seen[1]['cursor']}") as socket:
        assert [socket.receive_json()["seq"] for _ in range(2)] == [3, 4]


@pytest.mark.parametrize("after", ["-1", "x", "1.5", "", "%00", "9" * 16, "٣", "1e3", "0x1", "+1", " 1"])
def test_a_position_that_is_none(client: TestClient, after: str) -> None:
    with pytest.raises(WebSocketDenialResponse) as refused, client.websocket_connect(f"/ws/matches?after={after}"):
        pass
    assert refused.value.status_code == 422
    assert refused.value.json()["code"] == "INVALID"
    assert refused.value.json()["detail"].startswith("after: ")


def test_more_listeners_than_there_may_be(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "MOST", 1)
    with TestClient(create_app(settings)) as client, client.websocket_connect("/ws/matches"):
        with pytest.raises(WebSocketDenialResponse) as refused, client.websocket_connect("/ws/matches"):
            pass
        assert (refused.value.status_code, refused.value.json()["code"]) == (503, "BUSY")
        assert int(refused.value.headers["retry-after"]) > 0


def test_a_listener_s_words_are_ignored(client: TestClient, check: dict[str, Any]) -> None:
    with client.websocket_connect("/ws/matches") as socket:
        socket.send_bytes(b"\xff\xfe\x00")
        socket.send_text('{"type":"match"}')
        socket.send_text("")
        client.post("/api/check", json=check)
        assert socket.receive_json()["type"] == "check"


BAD_MATCHES: dict[str, Any] = {
    "NaN": {"confidence": float("nan")},
    "Infinity": {"confidence": float("inf")},
    "minus Infinity": {"distance": float("-inf")},
    "a lone surrogate": {"participant_name": "\ud800"},
    "a lone surrogate in the identity": {"participant_identity": "a\udfffb"},
    "a number as text": {"confidence": "0.63"},
    "no name": {"participant_name": ""},
    "a name that never ends": {"participant_name": "x" * 513},
    "a naive time": {"timestamp": "2025-09-25T14:07:08"},
    "a time as a number": {"timestamp": 1_758_809_228},
    "a box of three": {"bbox": [1, 2, 3]},
    "a box without an inside": {"bbox": [10, 10, 10, 10]},
    "a box of fractions": {"bbox": [1.5, 20, 30, 4]},
    "a frame of nothing": {"frame_size": [0, 0]},
    "a path for a snapshot": {"snapshot": "../../etc/passwd"},
    "no event id": {"event_id": "17"},
    "another type": {"type": "check"},
    "null": {"participant_id": None},
    "true for a number": {"seq": True},
}


@pytest.mark.parametrize("what", BAD_MATCHES)
def test_a_match_that_does_not_fit_is_refused_and_every_listener_stays(
    client: TestClient, match: dict[str, Any], what: str
) -> None:
    with client.websocket_connect("/ws/matches") as socket:
        response = post_raw(client, "/api/match", json.dumps({**match, **BAD_MATCHES[what]}))
        assert response.status_code == 422
        body = response.json()
        field = next(iter(BAD_MATCHES[what]))
        assert body["code"] == "INVALID"
        if "surrogate" not in what:  # that is not even JSON, so there is no field to name
            assert body["detail"].startswith(f"{field}")
            assert body["problems"][0]["message"] in body["detail"]
        assert post_raw(client, "/api/match", json.dumps(match)).json()["delivered"] == 1
        assert socket.receive_json()["participant_name"] == "Alice42"


@pytest.mark.parametrize("path", ["/api/match", "/api/events"])
def test_an_event_of_a_newer_recognizer_is_stored_without_what_is_not_known(
    client: TestClient, match: dict[str, Any], path: str
) -> None:
    newer = {**match, "type": "match", "liveness": 0.9, "cursor": 7, "contenders": [{"person": "a", "distance": 0.3}]}
    body: dict[str, Any] = {"events": [newer], "codec": 2} if path == "/api/events" else newer
    with client.websocket_connect("/ws/matches") as socket:
        assert client.post(path, json=body).json() == {"ok": True, "delivered": 1}
        sent = socket.receive_json()
    assert sent.keys() == {*Match.model_fields, "cursor"}
    assert sent["participant_name"] == "Alice42"
    wrong = {**newer, "confidence": "high"}
    assert client.post(path, json={"events": [wrong]} if path == "/api/events" else wrong).status_code == 422


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"null", b"[]", b'"x"', b"\xff\xfe", b"NaN", b"[" * 60_000, b'{"a":' * 10_000, b"{}{}", b"9" * 60_000],
    ids=["nothing", "cut", "null", "list", "text", "not UTF-8", "NaN", "deep", "deeper", "two", "a long number"],
)
@pytest.mark.parametrize("path", ["/api/match", "/api/check", "/api/events", "/api/heartbeat", "/api/token"])
def test_bodies_that_are_no_object(client: TestClient, path: str, body: bytes) -> None:
    response = post_raw(client, path, body)
    assert (response.status_code, response.json()["code"]) in [(422, "INVALID"), (413, "TOO_LARGE")]


@pytest.mark.parametrize(
    "unknown",
    [
        "[" * 10_000 + "]" * 10_000,
        '{"a":' * 4_000 + "1" + "}" * 4_000,
        "9" * 25_000,
        "1e999999999",
        "-0.0",
        '"\\ud800"',
        '"\\u0000"',
        "NaN",
        '{"__proto__":{"admin":true},"constructor":1}',
    ],
    ids=["deep", "deeper", "long number", "endless number", "minus nothing", "surrogate", "nul", "NaN", "prototype"],
)
@pytest.mark.parametrize("path", ["/api/check", "/api/heartbeat"])
def test_nothing_comes_through_in_a_field_that_is_not_known(
    client: TestClient, check: dict[str, Any], heartbeat: dict[str, Any], path: str, unknown: str
) -> None:
    """It is left out, or the whole is refused; either way at once, and what is known is what it was."""
    known = json.dumps(check if path == "/api/check" else heartbeat)
    response = post_raw(client, path, f'{known[:-1]},"unknown":{unknown},"__proto__":{unknown}}}')
    assert response.status_code in (200, 422), response.text
    if response.status_code == 200 and path == "/api/check":
        [event] = client.get("/api/events").json()["events"]
        assert event.keys() == {*Check.model_fields, "cursor"}
    assert "unknown" not in client.get("/api/status").text


@pytest.mark.parametrize(
    ("field", "twice"), [("participant_name", '"Alice42","participant_name":"Mallory"'), ("match_found", "1e400")]
)
def test_a_field_that_comes_twice_or_never_ends(
    client: TestClient, check: dict[str, Any], field: str, twice: str
) -> None:
    """Of two, every reader behind us sees the same one: what is stored is written anew."""
    rest = json.dumps({name: value for name, value in check.items() if name != field})
    response = post_raw(client, "/api/check", f'{rest[:-1]},"{field}":{twice}}}')
    if response.status_code == 200:
        text = client.get("/api/events").text
        assert text.count('"participant_name"') == 1
        assert ("Alice42" in text) != ("Mallory" in text)
    else:
        assert response.json()["code"] == "INVALID"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-32", "utf-8-sig", "utf-7", "latin-1"])
def test_only_utf_8_is_taken(client: TestClient, check: dict[str, Any], encoding: str) -> None:
    body = json.dumps({**check, "participant_name": "Zoë"}, ensure_ascii=False).encode(encoding)
    response = post_raw(client, "/api/check", body)
    if response.status_code == 200:  # what happens to be ASCII all the same
        assert encoding == "utf-7"
    else:
        assert (response.status_code, response.json()["code"]) == (422, "INVALID")


def test_what_is_replayed_50_000_times_is_stored_once(client: TestClient, check: dict[str, Any]) -> None:
    many = [{**check, "type": "check", "event_id": str(uuid4()), "source": "boot-1", "seq": n} for n in range(1, 251)]
    bodies = [json.dumps({"events": order}) for order in (many, many[::-1])]
    with client.websocket_connect("/ws/matches") as socket:
        delivered = [post_raw(client, "/api/events", bodies[turn % 2]).json()["delivered"] for turn in range(201)]
        assert delivered == [len(many)] + [0] * 200
        client.post("/api/check", json={**check, "source": "boot-1", "seq": 251})
        assert [socket.receive_json()["seq"] for _ in range(251)] == list(range(1, 252))
    status = client.get("/api/status").json()["events"]
    assert (status["count"], status["gaps"]["count"]) == (251, 0)


@pytest.mark.parametrize("path", ["/api/match", "/api/check"])
def test_an_event_has_a_largest_size(client: TestClient, path: str, check: dict[str, Any]) -> None:
    response = post_raw(client, path, json.dumps({**check, "room": "x" * 65_536}))
    assert (response.status_code, response.json()["code"]) == (413, "TOO_LARGE")
    assert "64 kB" in response.json()["detail"]


def test_only_json_is_taken(client: TestClient, check: dict[str, Any]) -> None:
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"):
        response = client.post("/api/check", content=json.dumps(check), headers={"content-type": kind})
        assert (response.status_code, response.json()["code"]) == (415, "UNSUPPORTED_TYPE")
    kind = "Application/JSON; charset=utf-8"
    assert client.post("/api/check", content=json.dumps(check), headers={"content-type": kind}).status_code == 200


def test_a_log_that_cannot_store_asks_for_the_event_again(settings: Settings, check: dict[str, Any]) -> None:
    with TestClient(create_app(settings)) as client, locked(settings.data_dir / "events.db"):
        responses = [
            client.post("/api/check", json=check),
            client.post("/api/events", json={"events": [{**check, "type": "check"}] * 3}),
        ]
    for response in responses:
        assert (response.status_code, response.json()["code"]) == (503, "STORAGE_FAILED")
        assert response.headers["retry-after"] == "1"
        assert "database is locked" in response.json()["detail"]


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(["\ud800", "a\udc00"]),
    lambda children: st.lists(children, max_size=4) | st.dictionaries(st.text(), children, max_size=4),
    max_leaves=8,
)
FIELDS = sorted({*Match.model_fields, *Check.model_fields})


@given(st.sampled_from(["/api/match", "/api/check"]), st.dictionaries(st.sampled_from(FIELDS), ANYTHING), st.booleans())
@hypothesis_settings(
    max_examples=200,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_whatever_is_posted_is_stored_whole_or_refused_whole(
    client: TestClient,
    match: dict[str, Any],
    check: dict[str, Any],
    path: str,
    changes: dict[str, Any],
    whole: bool,
) -> None:
    """And what is stored is JSON for every listener."""
    base = match if path == "/api/match" else check
    before = client.get("/api/status").json()["events"]
    response = post_raw(client, path, json.dumps({**base, **changes} if whole else changes))
    after = client.get("/api/status").json()["events"]
    assert response.status_code in (200, 422), response.text
    if response.status_code == 422:
        assert set(response.json()) >= {"detail", "code"}
        assert after == before
    elif after["count"] > before["count"]:
        with client.websocket_connect(f"/ws/matches?after={before['cursor']}") as socket:
            sent = json.loads(socket.receive_text(), parse_constant=pytest.fail)
        told = client.get("/api/events", params={"type": "all", "after": before["cursor"]}).json()["events"]
        assert [event["cursor"] for event in told] == list(range(sent.pop("cursor"), after["cursor"] + 1))
        assert [event["type"] for event in told[1:]] in ([], ["alarm"])  # what follows from it
        (Match if path == "/api/match" else Check).model_validate(sent)
