"""The log in pages, over HTTP."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING, Any

import pytest
from starlette.testclient import TestClient

from facematch.server.app import create_app
from facematch.server.events.history import EventsPage
from facematch.server.events.store import SqlEventLog
from facematch.server.storage.database import Database
from facematch.server.storage.errors import LogUnavailableError

if TYPE_CHECKING:
    from fastapi import FastAPI

    from facematch.config.settings import Settings


TOGETHER = 100
"""Events that are posted at once."""


@pytest.fixture
def app(settings: Settings) -> FastAPI:
    """With the log that users have."""
    return create_app(settings)


def ask(client: TestClient, query: str = "") -> Any:
    response = client.get(f"/api/events{query}")
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "application/json"
    EventsPage.model_validate_json(response.content)
    return response.json()


def post(client: TestClient, body: dict[str, Any], count: int = 1) -> None:
    event = {"type": "match" if "bbox" in body else "check", **body}
    for first in range(0, count, TOGETHER):
        together = {"events": [event] * min(TOGETHER, count - first)}
        assert client.post("/api/events", json=together).status_code == 200


def test_an_empty_log(client: TestClient) -> None:
    assert ask(client) == {"events": [], "next_after": 0, "next_before": None, "more": False, "latest": 0}
    assert ask(client, "?order=desc&after=7")["next_after"] == 7


def test_events_are_those_of_the_socket(client: TestClient, match: dict[str, Any], check: dict[str, Any]) -> None:
    post(client, match | {"participant_name": "\u2028<b>\x00"})
    post(client, check)
    with client.websocket_connect("/ws/matches?after=0") as socket:
        received = [socket.receive_json() for _ in range(2)]
    answer = ask(client)
    assert answer["events"] == received
    assert answer["latest"] == answer["next_after"] == received[1]["cursor"]


def test_the_whole_log_in_pages_forwards(client: TestClient, check: dict[str, Any]) -> None:
    post(client, check, 25)
    seen: list[int] = []
    after, sizes = 0, []
    while True:
        page = ask(client, f"?after={after}&limit=10")
        seen += [event["cursor"] for event in page["events"]]
        sizes.append(len(page["events"]))
        after = page["next_after"]
        if not page["more"]:
            break
    assert sizes == [10, 10, 5]
    assert seen == sorted(set(seen))
    post(client, check)
    assert [event["cursor"] for event in ask(client, f"?after={after}")["events"]] == [seen[-1] + 1]


def test_the_whole_log_in_pages_backwards_while_it_grows(client: TestClient, check: dict[str, Any]) -> None:
    post(client, check, 25)
    seen: list[int] = []
    query, newest = "?order=desc&limit=10", None
    while query:
        page = ask(client, query)
        newest = newest or page["next_after"]
        seen += [event["cursor"] for event in page["events"]]
        query = f"?order=desc&limit=10&before={page['next_before']}" if page["next_before"] else ""
        post(client, check)
    assert len(seen) == 25
    assert seen == sorted(set(seen), reverse=True)
    assert len(ask(client, f"?after={newest}")["events"]) == 3


def test_a_page_that_ends_exactly_with_the_log_is_the_last(client: TestClient, check: dict[str, Any]) -> None:
    post(client, check, 4)
    assert not ask(client, "?limit=4")["more"]
    assert ask(client, "?limit=4&order=desc")["next_before"] is None
    assert ask(client, "?limit=3")["more"]


def test_filters(client: TestClient, match: dict[str, Any], check: dict[str, Any]) -> None:
    post(client, match | {"participant_identity": "alice & bob", "room": "red"})
    post(client, check | {"participant_id": "PA_2", "room": "blue"})

    def types(query: str) -> list[str]:
        return [event["type"] for event in ask(client, query)["events"]]

    assert types("?type=match") == types("?participant=alice%20%26%20bob") == types("?room=red") == ["match"]
    assert types("?type=check") == types("?participant=PA_2") == types("?room=blue&type=check") == ["check"]
    assert types("?type=match&room=blue") == types("?participant=%00") == []


def test_other_types_are_told_to_whoever_asks_for_them(client: TestClient, check: dict[str, Any]) -> None:
    joined = {**check, "type": "participant", "change": "joined", "participant_identity": "alice"}
    began = {"type": "watch", "change": "began", "timestamp": check["timestamp"], "room": "red"}
    assert client.post("/api/events", json={"events": [began, joined, check]}).status_code == 200

    def types(query: str) -> list[str]:
        return [event["type"] for event in ask(client, query)["events"]]

    assert types("") == ["check"]
    assert types("?type=all") == ["watch", "participant", "check"]
    assert types("?type=all&order=desc&limit=2") == ["check", "participant"]
    assert types("?type=participant") == types("?type=all&participant=alice") == ["participant"]
    assert types("?type=watch") == types("?type=all&room=red") == ["watch"]


def test_whom_events_are_about_also_after_a_merge(client: TestClient, match: dict[str, Any]) -> None:
    ada, eve = (client.post("/api/people", json={"name": name}).json()["id"] for name in ("Ada", "Eve"))
    check = {key: match[key] for key in ("participant_id", "participant_name", "timestamp")}
    near = {"person_id": eve, "distance": 0.5}
    said = [{**match, "person_id": ada}, {**match, "person_id": eve}, {**match, "person_id": "default"}, match]
    said.append({**check, "type": "check", "match_found": False, "outcome": "no_match", "people": [near]})
    assert client.post("/api/events", json={"events": [{"type": "match", **one} for one in said]}).status_code == 200

    stored = [event["cursor"] for event in ask(client)["events"]]

    def about(person: str, query: str = "") -> list[int]:
        return [stored.index(event["cursor"]) + 1 for event in ask(client, f"?person={person}{query}")["events"]]

    assert (about(ada), about(eve), about("default"), about("p_nobody")) == ([1], [2, 5], [3, 4], [])
    assert about(eve, "&type=match&order=desc") == [2]
    assert client.post(f"/api/people/{ada}/merge", json={"from": eve}).status_code == 200
    assert (about(ada), about(ada, "&order=desc&limit=1")) == ([1, 2, 5], [5])


def table(client: TestClient, query: str) -> list[dict[str, str]]:
    answer = client.get(f"/api/events?format=csv&{query}")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == 'attachment; filename="events.csv"'
    return list(csv.DictReader(io.StringIO(answer.text)))


def test_a_table_holds_all_that_fits(client: TestClient, match: dict[str, Any], check: dict[str, Any]) -> None:
    for name, second in (("=cmd()", 1), ("Bob", 2), ("Bob", 3)):
        at = f"2025-09-25T14:07:0{second}+00:00"
        post(client, {**match, "participant_name": name, "timestamp": at}, 300)
    post(client, {**check, "people": [{"person_id": "default", "distance": 0.4}], "named": []})
    query = "type=match&from=2025-09-25T14:07:01%2B00:00&to=2025-09-25T14:07:03Z&limit=7"
    rows = table(client, query)
    assert [row["participant_name"] for row in rows] == ["'=cmd()"] * 300 + ["Bob"] * 300
    assert table(client, f"{query}&order=desc") == rows[::-1]
    assert list(rows[0])[:4] == ["cursor", "timestamp", "type", "room"]
    assert (rows[0]["bbox"], rows[0]["snapshot"], rows[0]["confidence"]) == (
        "80 300 220 160",
        match["snapshot"],
        "0.63",
    )
    assert table(client, f"type=match&before={rows[3]['cursor']}") == rows[:3]
    [only] = table(client, "type=check")
    assert json.loads(only["people"])[0]["distance"] == 0.4
    assert len(table(client, "type=all")) == 903  # an alarm of each of the two
    assert table(client, "room=nowhere") == []
    assert client.get("/api/events?format=csv&from=yesterday").status_code == 422


def test_a_table_of_a_log_that_cannot_be_read_is_refused(
    settings: Settings, check: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object) -> Any:
        raise LogUnavailableError("database: Connection refused")

    with TestClient(create_app(settings)) as client:
        post(client, check)
        monkeypatch.setattr(SqlEventLog, "page", away)
        response = client.get("/api/events?format=csv")
        assert (response.status_code, response.json()["code"]) == (503, "STORAGE_FAILED")


@pytest.mark.parametrize(
    "query",
    [
        "after=-1",
        "after=x",
        "after=1.0",
        "after=+1",
        "after=%201",
        "after=1_0",
        "after=٣",
        "after=",
        "after=" + "9" * 16,
        "after=" + "9" * 5000,
        "before=0x1",
        "limit=0",
        "limit=1001",
        "limit=-5",
        "limit=1e3",
        "type=matches",
        "type=",
        "order=up",
        "participant=",
        "participant=" + "x" * 513,
        "room=" + "x" * 513,
        "from=2025-09-25",
        "from=2025-09-25T10:00:00",
        "to=yesterday",
        "person=",
        "format=xml",
        "afterr=1",
        "x",
    ],
)
def test_a_question_that_makes_no_sense(client: TestClient, query: str) -> None:
    response = client.get(f"/api/events?{query}")
    assert response.status_code == 422, response.text
    body = response.json()
    assert body["code"] == "INVALID"
    assert body["detail"].startswith(query.partition("=")[0])


def test_a_log_that_cannot_be_read_says_so(
    settings: Settings, check: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object) -> Any:
        raise LogUnavailableError("database: Connection refused")

    with TestClient(create_app(settings)) as client:
        post(client, check)
        before = client.get("/api/status").json()["events"]
        monkeypatch.setattr(Database, "rows", away)
        response = client.get("/api/events")
        assert (response.status_code, response.json()["code"]) == (503, "STORAGE_FAILED")
        assert int(response.headers["retry-after"]) > 0
        status = client.get("/api/status")
        assert status.status_code == 200  # the page goes on showing what is known
        assert status.json()["events"] == before | {"error": "database: Connection refused"}


def test_the_status_tells_of_gaps(client: TestClient, check: dict[str, Any]) -> None:
    for seq in (1, 2, 5, 5, 9):
        post(client, check | {"source": "boot-1", "seq": seq, "event_id": f"0198f2c4-7a35-7c1e-9f60-00000000000{seq}"})
    assert client.get("/api/status").json()["events"]["gaps"] == {
        "count": 5,
        "last": [{"source": "boot-1", "from": 3, "to": 4}, {"source": "boot-1", "from": 6, "to": 8}],
    }
    assert json.loads(client.get("/openapi.json").content)["components"]["schemas"]["GapStatus"][
        "properties"
    ].keys() >= {
        "from",
        "to",
    }
