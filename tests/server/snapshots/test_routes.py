"""Snapshots: only those, only from their folder."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from facematch.server.snapshots.folder import read_snapshot

if TYPE_CHECKING:
    from pathlib import Path

    from starlette.testclient import TestClient

    from facematch.config.settings import Settings

NAME = "match_Alice42_20250925_140708.jpg"


@pytest.fixture
def folder(settings: Settings) -> Path:
    settings.output_dir.mkdir(parents=True, exist_ok=True)
    (settings.output_dir / NAME).write_bytes(b"picture")
    (settings.output_dir.parent / "match_secret.jpg").write_bytes(b"secret")
    (settings.output_dir / "notes.txt").write_bytes(b"secret")
    (settings.output_dir / ".snapshot-x.part").write_bytes(b"secret")
    below = settings.output_dir / "below"
    below.mkdir()
    (below / NAME).write_bytes(b"secret")
    return settings.output_dir


def test_a_snapshot(client: TestClient, folder: Path) -> None:
    response = client.get(f"/captures/{NAME}")
    assert (response.status_code, response.content) == (200, b"picture")
    assert response.headers["content-type"] == "image/jpeg"
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["cache-control"].startswith("private")
    again = client.get(f"/captures/{NAME}", headers={"if-none-match": response.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    (folder / NAME).unlink()
    assert client.get(f"/captures/{NAME}").status_code == 404


@pytest.mark.parametrize(
    "name",
    [
        "../match_secret.jpg",
        "..%2fmatch_secret.jpg",
        "%2e%2e/match_secret.jpg",
        "%2e%2e%2fmatch_secret.jpg",
        "..%252fmatch_secret.jpg",
        "..%5cmatch_secret.jpg",
        "%2fetc%2fpasswd",
        "/etc/passwd",
        "below/" + NAME,
        "below%2f" + NAME,
        "notes.txt",
        ".snapshot-x.part",
        NAME + "%00",
        NAME + "%0a",
        NAME + "/",
        NAME.upper(),
        "match_.jpg",
        "match_%c0%ae.jpg",
        "match_" + "a" * 5000 + ".jpg",
        "match_ünïcode.jpg",
        "",
        "%",
    ],
)
def test_nothing_else(client: TestClient, folder: Path, name: str) -> None:
    response = client.get(f"/captures/{name}")
    assert response.status_code == 404
    assert response.json()["code"] == "NOT_FOUND"
    assert b"secret" not in response.content


def test_neither_links_nor_anything_that_is_no_file(folder: Path) -> None:
    (folder / "match_link.jpg").symlink_to(folder.parent / "match_secret.jpg")
    (folder / "match_folder.jpg").mkdir()
    os.mkfifo(folder / "match_pipe.jpg")
    with (folder / "match_huge.jpg").open("wb") as file:
        file.truncate(40 * 1024 * 1024)
    for name in ("match_link.jpg", "match_folder.jpg", "match_pipe.jpg", "match_huge.jpg"):
        assert read_snapshot(folder, name) is None
    assert read_snapshot(folder, NAME) is not None
    assert read_snapshot(folder / "gone", NAME) is None
