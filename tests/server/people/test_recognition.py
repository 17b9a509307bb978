"""How surely people are recognised: the tolerance in force for their photos and their rooms."""

from __future__ import annotations

from typing import TYPE_CHECKING

from facematch.faces.tolerance import MatchRules, in_force
from facematch.server.people.recognition import recognition_of
from tests.rig.embeddings import axis, gallery, person
from tests.rig.fake_examiner import FakePhoto

if TYPE_CHECKING:
    from starlette.testclient import TestClient

    from tests.rig.fake_examiner import FakeExaminer

RULES = MatchRules()


def test_the_tolerance_follows_photos_and_the_room_with_most_people() -> None:
    people = gallery(
        person("p_1", axis(0), 3),
        person("p_2", axis(2.0), 1),
        person("p_3", axis(3.0), 1, rooms=["red"]),
        person("p_4", axis(4.0), 1, rooms=["blue"]),
        person("p_5", axis(5.0), 1, rooms=["blue"]),
    )
    found = recognition_of(people, RULES, "p_1")
    assert found is not None
    assert found.tolerance == in_force(RULES, 4, photos=3)
    assert found.bound == in_force(RULES, 1, photos=3).value
    red = recognition_of(people, RULES, "p_3")
    assert red is not None
    assert red.tolerance.candidates == 3
    assert recognition_of(people, RULES, "p_none") is None


def test_a_person_is_told_with_it(client: TestClient, examiner: FakeExaminer) -> None:
    ids = []
    for at in (0.0, 0.3):
        id_ = client.post("/api/people", json={"name": f"at {at}"}).json()["id"]
        examiner.photo = FakePhoto(f"{at}".encode(), embedding=axis(at))
        answer = client.post(f"/api/people/{id_}/photos?anyway=OTHER_PERSON", files={"files": f"{at}".encode()})
        assert answer.json()["results"][0]["ok"], answer.text
        ids.append(id_)
    told = client.get(f"/api/people/{ids[0]}").json()
    assert told["recognition"]["tolerance"] == told["recognition"]["tolerance_bound"] == 0.5
    assert (told["recognition"]["reason"], told["recognition"]["candidates"]) == ("match_tolerance", 2)
    assert told["recognition"]["resembles"]["name"] == "at 0.3"
    assert "CONFUSABLE" in told["attention"]
    listed = client.get("/api/people").json()
    assert [one["attention"][-1] for one in listed["people"]] == ["CONFUSABLE", "CONFUSABLE"]
    empty = client.post("/api/people", json={"name": "without"}).json()
    assert empty["recognition"] is None
