"""Calibration and verdicts over HTTP, with generated photos and events that were posted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from starlette.testclient import TestClient

from facematch.server.app import Parts, create_app
from tests.rig.embeddings import axis
from tests.rig.gallery_client import add, send
from tests.rig.neighbours import FakeNeighbours
from tests.rig.seeing import Seeing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from facematch.config.settings import Settings

FACES = {
    b"a0": axis(0),
    b"a1": axis(0.1),
    b"a2": axis(0.9),
    b"b0": axis(0.3, 0.2),
    b"c0": axis(9),
}


@pytest.fixture
def web(settings: Settings) -> Iterator[TestClient]:
    parts = Parts(make_examiner=lambda: Seeing(faces=FACES), neighbours=FakeNeighbours())
    with TestClient(create_app(settings, parts)) as client:
        yield client


def asked(web: TestClient, query: str = "") -> dict[str, Any]:
    answer = web.get(f"/api/calibration{query}")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def judge(web: TestClient, event_id: str, verdict: str | None) -> Any:
    return web.post(f"/api/events/{event_id}/verdict", json={"verdict": verdict})


def tell(web: TestClient, event: dict[str, Any], **fields: Any) -> str:
    event_id = str(uuid4())
    assert (
        web.post(f"/api/{event.get('type', 'match')}", json={**event, **fields, "event_id": event_id}).status_code
        == 200
    )
    return event_id


def test_what_the_photos_say(web: TestClient) -> None:
    alice, bob, _ = (add(web, name) for name in ("Alice", "Bob", "Carol"))
    send(web, alice, b"a0", b"a1", b"a2", anyway="UNLIKE_THE_OTHERS")
    send(web, bob, b"b0", anyway="OTHER_PERSON")

    found = asked(web)

    assert (found["candidates"], found["photos"], found["complete"]) == (2, 4, True)
    assert found["in_force"] == {
        "tolerance": 0.5,
        "reason": "match_tolerance",
        "match_tolerance": 0.5,
        "stranger_rate": 0.01,
    }
    missed = found["own_photos"]["missed"]
    assert (missed["count"], missed["of"]) == (3, 3)
    assert missed["low"] < 0.5
    assert [(one["person_name"], one["why"]) for one in found["own_photos"]["photos"]] == [
        ("Alice", "too_far"),
        ("Alice", "too_far"),
        ("Alice", "ambiguous"),
    ]
    [pair] = found["confusable"]
    assert {one["person_name"] for one in pair["people"]} == {"Alice", "Bob"}
    assert pair["confusable"]
    assert 0 < found["strangers"]["each"] < found["strangers"]["some"] < 0.01
    assert "Labeled Faces in the Wild" in found["strangers"]["source"]
    assert found["proposals"] == []
    send(web, bob, b"c0", anyway="UNLIKE_THE_OTHERS")
    assert asked(web)["photos"] == 5, "measured anew when the gallery has changed"


def test_of_one_room(web: TestClient) -> None:
    send(web, add(web, "Alice", rooms=["lab"]), b"a0")
    send(web, add(web, "Bob"), b"c0")
    assert [asked(web, query)["candidates"] for query in ("", "?room=lab", "?room=hall")] == [2, 2, 1]
    assert web.get("/api/calibration?room=").status_code == 422


def test_nobody_is_enrolled(web: TestClient) -> None:
    found = asked(web)
    assert (found["candidates"], found["confusable"], found["own_photos"]["missed"]["of"]) == (0, [], 0)
    assert found["strangers"]["some"] == 0


def test_verdicts_propose_and_change_nothing(web: TestClient, match: dict[str, Any], check: dict[str, Any]) -> None:
    before = asked(web)["in_force"]
    default = {"person_id": "default", "threshold": 0.5, "threshold_reason": "match_tolerance"}
    rights = [tell(web, match, **default, distance=distance) for distance in (0.3, 0.47)]
    wrong = tell(web, match, **default, distance=0.46)
    another = tell(web, match, **default | {"threshold": 0.41, "threshold_reason": "stranger_rate"}, distance=0.4)
    near = {"person_id": "default", "distance": 0.53, "threshold": 0.5}
    nobody = {"match_found": False, "outcome": "no_match", "threshold_reason": "match_tolerance"}
    missed = tell(web, check, **nobody, people=[near])
    for event_id, verdict in [(one, "right") for one in rights] + [(one, "wrong") for one in (wrong, another, missed)]:
        assert judge(web, event_id, verdict).json() == {"ok": True, "event_id": event_id, "verdict": verdict}

    found = asked(web)
    assert found["in_force"] == before
    assert found["verdicts"] == {"right": 2, "wrong": 3, "used": 4}
    lower, higher = found["proposals"]
    assert (lower["tolerance"], lower["prevents"], lower["loses"]["count"], lower["loses"]["of"]) == (0.459, 1, 1, 2)
    assert (higher["tolerance"], higher["finds"], higher["names_strangers"]["of"]) == (0.53, 1, 0)
    assert higher["stranger_each"] > lower["stranger_each"]

    judge(web, wrong, "right")
    judge(web, missed, None)
    found = asked(web)
    assert found["verdicts"] == {"right": 3, "wrong": 1, "used": 3}
    assert found["proposals"] == []


def test_a_verdict_goes_with_its_event(web: TestClient, match: dict[str, Any]) -> None:
    event_id = tell(web, match)
    assert judge(web, event_id, "right").status_code == 200
    assert asked(web)["verdicts"]["right"] == 1
    assert web.delete("/api/participants", params={"identity": match["participant_name"]}).status_code == 200
    assert asked(web)["verdicts"] == {"right": 0, "wrong": 0, "used": 0}
    answer = judge(web, event_id, "right")
    assert (answer.status_code, answer.json()["code"]) == (404, "NO_EVENT")


def test_what_cannot_be_judged(web: TestClient, check: dict[str, Any]) -> None:
    matched = tell(web, check, match_found=True, outcome="match")
    answer = judge(web, matched, "right")
    assert (answer.status_code, answer.json()["code"]) == (422, "INVALID")
    assert "no_match" in answer.json()["detail"]
    assert judge(web, matched, "perhaps").status_code == 422
    assert judge(web, "no-uuid", "right").status_code == 422
    assert judge(web, str(uuid4()), "right").status_code == 404
