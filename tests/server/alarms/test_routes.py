"""Alarms over HTTP: the list, whoever looks at one and judges it, and what others hear of that."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from structlog.testing import capture_logs

from facematch.server.alarms.routes import AlarmsShown
from facematch.server.events.writer import TooBusyError, Writer
from tests.rig.alarms import sight
from tests.rig.embeddings import axis
from tests.rig.fake_examiner import FakePhoto
from tests.rig.identity_client import bind, person, tell
from tests.rig.keyed import HOST, KEYS, ORIGIN, Keyed, with_keys

if TYPE_CHECKING:
    from starlette.testclient import TestClient

    from facematch.config.settings import Settings
    from tests.rig.fake_examiner import FakeExaminer


def listed(client: TestClient, query: str = "") -> dict[str, Any]:
    answer = client.get(f"/api/alarms?{query}")
    assert answer.status_code == 200, answer.text
    AlarmsShown.model_validate_json(answer.content)
    found: dict[str, Any] = answer.json()
    return found


def test_the_list_names_everybody_and_shows_the_match(client: TestClient) -> None:
    alice = person(client, "Alice Liddell")
    shown = sight(0, alice, snapshot="match_alice.jpg")
    tell(client, shown, sight(1, "default", room="blue"))
    found = listed(client)
    assert (found["open"], found["next_before"]) == (2, None)
    _, alarm = found["alarms"]
    assert (alarm["kind"], alarm["seen_person_id"], alarm["seen_person_name"]) == ("match", alice, "Alice Liddell")
    assert (alarm["participant_identity"], alarm["participant_name"], alarm["room"]) == ("alice", "Alice", "red")
    assert alarm["acknowledged_by"] is None
    assert alarm["picture"] == {
        "event_id": str(shown.event_id),
        "snapshot": "match_alice.jpg",
        "bbox": [80, 300, 220, 160],
        "frame_size": [640, 360],
        "timestamp": shown.timestamp.isoformat().replace("+00:00", "Z"),
        "confidence": 0.63,
    }
    assert [one["room"] for one in listed(client, "room=blue")["alarms"]] == ["blue"]
    assert listed(client, "room=blue")["open"] == 1


def test_photos_of_who_was_seen_and_who_should_have_been_are_named(client: TestClient, examiner: FakeExaminer) -> None:
    alice, bob, nobody = (person(client, name) for name in ("Alice Liddell", "Bob", "No Photo"))
    for number, id_ in enumerate((alice, bob)):
        picture = b"\xff\xd8\xff" + bytes([number])
        examiner.photo = FakePhoto(picture, embedding=axis(number))
        sent = client.post(f"/api/people/{id_}/photos", files={"files": picture})
        assert sent.json()["results"][0]["ok"], sent.text
    bind(client, alice, room="red")
    tell(client, sight(0, bob), sight(1, "default", room="blue"), sight(2, nobody, room="green"))
    without, reference, alarm = listed(client)["alarms"]
    assert (alarm["person_id"], alarm["seen_person_id"]) == (alice, bob)
    for portrait, of in ((alarm["person_portrait"], alice), (alarm["seen_person_portrait"], bob)):
        assert portrait.startswith(f"/api/people/{of}/photos/")
        assert client.get(portrait).status_code == 200
    for other in (without, reference):
        assert (other["person_portrait"], other["seen_person_portrait"]) == (None, None)


def test_pages_go_on_where_the_former_ended(client: TestClient) -> None:
    tell(client, *(sight(n, participant_identity=f"p{n}", person_id="default") for n in range(5)))
    first = listed(client, "limit=3")
    rest = listed(client, f"limit=3&before={first['next_before']}")
    assert [one["participant_identity"] for page in (first, rest) for one in page["alarms"]] == [
        "p4", "p3", "p2", "p1", "p0",
    ]  # fmt: skip
    assert (first["open"], rest["next_before"]) == (5, None)


@pytest.mark.parametrize("query", ["state=new", "limit=0", "limit=201", "limit=+1", "before=-1", "of=me"])
def test_questions_that_make_no_sense_are_refused(client: TestClient, query: str) -> None:
    answer = client.get(f"/api/alarms?{query}")
    assert (answer.status_code, answer.json()["code"]) == (422, "INVALID")


def test_a_viewer_acknowledges_and_everybody_hears_who_it_was(settings: Settings, examiner: FakeExaminer) -> None:
    with Keyed(with_keys(settings), examiner) as keyed:
        dana = keyed.anybody(origin=ORIGIN)
        dana.post("/api/session", json={"key": KEYS["viewer"], "name": "Dana"})
        tell(keyed.with_key("recognizer"), sight(0, None))
        [alarm] = listed(dana, "state=open")["alarms"]
        with (
            dana.websocket_connect(f"wss://{HOST}/ws/events?types=alarm") as told,
            capture_logs() as lines,
        ):
            answer = dana.post(f"/api/alarms/{alarm['id']}/acknowledge")
            heard = told.receive_json()
        assert answer.status_code == 200, answer.text
        assert answer.json()["acknowledged_by"] == "Dana, viewer (login)"
        assert (heard["change"], heard["alarm_id"], heard["by"]) == (
            "acknowledged",
            alarm["id"],
            "Dana, viewer (login)",
        )
        assert [line["by"] for line in lines if line["event"] == "Alarm acknowledged"] == ["Dana, viewer (login)"]
        assert listed(dana, "state=open") == {"alarms": [], "open": 0, "next_before": None}
        [kept] = listed(dana)["alarms"]
        assert kept == answer.json()
        again = keyed.with_key("admin").post(f"/api/alarms/{alarm['id']}/acknowledge")
        assert again.json() == kept  # whoever looked first stays, and nothing is told twice
        assert len(dana.get("/api/events?type=alarm").json()["events"]) == 2
        judged = dana.post(f"/api/alarms/{alarm['id']}/judge", json={"verdict": "right"})
        assert (judged.status_code, judged.json()["code"]) == (403, "ROLE_REQUIRED")


def test_a_judgement_is_a_verdict_about_the_match_that_shows_it(client: TestClient) -> None:
    tell(client, sight(0, None))
    [alarm] = listed(client)["alarms"]
    for verdict in ("right", "wrong"):
        judged = client.post(
            f"/api/alarms/{alarm['id']}/judge", json={"verdict": verdict}, headers={"Operator-Name": "Dana"}
        ).json()
        assert (judged["verdict"], judged["judged_by"]) == (verdict, "Dana, admin (local)")
    assert judged["acknowledged_by"] == "Dana, admin (local)"
    counts = client.get("/api/calibration").json()["verdicts"]
    assert (counts["right"], counts["wrong"]) == (0, 1)
    told = client.get("/api/events?type=alarm").json()["events"]
    assert [(one["change"], one["verdict"], one["by"]) for one in told] == [
        ("raised", None, None),
        ("judged", "right", "Dana, admin (local)"),
        ("judged", "wrong", "Dana, admin (local)"),
    ]


def test_what_is_not_there_and_what_is_no_judgement(client: TestClient) -> None:
    tell(client, sight(0, None))
    [alarm] = listed(client)["alarms"]
    for path, body in (("acknowledge", {}), ("judge", {"verdict": "right"})):
        answer = client.post(f"/api/alarms/{uuid4()}/{path}", json=body)
        assert (answer.status_code, answer.json()["code"]) == (404, "NO_ALARM")
    for unfit in ({}, {"verdict": None}, {"verdict": "maybe"}, {"verdict": "right", "by": "me"}):
        answer = client.post(f"/api/alarms/{alarm['id']}/judge", json=unfit)
        assert (answer.status_code, answer.json()["code"]) == (422, "INVALID")


def test_nothing_is_said_that_is_not_kept(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    tell(client, sight(0, None))
    [alarm] = listed(client)["alarms"]

    async def busy(*_: object, **__: object) -> int:
        raise TooBusyError

    with monkeypatch.context() as patch:
        patch.setattr(Writer, "store", busy)
        answer = client.post(f"/api/alarms/{alarm['id']}/acknowledge")
        assert (answer.status_code, answer.json()["code"]) == (503, "BUSY")
    assert listed(client)["open"] == 1
