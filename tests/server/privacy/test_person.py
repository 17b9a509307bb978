"""Erasing a person: the real application on a real database, with events that name people, and files."""

from __future__ import annotations

import asyncio
import json
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import numpy as np
import pytest
from starlette.testclient import TestClient

from facematch.faces.gallery import photo_set_id
from facematch.server.app import Parts, create_app
from facematch.server.people.changes import PeopleChanges
from facematch.server.privacy import erasure as erasure_module
from facematch.server.privacy import expiry
from facematch.server.privacy.erasure import Erasures
from tests.rig.embeddings import axis
from tests.rig.fake_examiner import FakeExaminer, FakePhoto
from tests.rig.people import MODEL

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from facematch.config.settings import Settings

SECRET = np.linspace(-1, 1, 128).astype(np.float32)
PHOTO = b"UNMISTAKABLE" * 2000
JPEG = b"\xff\xd8 a snapshot"


class OneFaceEach(FakeExaminer):
    """Each upload that says so is the secret face; all others are far from each other."""

    model = MODEL

    async def enroll(self, data: bytes) -> FakePhoto:
        return FakePhoto(data + b" as it is stored", embedding=SECRET if data == PHOTO else axis(*map(float, data[:3])))


@pytest.fixture
def web(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    monkeypatch.setattr(erasure_module, "WAIT_SECONDS", 0.2)
    with TestClient(create_app(settings, Parts(make_examiner=OneFaceEach))) as client:
        yield client


def add(web: TestClient, name: str, photo: bytes, **more: Any) -> str:
    id_: str = web.post("/api/people", json={"name": name, **more}).json()["id"]
    results = web.post(f"/api/people/{id_}/photos", files={"files": photo}).json()["results"]
    assert results[0]["ok"], results
    return id_


def evidence(best: str, bound: str) -> dict[str, Any]:
    near, other = ({"person_id": id_, "distance": 0.3, "threshold": 0.45} for id_ in (best, bound))
    return {"good": True, "looks": 2, "best": near, "margin": 0.2, "bound": other, "stranger": False}


def events(web: TestClient) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = web.get("/api/events").json()["events"]
    return found


class Room:
    """Posts what a recognizer posts."""

    def __init__(self, web: TestClient, settings: Settings, match: dict[str, Any], check: dict[str, Any]) -> None:
        self._web, self._folder, self._match, self._check = web, settings.output_dir, match, check
        self._count = 0

    def match(self, person: str | None, cycle: str = "c-1", **fields: Any) -> str:
        """Its snapshot."""
        self._count += 1
        snapshot = f"match_x_20250925_1407{self._count:02}.jpg"
        (self._folder / snapshot).write_bytes(JPEG)
        body = {**self._match, "snapshot": snapshot, "person_id": person, "cycle_id": cycle, "track_sid": "TR_1"}
        answer = self._web.post("/api/match", json={**body, "event_id": str(uuid4()), **fields})
        assert answer.status_code == 200, answer.text
        return snapshot

    def check(self, people: dict[str, float], cycle: str = "c-1", **fields: Any) -> None:
        near = [{"person_id": id_, "distance": distance} for id_, distance in people.items()]
        body = {**self._check, "people": near, "cycle_id": cycle, "track_sid": "TR_1", "event_id": str(uuid4())}
        assert self._web.post("/api/check", json={**body, **fields}).status_code == 200

    def files(self) -> set[str]:
        return {file.name for file in self._folder.iterdir()}


@pytest.fixture
def room(web: TestClient, settings: Settings, match: dict[str, Any], check: dict[str, Any]) -> Room:
    return Room(web, settings, match, check)


def test_names_are_added_when_an_event_is_stored(web: TestClient, room: Room) -> None:
    alice, bob = add(web, "Alice", b"\1\0\0"), add(web, "Bob", b"\0\1\0")
    room.match(alice, person_name="somebody else")
    room.match("default", person_name="claimed")
    room.match(None)
    room.check({alice: 0.3, "default": 0.4, bob: 0.5, "p_gone": 0.55})
    first, second, third, last = events(web)
    assert (first["person_id"], first["person_name"]) == (alice, "Alice")
    assert (second["person_id"], second["person_name"]) == ("default", None)
    assert (third["person_id"], third["person_name"]) == (None, None)
    named = [(one["person_id"], one["person_name"]) for one in last["people"]]
    assert named == [(alice, "Alice"), ("default", None), (bob, "Bob")]
    assert web.get(f"/api/people/{alice}").json()["last_seen_at"].startswith("2025-09-25")
    assert web.get(f"/api/people/{bob}").json()["last_seen_at"] is None


def test_whom_evidence_speaks_of_is_named_as_well(web: TestClient, room: Room) -> None:
    alice, alicia = add(web, "Alice", b"\1\0\0"), add(web, "Alicia", b"\0\1\0")
    web.post(f"/api/people/{alice}/merge", json={"from": alicia})
    room.check({}, evidence=evidence(alicia, bound="default"))
    room.check({}, evidence=evidence("p_gone", bound=alice))
    merged, gone = (one["evidence"] for one in events(web))
    assert (merged["best"]["person_id"], merged["best"]["person_name"]) == (alice, "Alice")
    assert (merged["bound"]["person_id"], merged["bound"]["person_name"]) == ("default", None)
    assert (gone["best"], gone["margin"], gone["bound"]["person_name"]) == (None, None, "Alice")


def test_a_match_of_nobody_who_is_there_is_taken_and_not_kept(web: TestClient, room: Room) -> None:
    room.match("p_never_was")
    assert events(web) == []


def test_who_was_merged_is_named_as_the_other(web: TestClient, room: Room) -> None:
    alice, alicia = add(web, "Alice", b"\1\0\0"), add(web, "Alicia", b"\0\1\0")
    web.post(f"/api/people/{alice}/merge", json={"from": alicia})
    room.match(alicia)
    room.check({alicia: 0.3, alice: 0.35})
    found, check = events(web)
    assert (found["person_id"], found["person_name"]) == (alice, "Alice")
    assert [(one["person_id"], one["distance"]) for one in check["people"]] == [(alice, 0.3)]


def test_only_what_names_them_goes(web: TestClient, room: Room, settings: Settings) -> None:
    alice, bob = add(web, "Alice Secret", PHOTO), add(web, "Bob", b"\0\1\0")
    room.match(alice, "c-1")
    beside = room.match(bob, "c-1")  # she is in this picture
    room.check({bob: 0.2, alice: 0.3}, "c-1", match_found=True, outcome="match")
    alone = room.match(bob, "c-2")
    room.check({bob: 0.2}, "c-2", evidence=evidence(bob, bound=alice))
    room.check({}, "c-4", evidence=evidence(alice, bound=bob))
    kept = room.match("default", "c-3")

    receipt = web.delete(f"/api/people/{alice}").json()

    assert (receipt["person_id"], receipt["photos"], receipt["events"]) == (alice, 1, 3)  # with the line of her photo
    assert (receipt["snapshots"], receipt["verified"], receipt["recognizer"]) == (2, True, "pending")
    assert room.files() == {alone, kept}
    with_bob, check, *_ = events(web)
    assert (with_bob["person_id"], with_bob["snapshot"]) == (bob, None)
    assert (check["outcome"], [one["person_id"] for one in check["people"]]) == ("match", [bob])
    assert len(events(web)) == 6
    bound_to_her, near_her = (one["evidence"] for one in events(web) if one.get("evidence"))
    assert (bound_to_her["best"]["person_id"], bound_to_her["margin"], bound_to_her["bound"]) == (bob, 0.2, None)
    assert (near_her["best"], near_her["margin"], near_her["bound"]["person_id"]) == (None, None, bob)
    assert alice not in web.get("/api/events?type=all").text + web.get("/api/alarms").text
    assert beside not in json.dumps(events(web))
    assert web.get(f"/api/people/{alice}").json()["code"] == "NO_PERSON"
    assert web.delete(f"/api/people/{alice}").json()["code"] == "NO_PERSON"
    [line] = web.get("/api/erasures").json()["erasures"]
    assert (line["kind"], line["receipt_id"], line["events"]) == ("person", receipt["receipt_id"], 3)
    assert _traces(settings, SECRET.tobytes(), SECRET.tobytes()[:64], b"UNMISTAKABLE", b"Secret") == []


def test_one_photo_less_costs_nobody_an_event(web: TestClient, room: Room) -> None:
    """Neither one of theirs, nor that of the default person: `reference_id` is one photo there, a set of them here."""
    alice, bob = add(web, "Alice", b"\1\0\0"), add(web, "Bob", b"\0\1\0")
    web.post(f"/api/people/{alice}/photos?anyway=UNLIKE_THE_OTHERS", files={"files": b"\2\0\0"})
    reference = web.post("/api/reference", files={"file": ("a.jpg", b"\3\0\0")}).json()["reference_id"]
    photos = [one["id"] for one in web.get(f"/api/people/{alice}").json()["photo_list"]]
    for person in (alice, bob):
        room.match(person, reference_id=photo_set_id(photos) if person == alice else "0123456789abcdef")
        room.check({person: 0.2}, reference_id=None, candidates=2)
    room.match("default", reference_id=reference)
    room.check({"default": 0.2}, reference_id=reference, named=["default"])
    kept = events(web)

    for photo in photos:
        assert web.delete(f"/api/people/{alice}/photos/{photo}").status_code == 200
    assert events(web) == kept
    assert web.delete("/api/reference").json()["verified"] is True
    assert events(web) == kept[:4]


def _traces(settings: Settings, *what: bytes) -> list[str]:
    files = [file for file in settings.data_dir.iterdir() if file.is_file()]
    return [f"{file.name}: {one[:20]!r}" for file in files for one in what if one in file.read_bytes()]


def test_the_same_photo_does_not_come_back_unnoticed(web: TestClient) -> None:
    alice = add(web, "Alice", PHOTO)
    web.delete(f"/api/people/{alice}")
    again = web.post("/api/people", json={"name": "Alice"}).json()["id"]
    for photo in (PHOTO, PHOTO + b" as it is stored"):
        [result] = web.post(f"/api/people/{again}/photos", files={"files": photo}).json()["results"]
        assert result["code"] == "ERASED_BEFORE"


def test_everybody_who_was_merged_goes_too(web: TestClient, room: Room) -> None:
    alice, alicia = add(web, "Alice", b"\1\0\0"), add(web, "Alicia", b"\0\1\0")
    room.match(alicia)
    web.post(f"/api/people/{alice}/merge", json={"from": alicia})
    room.match(alice)
    receipt = web.delete(f"/api/people/{alice}").json()
    assert (receipt["photos"], receipt["events"]) == (2, 6)  # with the line that they were merged
    assert events(web) == []


def test_recognizers_confirm_when_they_compare_without_them(
    web: TestClient, room: Room, heartbeat: dict[str, Any]
) -> None:
    def beat(**fields: Any) -> Any:
        return web.post("/api/heartbeat", json={**heartbeat, **fields}).json()

    alice = add(web, "Alice", b"\1\0\0")
    assert beat(gallery_version=1)["orders"] == []
    receipt = web.delete(f"/api/people/{alice}").json()
    assert receipt["recognizer"] == "pending"
    [order] = beat(gallery_version=1)["orders"]
    assert order == {"id": receipt["receipt_id"], "kind": "erase_person", "person_ids": [alice]}
    assert beat(source="an older one", started_at="2025-09-25T15:00:00+00:00")["orders"] == []
    room.match(alice, timestamp=datetime.now(UTC).isoformat())
    assert events(web) == []
    done = [{"id": order["id"], "erased_events": 2}]
    beat(source="boot-3", started_at="2025-09-25T16:00:00+00:00", gallery_version=2, orders_done=done)
    end = time.monotonic() + 10
    while (line := web.get("/api/erasures").json()["erasures"][0])["recognizer"] == "pending":
        assert time.monotonic() < end
    assert line["undelivered_events"] == 2
    while beat(gallery_version=1)["orders"]:  # it is written down a moment before nobody is told any more
        assert time.monotonic() < end


def test_what_was_begun_is_finished_after_a_restart(
    settings: Settings, web: TestClient, room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice = add(web, "Alice", PHOTO)
    room.match(alice)

    async def fails(*_: Any) -> int:
        raise OSError("the disk is gone")

    with monkeypatch.context() as patch:
        patch.setattr("facematch.server.people.changes.PeopleChanges.erase", fails)
        answer = web.delete(f"/api/people/{alice}")
        assert (answer.status_code, answer.json()["code"]) == (503, "STORAGE_FAILED")
        assert web.get(f"/api/people/{alice}").status_code == 200
        web.__exit__(None, None, None)
    with TestClient(create_app(settings, Parts(make_examiner=OneFaceEach))) as again:
        end = time.monotonic() + 10
        while again.get(f"/api/people/{alice}").status_code == 200 or events(again):
            assert time.monotonic() < end
    web.__enter__()


def test_what_goes_on_by_itself_leaves_an_erasure_alone_that_somebody_waits_for(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else there would be nothing left for the receipt to count: a heartbeat wakes it, and the rest takes its time."""
    monkeypatch.setattr(erasure_module, "WAIT_SECONDS", 0.2)
    opened: list[Erasures] = []
    open_, erase, passes = Erasures.open, PeopleChanges.erase, 0

    async def noted(self: Erasures) -> None:
        opened.append(self)
        await open_(self)

    async def slowly(self: PeopleChanges, ids: Sequence[str]) -> int:
        nonlocal passes
        passes += 1
        if passes == 1:
            await opened[0]._finish_all(others=True)
        return await erase(self, ids)

    monkeypatch.setattr(Erasures, "open", noted)
    monkeypatch.setattr(PeopleChanges, "erase", slowly)
    with TestClient(create_app(settings, Parts(make_examiner=OneFaceEach))) as web:
        receipt = web.delete(f"/api/people/{add(web, 'Alice', PHOTO)}").json()
    assert (receipt["photos"], receipt["verified"], passes) == (1, True, 1)


async def test_whose_time_has_come_is_erased_with_a_receipt(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    soon = datetime.now(UTC) + timedelta(days=1)
    with TestClient(create_app(settings, Parts(make_examiner=OneFaceEach))) as web:
        alice = add(web, "Alice", PHOTO, delete_at=soon.isoformat())
        bob = add(web, "Bob", b"\0\1\0", delete_at=(soon + timedelta(days=1)).isoformat())
    clock = soon + timedelta(seconds=1)
    monkeypatch.setattr(expiry.Expiry.__init__, "__defaults__", (lambda: clock,))
    with TestClient(create_app(settings, Parts(make_examiner=OneFaceEach))) as web:
        end = time.monotonic() + 10
        while web.get(f"/api/people/{alice}").status_code == 200:
            assert time.monotonic() < end
            await asyncio.sleep(0.01)
        assert web.get(f"/api/people/{bob}").status_code == 200
        [line] = web.get("/api/erasures").json()["erasures"]
        assert (line["kind"], line["requested_by"]) == ("person", "delete_at")
