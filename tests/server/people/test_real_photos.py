"""The whole way with real photographs: the real engine, and the answers that a person would want."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from starlette.testclient import TestClient

from facematch.faces.gallery_file import from_bytes, version_in
from facematch.server.app import create_app
from tests.rig.people import MODEL
from tests.rig.photographs import DATA

if TYPE_CHECKING:
    from facematch.config.settings import Settings


def test_real_people(settings: Settings) -> None:
    with TestClient(create_app(settings.model_copy(update={"upload_max_mb": 10}))) as web:

        def send(person: str, *names: str) -> list[dict[str, Any]]:
            files = [("files", (name, (DATA / name).read_bytes(), "image/jpeg")) for name in names]
            results: list[dict[str, Any]] = web.post(f"/api/people/{person}/photos", files=files).json()["results"]
            return results

        first, second = (web.post("/api/people", json={"name": name}).json()["id"] for name in ("Obama", "Biden"))
        results = send(first, "obama.jpg", "obama2.jpg", "obama3.jpg", "biden.jpg", "no_face.jpg", "two_faces.jpg")
        assert [result["code"] for result in results] == [None] * 3 + ["UNLIKE_THE_OTHERS", "NO_FACE", "MULTIPLE_FACES"]
        assert len(results[5]["faces"]) == 2
        assert all(photo["photo"]["face_px"] >= 80 for photo in results[:3])
        assert all(0.1 < photo["photo"]["sharpness"] < 0.4 for photo in results[:3])
        assert [result["code"] for result in send(second, "biden.jpg", "obama2.jpg")] == [None, "DUPLICATE"]
        web.delete(results[0]["photo"]["url"])
        again = web.post(
            f"/api/people/{second}/photos?anyway=ERASED_BEFORE&anyway=UNLIKE_THE_OTHERS",
            files={"files": (DATA / "obama.jpg").read_bytes()},
        )
        [mistaken] = again.json()["results"]
        assert (mistaken["code"], mistaken["person_id"]) == ("OTHER_PERSON", first)
        assert "Obama" in mistaken["detail"]

        tag = web.get("/api/gallery").headers["etag"]
        while version_in(tag) != web.get("/api/people").json()["gallery_version"]:
            tag = web.get("/api/gallery?wait=5", headers={"if-none-match": tag}).headers["etag"]
        gallery = from_bytes(web.get("/api/gallery").content, encoder=MODEL.partition("/")[0])
        assert set(gallery.ids) == {first, second}
        place = gallery.place(first)
        assert place is not None
        assert gallery.photos[place] == 2
        embeddings = [web.get("/api/people/" + first).json()["photo_list"][at]["model"] for at in range(2)]
        assert embeddings == [MODEL, MODEL]
        assert gallery.centroids[place] @ gallery.centroids[place] == pytest.approx(2, rel=0.2)
