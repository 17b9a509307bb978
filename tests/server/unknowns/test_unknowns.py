"""Faces that are nobody's: kept for a day, said who they are, dismissed, gone with whoever they are of."""

from __future__ import annotations

from base64 import b64encode
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from starlette.testclient import TestClient

from facematch.protocol.embeddings import packed
from facematch.protocol.events import to_wire
from facematch.protocol.unknown_faces import UnknownFaceSeen
from facematch.server.app import Parts, create_app
from facematch.server.privacy import erasure as erasure_module
from facematch.server.storage.database import Database, sqlite_url
from facematch.server.storage.migrate import migrate
from facematch.server.unknowns.store import KEPT, MOST, UnknownFaces
from tests.rig.embeddings import axis
from tests.rig.event_logs import joined
from tests.rig.fake_examiner import FakeExaminer, FakePhoto
from tests.rig.people import MODEL

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from facematch.config.settings import Settings


class ByName(FakeExaminer):
    """The face of each picture is at the angle that its last byte says."""

    model = MODEL

    async def enroll(self, data: bytes) -> FakePhoto:
        return FakePhoto(data + b" as it is stored", embedding=axis(data[-1] / 10))


@pytest.fixture
def web(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    monkeypatch.setattr(erasure_module, "WAIT_SECONDS", 0.2)
    own = settings.model_copy(update={"keep_unknown_faces": True})
    with TestClient(create_app(own, Parts(make_examiner=ByName))) as client:
        yield client


def seen(identity: str = "alice", at: int = 0, *, quality: float = 100, when: datetime | None = None) -> Any:
    """A face at an angle of tenths."""
    return {
        "room": "red",
        "participant_id": "PA_1",
        "participant_identity": identity,
        "participant_name": identity.title(),
        "at": (when or datetime.now(UTC)).isoformat(),
        "encoder": "dlib",
        "embedding": packed(axis(at / 10)),
        "quality": quality,
        "image": b64encode(b"\xff\xd8\xff" + identity.encode() + bytes([int(quality)]) + bytes([at])).decode(),
    }


def send(web: TestClient, *args: Any, **fields: Any) -> bool:
    answer = web.post("/api/unknowns", json=seen(*args, **fields))
    assert answer.status_code == 200, answer.text
    kept: bool = answer.json()["kept"]
    return kept


def shown(web: TestClient) -> list[dict[str, Any]]:
    answer = web.get("/api/unknowns")
    assert answer.status_code == 200, answer.text
    faces: list[dict[str, Any]] = answer.json()["unknowns"]
    return faces


def test_off_nothing_is_kept(client: TestClient) -> None:
    assert send(client) is False
    assert client.get("/api/unknowns").json() == {"kept": False, "unknowns": []}


def test_the_best_picture_of_each_face_of_each_participant_and_groups_of_those_alike(web: TestClient) -> None:
    assert send(web, "alice")
    assert send(web, "bob", 1)
    assert send(web, "carol", 20)
    assert send(web, "alice", 1, quality=90) is False
    assert send(web, "alice", 1, quality=120)
    faces = shown(web)
    assert [one["participant_identity"] for one in faces] == ["alice", "bob", "carol"]
    assert faces[0]["group"] == faces[1]["group"] != faces[2]["group"]
    picture = web.get(faces[0]["url"])
    assert (picture.content, picture.headers["content-type"]) == (b"\xff\xd8\xffalice" + bytes([120, 1]), "image/jpeg")
    assert web.get(faces[0]["url"], headers={"if-none-match": picture.headers["etag"]}).status_code == 304


def test_a_face_becomes_somebody_new_or_a_further_photo(web: TestClient) -> None:
    send(web, "alice")
    send(web, "bob", 1)
    send(web, "carol", 20)
    third, second, first = shown(web)
    answer = web.post(f"/api/unknowns/{first['id']}/assign", json={"name": "Alice"}).json()
    person = answer["assigned_to"]
    assert (answer["ok"], answer["code"]) == (True, None)
    assert web.get(f"/api/people/{person}").json()["name"] == "Alice"
    assert web.post(f"/api/unknowns/{second['id']}/assign", json={"person_id": person}).json()["assigned_to"] == person
    assert web.get(f"/api/people/{person}").json()["photos"] == 2
    refused = web.post(f"/api/unknowns/{third['id']}/assign", json={"person_id": person}).json()
    assert (refused["ok"], refused["code"], refused["assigned_to"]) == (False, "UNLIKE_THE_OTHERS", None)
    assert [one["id"] for one in shown(web)] == [third["id"]]


def test_nobody_is_added_for_a_face_that_is_refused(web: TestClient) -> None:
    send(web, "alice")
    send(web, "bob", 0)
    first, second = shown(web)
    web.post(f"/api/unknowns/{first['id']}/assign", json={"name": "Alice"})
    refused = web.post(f"/api/unknowns/{second['id']}/assign", json={"name": "Bob"}).json()
    assert refused["code"] == "OTHER_PERSON"
    assert [one["name"] for one in web.get("/api/people").json()["people"]] == ["Alice"]
    assert web.post(f"/api/unknowns/{second['id']}/assign", json={}).status_code == 422
    assert web.post("/api/unknowns/none/assign", json={"name": "Bob"}).json()["code"] == "NO_PHOTO"
    assert web.post(f"/api/unknowns/{second['id']}/assign", json={"person_id": "p_x"}).json()["code"] == "NO_PERSON"


def test_what_is_dismissed_does_not_come_back_on_the_same_day(web: TestClient) -> None:
    send(web, "alice")
    send(web, "bob", 1)
    [face, other] = shown(web)
    assert web.post(f"/api/unknowns/{face['id']}/dismiss").status_code == 200
    assert shown(web) == []
    assert web.get(other["url"]).status_code == 404
    assert send(web, "alice", quality=200) is False
    assert web.post(f"/api/unknowns/{face['id']}/dismiss").json()["code"] == "NO_PHOTO"


@pytest.mark.parametrize("said", ["erased", "not compared", "withdrawn"])
def test_it_goes_with_its_participant(web: TestClient, said: str) -> None:
    send(web, "alice")
    send(web, "bob", 20)
    before = datetime.now(UTC)
    if said == "erased":
        answer = web.delete("/api/participants?identity=alice")
    elif said == "not compared":
        answer = web.put("/api/not-compared?identity=alice")
    else:
        change = joined(participant_identity="alice", change="consent_withdrawn")
        answer = web.post("/api/events", json={"events": [to_wire(change)]})
    assert answer.status_code in (200, 202), answer.text
    assert [one["participant_identity"] for one in shown(web)] == ["bob"]
    if said == "erased":
        assert send(web, "alice", when=before - timedelta(seconds=1)) is False, "it was on its way"


def test_it_goes_with_a_person_whom_it_resembles(web: TestClient) -> None:
    id_ = web.post("/api/people", json={"name": "Alice"}).json()["id"]
    web.post(f"/api/people/{id_}/photos", files={"files": b"\xff\xd8\xff" + bytes([3])})
    send(web, "alice", 5)
    send(web, "bob", 20)
    assert web.delete(f"/api/people/{id_}").status_code in (200, 202)
    assert [one["participant_identity"] for one in shown(web)] == ["bob"]


def test_the_crop_of_somebody_erased_is_not_taken_unnoticed(web: TestClient) -> None:
    """The very picture of which a photo of theirs was made, sent again by a recognizer that still had it."""
    send(web, "alice")
    [face] = shown(web)
    person = web.post(f"/api/unknowns/{face['id']}/assign", json={"name": "Alice"}).json()["assigned_to"]
    web.delete(f"/api/people/{person}")
    assert send(web, "alice")
    [face] = shown(web)
    refused = web.post(f"/api/unknowns/{face['id']}/assign", json={"name": "Alice"}).json()
    assert (refused["ok"], refused["code"]) == (False, "ERASED_BEFORE")
    assert web.get("/api/people").json()["total"] == 0


@pytest.mark.parametrize("whose", ["participant", "person"])
def test_nothing_of_it_is_left_in_any_file(web: TestClient, settings: Settings, whose: str) -> None:
    id_ = web.post("/api/people", json={"name": "Alice"}).json()["id"]
    web.post(f"/api/people/{id_}/photos", files={"files": b"\xff\xd8\xff" + bytes([3])})
    send(web, "alice", 5)
    send(web, "alice", 5, quality=150)  # what it was before is gone, too
    pictures = [b"\xff\xd8\xffalice" + bytes([quality, 5]) for quality in (100, 150)]

    def left() -> set[int]:
        files = [path.read_bytes() for path in settings.data_dir.iterdir() if path.is_file()]
        wanted = (*pictures, axis(0.5).tobytes())
        return {at for at, one in enumerate(wanted) if any(one in file for file in files)}

    assert {1, 2} <= left()
    path = f"/api/people/{id_}" if whose == "person" else "/api/participants?identity=alice"
    assert web.delete(path).json()["verified"] is True
    assert left() == set()


def test_the_export_of_a_participant_has_it(web: TestClient) -> None:
    send(web, "alice")
    archive = web.get("/api/participants/export?identity=alice").content
    assert b"unknown_faces.json" in archive


async def test_a_day_and_two_hundred(tmp_path: Path) -> None:
    url, now = sqlite_url(tmp_path / "events.db"), [datetime(2031, 1, 5, tzinfo=UTC)]
    await migrate(url)
    database = Database(url)
    database.open()
    faces = UnknownFaces(database, lambda: now[0])
    try:
        for number in range(MOST + 2):
            at = now[0] + timedelta(seconds=number)
            assert await faces.keep(UnknownFaceSeen.model_validate(seen(f"who-{number}", when=at)))
        shown = await faces.shown()
        assert (len(shown), shown[-1].identity) == (MOST, "who-2")
        now[0] += KEPT + timedelta(seconds=MOST)
        assert [one.identity for one in await faces.shown()] == ["who-201", "who-200"]
        assert await faces.image(shown[-1].id) is None
        assert await faces.keep(UnknownFaceSeen.model_validate(seen("late", when=now[0] - KEPT * 2))) is False
    finally:
        await database.aclose()
