"""Requests about people that tests of the web process make, and the archives that they send."""

from __future__ import annotations

import io
import zipfile
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.testclient import TestClient


def add(web: TestClient, name: str, **more: Any) -> str:
    """Adds somebody; returns the id."""
    answer = web.post("/api/people", json={"name": name, **more})
    assert answer.status_code == 200, answer.text
    id_: str = answer.json()["id"]
    return id_


def send(web: TestClient, person: str, *photos: bytes, **query: Any) -> list[dict[str, Any]]:
    """Photos of somebody; returns what became of each."""
    files = [("files", (f"{photo[:20].decode()}.jpg", photo, "image/jpeg")) for photo in photos]
    answer = web.post(f"/api/people/{person}/photos", files=files, params=query)
    assert answer.status_code == 200, answer.text
    results: list[dict[str, Any]] = answer.json()["results"]
    return results


def zipped(files: Mapping[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    """An archive of these files."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name), data, method)
    return out.getvalue()
