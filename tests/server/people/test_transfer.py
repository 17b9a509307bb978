"""People in and out as archives, over HTTP: nothing is taken twice, nothing is lost, and each photo gets its answer."""

from __future__ import annotations

import io
import json
import zipfile
from typing import TYPE_CHECKING, Any

import pytest
from starlette.testclient import TestClient

from facematch.server.app import Parts, create_app
from facematch.server.people import transfer_routes
from tests.rig.embeddings import axis
from tests.rig.gallery_client import add, send, zipped
from tests.rig.people import MODEL
from tests.rig.seeing import Seeing

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from facematch.config.settings import Settings


@pytest.fixture
def examiner() -> Seeing:
    faces = {b"a1": axis(0.1), b"a2": axis(0.2), b"b1": axis(0, 2), b"c1": axis(0, 0, 2), b"c2": axis(0, 0, 0, 2)}
    return Seeing(model=MODEL, faces=faces)


@pytest.fixture
def web(settings: Settings, examiner: Seeing) -> Iterator[TestClient]:
    with TestClient(create_app(settings, Parts(make_examiner=lambda: examiner))) as client:
        yield client


def take(web: TestClient, files: Mapping[str, bytes] | bytes, **query: Any) -> list[dict[str, Any]]:
    data = files if isinstance(files, bytes) else zipped(files)
    answer = web.post("/api/people/import", files={"file": data}, params=query)
    assert answer.status_code == 200, answer.text
    return [json.loads(line) for line in answer.text.splitlines()]


def audited(web: TestClient) -> list[int]:
    """How many photos each import has taken, as the log says it."""
    told = web.get("/api/events?type=audit").json()["events"]
    assert {(one["change"], one["by"]) for one in told} <= {("photos_imported", "admin (local)")}
    return [one["photos"] for one in told]


THREE = {"Alice/1.jpg": b"a1", "Alice/2.jpg": b"a2", "Bob/1.jpg": b"b1", "Carol/1.jpg": b"c1", "stray.jpg": b"x"}


def test_an_archive_is_taken_once(web: TestClient) -> None:
    totals = take(web, THREE)[-1]
    expected = {"done": True, "dry_run": False, "people": 3, "created": 3, "taken": 4, "refused": 1, "duplicates": 0}
    assert totals == expected
    people = {person["name"]: person for person in web.get("/api/people").json()["people"]}
    assert {name: person["photos"] for name, person in people.items()} == {"Alice": 2, "Bob": 1, "Carol": 1}
    again = take(web, THREE)
    assert again[-1] == {**expected, "created": 0, "taken": 0, "refused": 5, "duplicates": 4}
    assert {line["code"] for line in again if not line.get("ok", True)} == {"DUPLICATE", "NOT_IN_A_FOLDER"}
    assert web.get("/api/people").json()["total"] == 3
    assert audited(web) == [4]


def test_a_dry_run_keeps_nothing(web: TestClient) -> None:
    lines = take(web, {**THREE, "Alice/3.jpg": b"a1"}, dry_run=True)
    assert lines[-1] == {
        "done": True,
        "dry_run": True,
        "people": 3,
        "created": 3,
        "taken": 5,
        "refused": 1,
        "duplicates": 0,
    }
    assert web.get("/api/people").json()["total"] == 0
    assert web.get("/api/people").json()["gallery_version"] == 0
    assert audited(web) == []


def test_the_table_completes_what_is_known_and_empties_nothing(web: TestClient) -> None:
    alice = add(web, "Alice", basis="contract", rooms=["a"])
    table = f"folder,id,name,rooms,tolerance\nx,{alice},ignored,b,0.4\ny,p_gone,Bob,,\n".encode()
    take(web, {"people.csv": table, "x/1.jpg": b"a1", "y/1.jpg": b"b1"})
    people = {person["name"]: person for person in web.get("/api/people").json()["people"]}
    assert set(people) == {"Alice", "Bob"}
    found = people["Alice"]
    assert (found["id"], found["rooms"], found["tolerance"], found["basis"]) == (alice, ["b"], 0.4, "contract")


def test_two_of_the_same_name_stay_two(web: TestClient) -> None:
    table = b"folder,name\none,Kim\ntwo,Kim\n"
    files = {"people.csv": table, "one/1.jpg": b"a1", "two/1.jpg": b"b1"}
    for _ in range(2):
        take(web, files)
        assert [person["photos"] for person in web.get("/api/people").json()["people"]] == [1, 1]
    line = take(web, {"Kim/1.jpg": b"c1"})[0]
    assert (line["ok"], line["code"]) == (False, "AMBIGUOUS_NAME")


def test_a_wrong_photo_is_refused_and_the_others_are_taken(web: TestClient, examiner: Seeing) -> None:
    large = b"x" * 600_000
    lines = take(web, {"Alice/1.jpg": b"a1", "Alice/2.jpg": b"c1", "Alice/3.jpg": large, "Bob/1.jpg": b"a2"})
    codes = {line["file"]: line.get("code") for line in lines if "file" in line}
    assert codes == {
        "Alice/1.jpg": None,
        "Alice/2.jpg": "UNLIKE_THE_OTHERS",
        "Alice/3.jpg": "INVALID",
        "Bob/1.jpg": "OTHER_PERSON",
    }


