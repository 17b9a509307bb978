"""Files as they are sent: in memory, packed for whoever takes that, and never older than the disk."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient

from facematch.server.web.kept_files import KeptFiles

if TYPE_CHECKING:
    from pathlib import Path

LONG = "// of a script, some two thousand bytes\n" * 50
PACKED = {"accept-encoding": "gzip"}
PLAIN = {"accept-encoding": "identity"}


@pytest.fixture
def client(tmp_path: Path) -> TestClient:
    folder = tmp_path / "files"
    (folder / "deep").mkdir(parents=True)
    (folder / "long.js").write_text(LONG)
    (folder / "deep" / "short.css").write_text("a{}")
    (folder / ".hidden.js").write_text("")
    (folder / "notes.md").write_text("")
    (folder / "folder.js").mkdir()
    (tmp_path / "outside.js").write_text("secret")
    (folder / "link.js").symlink_to(tmp_path / "outside.js")
    kept = KeptFiles(folder)

    async def get(request: Request) -> Response:
        found = await kept.answer(request.path_params["name"], request, cache="no-cache")
        return found or PlainTextResponse("none", 404)

    return TestClient(Starlette(routes=[Route("/{name:path}", get, methods=["GET", "HEAD"])]))


def test_packed_for_whoever_takes_it(client: TestClient) -> None:
    packed, plain = client.get("/long.js", headers=PACKED), client.get("/long.js", headers=PLAIN)
    assert packed.text == plain.text == LONG  # the client unpacks
    assert packed.headers["content-encoding"] == "gzip"
    assert int(packed.headers["content-length"]) < len(LONG) / 4
    assert "content-encoding" not in plain.headers
    assert packed.headers["vary"] == plain.headers["vary"] == "Accept-Encoding"
    assert packed.headers["etag"] != plain.headers["etag"]
    assert plain.headers["content-type"] == "text/javascript; charset=utf-8"
    assert plain.headers["cache-control"] == "no-cache"


@pytest.mark.parametrize(
    ("accepted", "packed"),
    [
        ("gzip, deflate, br", True),
        ("br;q=1.0, GZIP;q=0.8", True),
        ("*", True),
        ("gzip;q=0", False),
        ("gzip; q=0.0", False),
        ("deflate, br", False),
        ("", False),
    ],
)
def test_who_takes_it(client: TestClient, accepted: str, packed: bool) -> None:
    answer = client.get("/long.js", headers={"accept-encoding": accepted})
    assert ("content-encoding" in answer.headers) is packed
    assert answer.text == LONG


def test_a_small_file_is_sent_as_it_is(client: TestClient) -> None:
    answer = client.get("/deep/short.css", headers=PACKED)
    assert answer.text == "a{}"
    assert "content-encoding" not in answer.headers
    assert "vary" not in answer.headers


def test_what_the_caller_has_is_not_sent_again(client: TestClient) -> None:
    for accepted in (PACKED, PLAIN):
        tag = client.get("/long.js", headers=accepted).headers["etag"]
        again = client.get("/long.js", headers={**accepted, "if-none-match": tag})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)


def test_head_says_how_long_it_is(client: TestClient) -> None:
    answer = client.head("/long.js", headers=PLAIN)
    assert (answer.content, answer.headers["content-length"]) == (b"", str(len(LONG)))


def test_a_file_that_changes_is_read_anew(client: TestClient, tmp_path: Path) -> None:
    file = tmp_path / "files" / "long.js"
    tag = client.get("/long.js").headers["etag"]
    before = file.stat()
    file.write_text(LONG.upper())  # as long as before
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns + 1))
    changed = client.get("/long.js", headers={"if-none-match": tag})
    assert (changed.status_code, changed.text) == (200, LONG.upper())

    file.unlink()
    assert client.get("/long.js").status_code == 404
    (tmp_path / "files" / "new.js").write_text("new")
    assert client.get("/new.js").text == "new"


@pytest.mark.parametrize(
    "name",
    [
        "",
        "none.js",
        ".hidden.js",
        "notes.md",
        "folder.js",
        "deep",
        "deep/",
        "deep//short.css",
        "./long.js",
        "../outside.js",
        "deep/../../outside.js",
        "..\\outside.js",
        "link.js",
        "long.js\0",
        "\0.js",
        "a" * 5000 + ".js",
        "long.js/none.js",
    ],
)
async def test_nothing_else_is_sent(tmp_path: Path, client: TestClient, name: str) -> None:
    assert client.get("/long.js").status_code == 200
    kept = KeptFiles(tmp_path / "files")
    request = Request({"type": "http", "method": "GET", "headers": []})
    assert await kept.answer(name, request, cache="no-cache") is None
