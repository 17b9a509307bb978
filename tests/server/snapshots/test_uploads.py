"""Snapshots that recognizers send: kept in the API's folder or in an object store, shown, exported, erased, expired."""

from __future__ import annotations

import asyncio
import io
import time
import zipfile
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import SecretStr
from starlette.testclient import TestClient

from facematch.protocol.snapshot_names import MOST_BYTES
from facematch.server.app import Parts, create_app
from facematch.server.privacy import erasure
from facematch.server.snapshots.service import storage_of
from tests.rig.fake_examiner import FakeExaminer
from tests.rig.heartbeats import heartbeat_body
from tests.rig.neighbours import FakeNeighbours

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from facematch.config.settings import Settings
    from tests.rig.s3 import S3Server

FINISHED_SECONDS = 60
NAME = "match_Alice42_20250925_140708_s0a1b2c3d.jpg"
OTHER = "match_Bob_20250925_140708_s0a1b2c3d.jpg"
JPEG = b"\xff\xd8\xffpicture"


def with_store(settings: Settings, given: dict[str, str]) -> Settings:
    """The same settings with snapshots kept there."""
    update = {name: SecretStr(value) if name.endswith("_key") else value for name, value in given.items()}
    return settings.model_copy(update=update)


@pytest.fixture(params=["api", "s3"])
def kept_in(request: pytest.FixtureRequest, settings: Settings, tmp_path: Path) -> Settings:
    given = {"snapshot_store": "api"}
    if request.param == "s3":
        given = request.getfixturevalue("s3").settings(tmp_path.name)
    return with_store(settings, given)


@pytest.fixture
def web(kept_in: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    monkeypatch.setattr(erasure, "WAIT_SECONDS", 0.2)
    parts = Parts(make_examiner=FakeExaminer, neighbours=FakeNeighbours())
    with TestClient(create_app(kept_in, parts)) as client:
        yield client


def names_in(settings: Settings) -> set[str]:
    """Looked at past the web process."""
    storage = storage_of(settings.snapshot_store, settings.output_dir, settings.s3_options)
    storage.open()
    return set(asyncio.run(storage.files()))


def put(web: TestClient, name: str = NAME, data: bytes = JPEG, **query: str) -> tuple[int, str | None]:
    answer = web.put(f"/api/snapshots/{name}", content=data, params=query, headers={"content-type": "image/jpeg"})
    return answer.status_code, answer.json().get("code")


def test_it_is_shown_and_exported(web: TestClient, kept_in: Settings, match: dict[str, Any]) -> None:
    assert put(web) == (200, None)
    assert put(web) == (200, None), "the same again"
    assert put(web, data=JPEG + b"!") == (409, "NAME_TAKEN")
    assert web.post("/api/match", json={**match, "snapshot": NAME, "filename": None}).status_code == 200
    shown = web.get(f"/captures/{NAME}")
    assert (shown.status_code, shown.content, shown.headers["content-type"]) == (200, JPEG, "image/jpeg")
    assert web.get(f"/captures/{NAME}", headers={"if-none-match": shown.headers["etag"]}).status_code == 304
    export = web.get("/api/participants/export", params={"identity": "PA_xxx"})
    with zipfile.ZipFile(io.BytesIO(export.content)) as archive:
        assert archive.read(f"snapshots/{NAME}") == JPEG
    assert names_in(kept_in) == {NAME}


def test_it_goes_with_whom_it_shows(web: TestClient, kept_in: Settings, match: dict[str, Any]) -> None:
    """Also what was sent, and whose event the recognizer has then erased and never sent."""
    of_alice = {**match, "participant_identity": "Alice42"}
    assert put(web) == put(web, OTHER) == put(web, "match_xx_20250925_140708_s0a1b2c3d.jpg") == (200, None)
    assert web.post("/api/match", json={**of_alice, "snapshot": NAME}).status_code == 200
    bob = {**match, "participant_identity": "Bob", "snapshot": OTHER}
    assert web.post("/api/match", json=bob).status_code == 200
    web.post("/api/heartbeat", json=heartbeat_body())
    assert web.delete("/api/participants/Alice42").json()["snapshots"] == 1
    [order] = web.post("/api/heartbeat", json=heartbeat_body()).json()["orders"]
    done = {"id": order["id"], "erased_events": 1, "snapshots": ["match_xx_20250925_140708_s0a1b2c3d.jpg"]}
    web.post("/api/heartbeat", json={**heartbeat_body(), "orders_done": [done]})
    end = time.monotonic() + FINISHED_SECONDS
    while web.post("/api/heartbeat", json=heartbeat_body()).json()["orders"]:
        assert time.monotonic() < end
    assert names_in(kept_in) == {OTHER}
    assert web.get(f"/captures/{NAME}").status_code == 404


def test_one_that_is_late_is_kept_only_if_an_event_speaks_of_it(
    web: TestClient, kept_in: Settings, match: dict[str, Any]
) -> None:
    assert put(web, late="true") == (410, "NO_EVENT")
    assert names_in(kept_in) == set()
    web.post("/api/match", json={**match, "snapshot": NAME})
    assert put(web, late="true") == (200, None)
    assert names_in(kept_in) == {NAME}


def test_what_is_none_is_refused(web: TestClient, kept_in: Settings) -> None:
    assert put(web, data=b"<script>") == (415, "UNSUPPORTED_TYPE")
    assert put(web, data=JPEG + b"0" * MOST_BYTES) == (413, "TOO_LARGE")
    for name in ("notes.txt", ".hidden.jpg", "match_..jpg", "match_a%00.jpg", "current.jpg"):
        assert put(web, name) == (422, "INVALID"), name
    assert put(web, "match_a%2f..%2fb.jpg")[0] in (404, 405)
    assert names_in(kept_in) == set()


def test_a_store_that_is_away_is_said(settings: Settings, s3: S3Server) -> None:
    given = s3.settings("away") | {"s3_endpoint": "http://127.0.0.1:1"}
    parts = Parts(make_examiner=FakeExaminer, neighbours=FakeNeighbours())
    with TestClient(create_app(with_store(settings, given), parts)) as web:
        assert put(web) == (503, "STORAGE_FAILED")
        assert web.get(f"/captures/{NAME}").status_code == 503
        assert web.get("/readyz").json()["checks"]["snapshot_folder"] == {
            "ok": False,
            "reason": "the snapshot store cannot be reached",
        }


def test_by_default_none_is_taken(client: TestClient, settings: Settings) -> None:
    assert put(client) == (404, "NO_STORE")
    assert not settings.output_dir.exists() or list(settings.output_dir.iterdir()) == []
