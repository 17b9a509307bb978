"""People over HTTP: the real application and its database, with an examiner that sees whatever it is told to see."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
from starlette.testclient import TestClient

from facematch.faces.gallery_file import from_bytes, version_in
from facematch.faces.photos.refusal import EnrollmentError
from facematch.server.app import Parts, create_app
from facematch.server.people import photo_routes
from tests.rig.embeddings import axis
from tests.rig.gallery_client import add, send
from tests.rig.keyed import Keyed, with_keys
from tests.rig.neighbours import FakeNeighbours
from tests.rig.people import MODEL
from tests.rig.seeing import Seeing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from facematch.config.settings import Settings


@pytest.fixture
def examiner() -> Seeing:
    return Seeing()


@pytest.fixture
def web(settings: Settings, examiner: Seeing) -> Iterator[TestClient]:
    with TestClient(create_app(settings, Parts(make_examiner=lambda: examiner, neighbours=FakeNeighbours()))) as client:
        yield client


def gallery(web: TestClient, **headers: str) -> Any:
    return web.get("/api/gallery", headers=headers)


def eventually(holds: Any) -> None:
    end = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_a_person_from_the_first_photo_to_the_gallery(web: TestClient, examiner: Seeing) -> None:
    assert web.get("/api/people").json() == {
        "people": [],
        "total": 0,
        "attention": 0,
        "offset": 0,
        "gallery_version": 0,
    }
    alice = add(web, " Alice ", rooms=["a"], tolerance=0.45, basis="contract")
    examiner.faces = {b"one": axis(0.1), b"two": axis(0.3)}
    one, two = send(web, alice, b"one", b"two")
    assert (one["ok"], two["ok"], one["file"]) == (True, True, "one.jpg")
    person = web.get(f"/api/people/{alice}").json()
    assert (person["name"], person["rooms"], person["photos"], person["basis"]) == ("Alice", ["a"], 2, "contract")
    assert [photo["id"] for photo in person["photo_list"]] == [one["photo"]["id"], two["photo"]["id"]]
    assert (person["attention"], person["merged"]) == (["FEW_PHOTOS"], [])
    [listed] = web.get("/api/people").json()["people"]
    assert {name: person[name] for name in listed if name != "portrait"} == {
        name: value for name, value in listed.items() if name != "portrait"
    }
    assert listed["portrait"] in {photo["url"] for photo in person["photo_list"]}
    shown = web.get(one["photo"]["url"])
    assert (shown.content, shown.headers["content-type"]) == (b"stored one", "image/jpeg")
    again = web.get(one["photo"]["url"], headers={"if-none-match": shown.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")

    version = web.get("/api/people").json()["gallery_version"]
    eventually(lambda: version_in(gallery(web).headers["etag"]) == version)
    found = from_bytes(gallery(web).content, encoder=MODEL.partition("/")[0])
    assert found.ids == (alice,)
    assert found.centroids[0] == pytest.approx(axis(0.2))
    assert found.rooms == (frozenset({"a"}),)
    assert found.tolerances[0] == pytest.approx(0.45)
    assert b"Alice" not in gallery(web).content


def test_each_file_gets_its_own_answer(web: TestClient, examiner: Seeing) -> None:
    bob = add(web, "Bob")
    examiner.faces = {b"bob": axis(0, 2), b"like bob": axis(0.05, 2), b"far": axis(1)}
    send(web, bob, b"bob")
    alice = add(web, "Alice")
    examiner.refused = {b"wall": EnrollmentError("NO_FACE", "No face found.", frame_size=(100, 80))}
    large = b"x" * (600 * 1024)
    results = send(web, alice, b"first", b"blurred", b"first", b"wall", b"like bob", b"far", b"bob", large)
    assert [(one["ok"], one["code"]) for one in results] == [
        (True, None),
        (True, None),
        (False, "DUPLICATE"),
        (False, "NO_FACE"),
        (False, "OTHER_PERSON"),
        (False, "UNLIKE_THE_OTHERS"),
        (False, "DUPLICATE"),
        (False, "TOO_LARGE"),
    ]
    assert all(one["detail"] for one in results[2:])
    assert "Bob" in results[4]["detail"]
    assert [one["person_id"] for one in results[2:7]] == [alice, None, bob, None, bob]
    assert results[2]["photo_id"] == results[0]["photo"]["id"]
    assert results[1]["photo"]["weak"] == [{"code": "BLURRED", "detail": "The face is blurred."}]
    assert results[3]["frame_size"] == [100, 80]
    assert examiner.seen.count(b"first") == 1, "the very same bytes are not looked at again"

    first, second = send(web, alice, b"like bob", b"far", anyway=["OTHER_PERSON", "UNLIKE_THE_OTHERS"])
    assert (first["ok"], second["ok"]) == (True, True)
    flagged = [one for one in web.get(f"/api/people/{alice}").json()["photo_list"] if one["unlike_the_others"]]
    assert flagged
    assert "UNLIKE_THE_OTHERS" in web.get(f"/api/people/{alice}").json()["attention"]


def test_a_deleted_photo_comes_back_only_when_that_is_meant(web: TestClient) -> None:
    alice = add(web, "Alice")
    [one] = send(web, alice, b"one")
    assert web.delete(one["photo"]["url"]).json() == {"ok": True}
    assert web.get(one["photo"]["url"]).json()["code"] == "NO_PHOTO"
    assert web.delete(one["photo"]["url"]).json()["code"] == "NO_PHOTO"
    assert [result["code"] for result in send(web, alice, b"one", b"stored one")] == ["ERASED_BEFORE"] * 2
    assert send(web, alice, b"one", anyway="ERASED_BEFORE")[0]["ok"]


def test_what_is_sent_changes_and_the_rest_stays(web: TestClient) -> None:
    consent = {"at": "2026-01-05T12:00:00+00:00", "by": "reception", "text_version": "2"}
    alice = add(web, "Alice", basis="contract", consent=consent, rooms=["a"])
    changed = web.patch(f"/api/people/{alice}", json={"rooms": ["b", "c"], "delete_at": "2030-01-01T00:00:00+01:00"})
    assert changed.status_code == 200, changed.text
    person = changed.json()
    assert (person["name"], person["basis"], person["rooms"]) == ("Alice", "contract", ["b", "c"])
    assert (person["consent"]["by"], person["delete_at"]) == ("reception", "2029-12-31T23:00:00Z")
    emptied = {"name": None, "rooms": None, "basis": None, "consent": None, "delete_at": None, "tolerance": None}
    person = web.patch(f"/api/people/{alice}", json=emptied).json()
    assert (person["name"], person["basis"], person["rooms"], person["consent"]) == ("Alice", "", [], None)
    assert (person["delete_at"], person["tolerance"]) == (None, None)
    for wrong in (
        {"tolerance": 0},
        {"tolerance": 1.5},
        {"name": " "},
        {"nmae": "x"},
        {"rooms": [""]},
        {"basis": "x" * 9999},
    ):
        assert web.patch(f"/api/people/{alice}", json=wrong).json()["code"] == "INVALID", wrong


def test_merge_and_split(web: TestClient, examiner: Seeing) -> None:
    examiner.faces = {b"b": axis(0.1)}
    alice, other = add(web, "Alice"), add(web, "Alicia", basis="contract")
    send(web, alice, b"a")
    [moved] = send(web, other, b"b", anyway="OTHER_PERSON")
    before = web.get(f"/api/people/{other}").json()
    merged = web.post(f"/api/people/{alice}/merge", json={"from": other}).json()
    assert (merged["photos"], merged["merged"]) == (2, [{"id": other, "name": "Alicia"}])
    assert web.get(f"/api/people/{other}").json()["code"] == "NO_PERSON"
    back = web.post(f"/api/people/{alice}/split", json={"photos": [moved["photo"]["id"]]}).json()
    assert back == before
    assert web.post(f"/api/people/{alice}/split", json={"photos": ["x"]}).json()["code"] == "NO_PHOTO"
    assert web.post(f"/api/people/{alice}/merge", json={"from": alice}).json()["code"] == "NO_PERSON"


def test_search_pages_and_attention(web: TestClient) -> None:
    for number in range(5):
        add(web, f"Person {number}")
    page = web.get("/api/people", params={"search": "person", "offset": 2, "limit": 2}).json()
    assert [person["name"] for person in page["people"]] == ["Person 2", "Person 3"]
    assert (page["total"], page["offset"]) == (5, 2)
    assert web.get("/api/people", params={"attention": "true"}).json()["total"] == 5
    for wrong in ({"limit": 0}, {"limit": 201}, {"offset": -1}, {"nothing": 1}):
        assert web.get("/api/people", params=wrong).status_code == 422, wrong


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "", None),
        ("PATCH", "", {"name": "x"}),
        ("POST", "/merge", {"from": "p_x"}),
        ("POST", "/split", {"photos": ["x"]}),
        ("DELETE", "/photos/x", None),
    ],
)
def test_nobody_of_that_id(web: TestClient, method: str, path: str, body: Any) -> None:
    for id_ in ("p_nobody", "default", "\x00", "x" * 600):
        answer = web.request(method, f"/api/people/{_quoted(id_)}{path}", json=body)
        assert (answer.status_code, answer.json()["code"]) == (404, "NO_PERSON"), id_


def _quoted(id_: str) -> str:

    return quote(id_, safe="")


def test_uploads_are_bounded(web: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    alice = add(web, "Alice")
    many = [("files", (f"{number}", b"x", "image/jpeg")) for number in range(photo_routes.MOST_FILES + 1)]
    answer = web.post(f"/api/people/{alice}/photos", files=many)
    assert (answer.status_code, answer.json()["code"]) == (422, "INVALID")
    answer = web.post(f"/api/people/{alice}/photos", files=[("files", b"x" * 1_000_000)] * 2)
    assert (answer.status_code, answer.json()["code"]) == (413, "TOO_LARGE")
    answer = web.post(f"/api/people/{alice}/photos", files={"file": b"x"})
    assert (answer.status_code, answer.json()["code"]) == (422, "INVALID")
    monkeypatch.setattr("facematch.server.gallery.enrollment._PLACES", 0)
    answer = web.post(f"/api/people/{alice}/photos", files={"files": b"x"})
    assert (answer.status_code, answer.json()["code"]) == (503, "BUSY")


def test_whoever_waits_for_another_gallery_is_woken_by_a_change(web: TestClient, examiner: Seeing) -> None:
    known = gallery(web).headers["etag"]
    assert gallery(web, **{"if-none-match": known}).status_code == 304
    answers: list[Any] = []
    waiting = threading.Thread(
        target=lambda: answers.append(web.get("/api/gallery?wait=20", headers={"if-none-match": known}))
    )
    waiting.start()
    alice = add(web, "Alice")
    send(web, alice, b"one")
    waiting.join(20)
    assert answers[0].status_code == 200
    assert answers[0].headers["etag"] != known
    last = answers[0].headers["etag"]
    eventually(lambda: alice in from_bytes(gallery(web).content, encoder=MODEL.partition("/")[0]) or last)
    assert gallery(web, **{"if-none-match": "*"}).status_code == 304


def test_a_heartbeat_is_told_the_version(web: TestClient, heartbeat: dict[str, Any]) -> None:
    add(web, "Alice")
    version = web.get("/api/people").json()["gallery_version"]
    eventually(lambda: web.post("/api/heartbeat", json=heartbeat).json()["gallery_version"] == version)


def test_the_reference_is_as_it_was(web: TestClient) -> None:
    assert web.post("/api/reference", files={"file": b"me"}).status_code == 200
    assert web.get("/reference/current.jpg").content == b"stored me"
    assert web.get("/api/people").json()["total"] == 0
    assert web.get("/api/people").json()["gallery_version"] == 0


def test_a_recognizers_key_reads_the_gallery_and_no_names(settings: Settings, examiner: Seeing) -> None:
    with Keyed(with_keys(settings), examiner) as keyed:
        admin, recognizer, viewer = (keyed.with_key(role) for role in ("admin", "recognizer", "viewer"))
        alice = add(admin, "Alice")
        [one] = send(admin, alice, b"one")
        assert recognizer.get("/api/gallery").status_code == 200
        for path in ("/api/people", f"/api/people/{alice}", one["photo"]["url"]):
            assert recognizer.get(path).json()["code"] == "ROLE_REQUIRED"
            assert viewer.get(path).status_code == 200
        assert viewer.get("/api/gallery").json()["code"] == "ROLE_REQUIRED"
        assert viewer.post("/api/people", json={"name": "x"}).json()["code"] == "ROLE_REQUIRED"