def test_what_goes_out_comes_in_again(web: TestClient, tmp_path: Path, settings: Settings) -> None:
    take(web, THREE)
    web.patch(f"/api/people/{_id(web, 'Bob')}", json={"rooms": ["a", "b"], "tolerance": 0.4, "basis": "x"})
    exported = web.get("/api/people/export")
    assert exported.headers["content-type"] == "application/zip"
    assert "people.zip" in exported.headers["content-disposition"]
    again = take(web, exported.content)[-1]
    assert (again["created"], again["taken"], again["duplicates"]) == (0, 0, 4)

    elsewhere = settings.model_copy(update={"data_dir": tmp_path / "elsewhere"})
    other = Seeing(
        faces={b"stored " + photo: axis(at, at * at) for at, photo in enumerate([b"b1", b"c1", b"a1", b"a2"])}
    )
    other.faces[b"stored a2"] = other.faces[b"stored a1"]
    with TestClient(create_app(elsewhere, Parts(make_examiner=lambda: other))) as fresh:
        assert take(fresh, exported.content)[-1]["taken"] == 4
        for name in ("Alice", "Bob", "Carol"):
            mine, theirs = (one.get(f"/api/people/{_id(one, name)}").json() for one in (web, fresh))
            for field in ("rooms", "tolerance", "basis", "photos"):
                assert mine[field] == theirs[field], (name, field)


def _id(web: TestClient, name: str) -> str:
    [person] = web.get("/api/people", params={"search": name}).json()["people"]
    id_: str = person["id"]
    return id_


def test_who_was_erased_does_not_come_back_with_an_archive(web: TestClient) -> None:
    """Neither with the files that were sent once, nor with those that were exported before."""
    take(web, THREE)
    exported = web.get("/api/people/export").content
    web.delete(f"/api/people/{_id(web, 'Alice')}")
    for archive in (THREE, exported):
        lines = take(web, archive)
        assert [line["code"] for line in lines if line.get("file", "").startswith("Alice")] == ["ERASED_BEFORE"] * 2
        assert lines[-1]["taken"] == 0


def test_everything_of_one(web: TestClient, settings: Settings, match: dict[str, Any], check: dict[str, Any]) -> None:
    alice = add(web, "Alice", basis="contract")
    [photo] = send(web, alice, b"a1")
    settings.output_dir.mkdir(parents=True, exist_ok=True)
    for name in ("match_of_alice.jpg", "match_of_others.jpg"):
        (settings.output_dir / name).write_bytes(name.encode())
    web.post("/api/match", json={**match, "person_id": alice, "snapshot": "match_of_alice.jpg"})
    web.post("/api/match", json={**match, "snapshot": "match_of_others.jpg"})
    web.post("/api/check", json={**check, "people": [{"person_id": alice, "distance": 0.3}], "named": [alice]})
    with zipfile.ZipFile(io.BytesIO(web.get(f"/api/people/{alice}/export").content)) as archive:
        assert archive.testzip() is None
        told = json.loads(archive.read("person.json"))
        [shown] = json.loads(archive.read("photos.json"))
        events = json.loads(archive.read("events-1.json"))
        assert archive.read(f"photos/{photo['photo']['id']}.jpg") == b"stored a1"
        assert [name for name in archive.namelist() if name.startswith("snapshots/")] == [
            "snapshots/match_of_alice.jpg"
        ]
        assert archive.read("snapshots/match_of_alice.jpg") == b"match_of_alice.jpg"
        [run] = json.loads(archive.read("presence.json"))
        assert {"daily_figures.json"} <= set(archive.namelist())
    assert alice in run["people"]
    assert told["person"]["details"]["basis"] == "contract"
    assert shown["embedding"] == pytest.approx(axis(0.1).tolist())
    assert [event["type"] for event in events] == ["audit", "match", "alarm", "check"]
    assert web.get("/api/people/p_nobody/export").json()["code"] == "NO_PERSON"


def test_what_is_no_archive_changes_nothing(web: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = web.post("/api/people/import", files={"file": b"rubbish"})
    assert (answer.status_code, answer.json()["code"]) == (422, "INVALID")
    answer = web.post("/api/people/import", files={"file": zipped({"people.csv": b"colour\n"})})
    assert (answer.status_code, answer.json()["code"]) == (422, "INVALID")
    answer = web.post("/api/people/import", files={"file": b"x" * (transfer_routes.AS_LARGE_AS * 600_000)})
    assert (answer.status_code, answer.json()["code"]) == (413, "TOO_LARGE")
    assert web.get("/api/people").json()["total"] == 0


def test_an_import_that_cannot_go_on_says_so_in_its_last_line(web: TestClient, examiner: Seeing) -> None:
    examiner.refused = {b"b1": OSError("Resource temporarily unavailable"), b"c1": RuntimeError("a fault")}
    last = take(web, THREE)[-1]
    assert (last["ok"], last["code"]) == (False, "BUSY")
    assert web.get("/api/people").json()["total"] == 2
    examiner.refused = {b"c1": RuntimeError("a fault")}
    last = take(web, THREE)[-1]
    assert (last["ok"], last["code"]) == (False, "INTERNAL")
    examiner.refused = {}
    assert take(web, THREE)[-1]["done"]
    assert [person["photos"] for person in web.get("/api/people").json()["people"]] == [2, 1, 1]
    assert audited(web) == [2, 1, 1]  # also of those that were not finished
