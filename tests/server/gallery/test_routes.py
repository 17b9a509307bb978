"""Uploads: what is refused changes nothing, what is accepted is there whole."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING, Any

import httpx2
import pytest
from starlette.testclient import TestClient

from facematch.faces.photos.refusal import EnrollmentError
from facematch.faces.photos.weakness import Weakness
from facematch.faces.reference import reference_id
from facematch.server.app import Parts, create_app
from facematch.server.gallery import enrollment as service
from tests.rig.fake_examiner import JPEG, FakeExaminer, FakePhoto
from tests.rig.photographs import DATA

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from facematch.config.settings import Settings

OLD = b"the photo before"
FILE = {"file": ("me.jpg", b"raw upload", "image/jpeg")}


@pytest.fixture
def old(settings: Settings) -> Path:
    settings.reference_image.parent.mkdir(parents=True, exist_ok=True)
    settings.reference_image.write_bytes(OLD)
    return settings.reference_image


def nothing_changed(path: Path) -> bool:
    return path.read_bytes() == OLD and [found.name for found in path.parent.iterdir()] == [path.name]


def test_an_accepted_photo_replaces_the_old_one(client: TestClient, old: Path, examiner: FakeExaminer) -> None:
    response = client.post("/api/reference", files=FILE)
    assert response.status_code == 200
    assert response.json() == {
        "ok": True,
        "reference_id": reference_id(JPEG),
        "bbox": [10, 60, 70, 5],
        "frame_size": [100, 120],
        "url": "/reference/current.jpg",
        "weak": [],
        "turned": 0,
    }
    assert examiner.seen == [b"raw upload"]
    assert old.read_bytes() == JPEG
    assert [found.name for found in old.parent.iterdir()] == ["current.jpg"]


def test_what_is_wrong_with_an_accepted_photo_is_said(client: TestClient, examiner: FakeExaminer) -> None:
    reasons = (Weakness("BLURRED", "The face is blurred."), Weakness("EYES_HIDDEN", "The eyes are hidden."))
    examiner.photo = FakePhoto(weak=reasons, turned=90)
    answer = client.post("/api/reference", files=FILE).json()
    assert answer["weak"] == [
        {"code": "BLURRED", "detail": "The face is blurred."},
        {"code": "EYES_HIDDEN", "detail": "The eyes are hidden."},
    ]
    assert (answer["ok"], answer["turned"]) == (True, 90)


def test_the_current_photo(client: TestClient, settings: Settings) -> None:
    missing = client.get("/reference/current.jpg")
    assert (missing.status_code, missing.json()["code"]) == (404, "NO_REFERENCE")
    assert client.get("/api/status").json()["reference"] is None
    new_id = client.post("/api/reference", files=FILE).json()["reference_id"]
    shown = client.get("/reference/current.jpg")
    assert (shown.content, shown.headers["content-type"]) == (JPEG, "image/jpeg")
    assert shown.headers["etag"] == f'"{new_id}"'
    assert "no-cache" in shown.headers["cache-control"]
    for tag in (f'"{new_id}"', f'W/"{new_id}"', f'"x", "{new_id}"', "*"):
        again = client.get("/reference/current.jpg", headers={"if-none-match": tag})
        assert (again.status_code, again.content) == (304, b"")
    assert client.get("/reference/current.jpg", headers={"if-none-match": '"x"'}).status_code == 200
    assert client.get("/api/status").json()["reference"]["id"] == new_id
    settings.reference_image.write_bytes(b"put there by hand")
    assert client.get("/api/status").json()["reference"]["id"] == reference_id(b"put there by hand")


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (EnrollmentError("NOT_AN_IMAGE", "This is not an image."), 422),
        (EnrollmentError("NO_FACE", "No face found.", frame_size=(100, 80)), 422),
        (EnrollmentError("MULTIPLE_FACES", "Two.", faces=((1, 9, 9, 1), (1, 20, 9, 12)), frame_size=(100, 80)), 422),
        (EnrollmentError("FACE_TOO_SMALL", "Small.", faces=((1, 9, 9, 1),), frame_size=(100, 80)), 422),
        (EnrollmentError("TOO_LARGE", "Too many pixels.", frame_size=(90_000, 80_000)), 413),
    ],
)
def test_a_refused_photo_changes_nothing(
    client: TestClient, old: Path, examiner: FakeExaminer, error: EnrollmentError, status: int
) -> None:
    examiner.error = error
    response = client.post("/api/reference", files=FILE)
    assert response.status_code == status
    assert response.json() == {
        "detail": error.detail,
        "code": error.code,
        "faces": [list(face) for face in error.faces],
        "frame_size": list(error.frame_size) if error.frame_size else None,
    }
    assert nothing_changed(old)


def test_a_machine_that_can_start_no_process_is_not_the_photos_fault(
    client: TestClient, old: Path, examiner: FakeExaminer
) -> None:
    examiner.error = OSError(errno.EAGAIN, "Resource temporarily unavailable")
    response = client.post("/api/reference", files=FILE)
    assert (response.status_code, response.json()["code"]) == (503, "BUSY")
    assert "Resource temporarily unavailable" in response.json()["detail"]
    assert nothing_changed(old)


@pytest.mark.parametrize("broken", ["write", "fsync", "replace"])
def test_a_full_disk_changes_nothing(
    client: TestClient, old: Path, broken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any, **__: Any) -> Any:
        raise OSError(errno.ENOSPC, "No space left on device")

    target = {"write": "os.fdopen", "fsync": "os.fsync", "replace": "pathlib.Path.replace"}[broken]
    with monkeypatch.context() as patch:
        patch.setattr(target, full)
        response = client.post("/api/reference", files=FILE)
    assert (response.status_code, response.json()["code"]) == (507, "STORAGE_FAILED")
    assert "No space left" in response.json()["detail"]
    assert nothing_changed(old)
    assert client.post("/api/reference", files=FILE).status_code == 200


def test_the_file_has_a_largest_size(client: TestClient, old: Path, examiner: FakeExaminer) -> None:
    limit = 512 * 1024
    assert client.post("/api/reference", files={"file": b"x" * limit}).status_code == 200
    old.write_bytes(OLD)
    for size in (limit + 1, limit + 200_000):
        response = client.post("/api/reference", files={"file": b"x" * size})
        assert (response.status_code, response.json()["code"]) == (413, "TOO_LARGE")
        assert "512 kB" in response.json()["detail"]
    assert len(examiner.seen) == 1
    assert nothing_changed(old)


async def test_an_endless_upload_is_stopped_where_the_limit_is(settings: Settings, examiner: FakeExaminer) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        yield b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
        while True:
            sent += 65_536
            yield b"\xff" * 65_536

    transport = httpx2.ASGITransport(
        create_app(settings, Parts(make_examiner=lambda: examiner)), client=("testclient", 1)
    )
    async with httpx2.AsyncClient(transport=transport, base_url="http://localhost") as client:
        headers = {"content-type": "multipart/form-data; boundary=x"}
        response = await client.post("/api/reference", content=endless(), headers=headers)
    assert (response.status_code, response.json()["code"]) == (413, "TOO_LARGE")
    assert sent < 1_000_000
    assert not examiner.seen


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("multipart/form-data; boundary=x", b""),
        ("multipart/form-data; boundary=x", b"rubbish"),
        ("multipart/form-data; boundary=x", b"--x\r\n\r\n"),
        ("multipart/form-data", b"--x\r\n"),
        ("multipart/form-data; boundary=", b"--\r\n"),
        (
            "multipart/form-data; boundary=x; charset=nonsense",
            b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--x--',
        ),
        ("multipart/form-data; boundary=x", b'--x\r\nContent-Disposition: form-data; name="file"\r\n\r\ntext\r\n--x--'),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="photo"; filename="a"\r\n\r\n1\r\n--x--',
        ),
        ("multipart/form-data; boundary=x", b"--x\r\nContent-Disposition: form-data\r\n\r\n1\r\n--x--"),
        ("multipart/form-data; boundary=x", b'--x\r\nContent-Disposition: form-data; name="\xff"\r\n\r\n1\r\n--x--'),
    ],
)
def test_forms_that_hold_no_photo(client: TestClient, old: Path, kind: str, body: bytes) -> None:
    response = client.post("/api/reference", content=body, headers={"content-type": kind})
    assert (response.status_code, response.json()["code"]) == (422, "INVALID")
    assert nothing_changed(old)


def test_two_photos_at_once_are_refused(client: TestClient, old: Path) -> None:
    response = client.post("/api/reference", files=[("file", b"one"), ("file", b"two")])
    assert (response.status_code, response.json()["code"]) == (422, "INVALID")
    assert nothing_changed(old)


def test_only_a_form_is_taken(client: TestClient) -> None:
    response = client.post("/api/reference", content=b"\xff\xd8", headers={"content-type": "image/jpeg"})
    assert (response.status_code, response.json()["code"]) == (415, "UNSUPPORTED_TYPE")


def test_an_upload_that_finds_no_place(
    client: TestClient, old: Path, examiner: FakeExaminer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "_PLACES", 0)
    response = client.post("/api/reference", files=FILE)
    assert (response.status_code, response.json()["code"]) == (503, "BUSY")
    assert int(response.headers["retry-after"]) > 0
    assert nothing_changed(old)
    assert not examiner.seen


def test_real_photos_and_the_real_engine(settings: Settings) -> None:
    """The whole way: a good one, two refused ones that change nothing, another good one."""
    with TestClient(create_app(settings.model_copy(update={"upload_max_mb": 10}))) as client:

        def upload(name: str) -> Any:
            return client.post("/api/reference", files={"file": (name, (DATA / name).read_bytes())})

        first = upload("obama.jpg")
        assert first.status_code == 200, first.text
        stored = settings.reference_image.read_bytes()
        assert first.json()["reference_id"] == reference_id(stored)
        top, right, bottom, left = first.json()["bbox"]
        width, height = first.json()["frame_size"]
        assert 0 <= top < bottom <= height
        assert 0 <= left < right <= width

        for name, code in (
            ("no_face.jpg", "NO_FACE"),
            ("two_faces.jpg", "MULTIPLE_FACES"),
            ("SOURCES.md", "NOT_AN_IMAGE"),
        ):
            refused = upload(name)
            assert (refused.status_code, refused.json()["code"]) == (422, code)
            assert refused.json()["detail"].endswith(".")
            assert settings.reference_image.read_bytes() == stored
        assert len(upload("two_faces.jpg").json()["faces"]) == 2

        second = upload("biden.jpg")
        assert second.status_code == 200
        assert second.json()["reference_id"] != first.json()["reference_id"]
        assert client.get("/reference/current.jpg").content == settings.reference_image.read_bytes() != stored
