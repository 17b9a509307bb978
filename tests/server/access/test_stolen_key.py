"""What somebody learns who has stolen RECOGNIZER_KEY: ids, centroids and names of rooms, and no person, photo, event or
snapshot.

Every address that the access table opens to a recognizer is asked, as a recognizer asks it.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

from facematch.faces.gallery_file import from_bytes
from facematch.faces.models import weights_of
from facematch.server.access.authorization import TABLE
from facematch.server.access.roles import Role
from tests.rig.fake_examiner import FakeExaminer, FakePhoto
from tests.rig.heartbeats import heartbeat_body
from tests.rig.keyed import Keyed, with_keys
from tests.rig.routes import concrete
from tests.rig.waiting import block_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx2
    from starlette.testclient import TestClient

    from facematch.config.settings import Settings

PERSON, PARTICIPANT, IDENTITY = "Zerlina Unmistakable", "Quentin-As-Shown", "quentin-of-livekit"
SNAPSHOT = "match_quentin-of-livekit_20250925_140708.jpg"
PICTURE = b"\xff\xd8\xffthe-frame-of-a-match"
NOW = "2025-09-25T14:07:09+00:00"
BEAT = {"worker": "stolen", "boot": "stolen-1", "sent_at": NOW, "capacity": 100, "rooms": []}
ASKING = {"source": "stolen-1", "room": "exam-hall", "encoder": "fake/1", "wanted": ["somebody-else"]}


@pytest.fixture(scope="module")
def photo() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (64, 64), (90, 120, 150)).save(file, "JPEG")
    return file.getvalue() + b"the-photo-of-zerlina"


@pytest.fixture
def keyed(settings: Settings, photo: bytes) -> Iterator[Keyed]:
    rooms = {"rooms": "exam-*", "room_name": "exam-hall", "snapshot_store": "api"}
    with Keyed(with_keys(settings, **rooms), FakeExaminer(FakePhoto(jpeg=photo))) as found:
        yield found


@pytest.fixture
def everything(keyed: Keyed, photo: bytes, match: dict[str, Any]) -> list[bytes]:
    """Somebody of the gallery, a match, its snapshot, the reference; and what of it must never be told."""
    admin, recognizer = keyed.with_key("admin"), keyed.with_key("recognizer")
    id_ = admin.post("/api/people", json={"name": PERSON}).json()["id"]
    [result] = admin.post(f"/api/people/{id_}/photos", files={"files": photo}).json()["results"]
    assert result["ok"], result
    assert admin.post("/api/reference", files={"file": photo}).status_code == 200
    assert recognizer.put(f"/api/snapshots/{SNAPSHOT}", content=PICTURE).status_code == 200
    who = {"participant_name": PARTICIPANT, "participant_identity": IDENTITY, "participant_id": "PA_of_quentin"}
    event: dict[str, Any] = {**match, **who, "event_id": "11111111-2222-4333-8444-555555555555", "room": "exam-hall"}
    event |= {"person_id": id_, "snapshot": SNAPSHOT, "filename": None}
    assert recognizer.post("/api/match", json=event).status_code == 200
    assert admin.get(f"/captures/{SNAPSHOT}").content == PICTURE
    told = (PERSON, PARTICIPANT, IDENTITY, "PA_of_quentin", SNAPSHOT, event["event_id"])
    return [*(str(one).encode() for one in told), PICTURE, b"the-photo-of-zerlina"]


def opened() -> list[tuple[str, str]]:
    """What the table opens to a recognizer."""
    return sorted(address for address, roles in TABLE.items() if roles is None or {Role.RECOGNIZER, Role.GUEST} & roles)


def asked(thief: TestClient, method: str, path: str, check: dict[str, Any]) -> httpx2.Response:
    bodies: dict[str, Any] = {
        "/api/beat": BEAT,
        "/api/heartbeat": {**heartbeat_body(), "source": "stolen-1", "room": "exam-hall"},
        "/api/anchors": ASKING,
        "/api/check": {**check, "room": "exam-hall"},
        "/api/events": {"events": [{**check, "room": "exam-hall"}]},
    }
    return thief.request(method, concrete(path), json=bodies.get(path, {}) if method in ("POST", "PUT") else None)


def test_no_person_photo_event_or_snapshot(keyed: Keyed, everything: list[bytes], check: dict[str, Any]) -> None:
    thief = keyed.with_key("recognizer")
    block_until(lambda: b"p_" in thief.get("/api/gallery").content, within=20, what="the gallery is published")
    answered = []
    for method, path in opened():
        answer = asked(thief, method, path, check)
        whole = answer.content + repr(answer.headers).encode()
        assert not [told for told in everything if told in whole], (method, path)
        answered += [path] if answer.status_code == 200 else []
    assert {"/api/beat", "/api/heartbeat", "/api/gallery", "/api/anchors", "/metrics", "/api/events"} <= {*answered}


def test_everything_else_is_closed(keyed: Keyed, everything: list[bytes]) -> None:
    assert everything
    thief = keyed.with_key("recognizer")
    for path in (
        f"/captures/{SNAPSHOT}",
        "/reference/current.jpg",
        "/api/people",
        "/api/people/export",
        "/api/events",
        "/api/unknowns",
        "/api/status",
        "/api/sightings",
        "/api/alarms",
        "/api/participants/export?identity=x",
    ):
        assert (thief.get(path).status_code, thief.get(path).json()["code"]) == (403, "ROLE_REQUIRED"), path


def test_the_gallery_is_ids_and_centroids(keyed: Keyed, everything: list[bytes]) -> None:
    assert everything
    thief = keyed.with_key("recognizer")
    block_until(lambda: b"p_" in thief.get("/api/gallery").content, within=20, what="the gallery is published")
    file = thief.get("/api/gallery").content
    gallery = from_bytes(file, encoder=weights_of("fake/1"))
    assert len(gallery.ids) == 1
    assert gallery.ids[0].startswith("p_")
