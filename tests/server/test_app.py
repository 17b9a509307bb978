"""The whole: headers, errors, the description, start and end."""

from __future__ import annotations

import logging
import re
import subprocess
import sys
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from starlette.testclient import TestClient

from facematch.config.settings import ROOT
from facematch.runtime.owner_only import FolderError
from facematch.server.app import Parts, create_app
from facematch.server.web.security_headers import origins, security_headers
from facematch.server.web.startup import EXPECTED
from tests.rig.fake_examiner import FakeExaminer
from tests.rig.keyed import Keyed, with_keys
from tools.setup.page import BUILT

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from fastapi import FastAPI

    from facematch.config.settings import Settings

EVERY_KIND = [
    "/",
    "/static/nothing.js",
    "/livez",
    "/readyz",
    "/token",
    "/api/status",
    "/captures/x",
    "/nothing",
    "/boom",
]


@pytest.mark.parametrize("path", EVERY_KIND)
def test_every_answer_has_the_security_headers(app: FastAPI, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if path == "/boom":
        monkeypatch.setattr("facematch.server.recognizers.registry.Recognizers.newest", lambda _: 1 / 0)
        path = "/api/status"
    response = TestClient(app).get(path)
    for name, value in security_headers("ws://127.0.0.1:1").items():
        if name != "Cache-Control":
            assert response.headers[name] == value
    assert response.headers["cache-control"]


def test_strangers_get_them_too(app: FastAPI) -> None:
    response = TestClient(app, client=("192.0.2.7", 1)).get("/")
    assert response.status_code == 403
    assert "Content-Security-Policy" in response.headers


def test_the_policy() -> None:
    policy = security_headers("wss://me@sfu.example:7443/path?x=1")["Content-Security-Policy"]
    parts = dict(part.split(" ", 1) for part in policy.split("; "))
    assert parts["connect-src"] == "'self' wss://sfu.example:7443 https://sfu.example:7443"
    assert parts["default-src"] == parts["script-src"] == parts["style-src"] == "'self'"
    assert parts["object-src"] == parts["base-uri"] == parts["frame-ancestors"] == "'none'"
    assert "unsafe" not in policy
    assert "*" not in policy


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("ws://localhost:7880", ("ws://localhost:7880", "http://localhost:7880")),
        ("http://localhost", ("ws://localhost", "http://localhost")),
        ("https://a.b-c.example/x", ("wss://a.b-c.example", "https://a.b-c.example")),
        ("ws://[::1]:7880", ("ws://[::1]:7880", "http://[::1]:7880")),
        ("wss://[2001:db8::1]", ("wss://[2001:db8::1]", "https://[2001:db8::1]")),
    ],
)
def test_both_forms_of_a_livekit_address(url: str, expected: tuple[str, str]) -> None:
    assert origins(url) == expected


@pytest.mark.parametrize(
    "url", ["ws://a;script-src", "ws://a,b", "ws://a:x", "ws://a b", "ws://a'b", "ws://:80", "ws://"]
)
def test_an_address_that_would_change_the_policy(url: str) -> None:
    with pytest.raises(ValueError, match="host"):
        origins(url)


def test_a_fault_of_ours_is_an_answer_and_a_line_in_the_log(app: FastAPI, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("facematch.server.recognizers.registry.Recognizers.newest", lambda _: 1 / 0)
    response = TestClient(app).get("/api/status")
    assert response.status_code == 500
    assert response.json() == {
        "detail": "Something went wrong here; the log of the web process says what.",
        "code": "INTERNAL",
    }


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nothing", 404, "NOT_FOUND"),
        ("GET", "/static/", 404, "NOT_FOUND"),
        ("GET", "/static/../api.py", 404, "NOT_FOUND"),
        ("GET", "/static/%2e%2e/api.py", 404, "NOT_FOUND"),
        ("GET", "/static/..%2fapi.py", 404, "NOT_FOUND"),
        ("GET", "/static/.hidden", 404, "NOT_FOUND"),
        ("GET", "/static/%00", 404, "NOT_FOUND"),
        ("GET", "/static/" + "a" * 5000, 404, "NOT_FOUND"),
        ("GET", "/docs", 404, "NOT_FOUND"),
        ("GET", "/redoc", 404, "NOT_FOUND"),
        ("GET", "/api/status/", 404, "NOT_FOUND"),
        ("POST", "/", 405, "METHOD_NOT_ALLOWED"),
        ("PATCH", "/token", 405, "METHOD_NOT_ALLOWED"),
        ("GET", "/ws/matches", 404, "NOT_FOUND"),
        ("HEAD", "/api/status", 405, None),
        ("GET", "/token", 422, "INVALID"),
    ],
)
def test_errors_have_one_shape(client: TestClient, method: str, path: str, status: int, code: str | None) -> None:
    response = client.request(method, path)
    assert response.status_code == status
    if code:
        assert response.json()["code"] == code
        assert isinstance(response.json()["detail"], str)


def test_the_page_and_its_parts(client: TestClient) -> None:
    page = client.get("/")
    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")
    assert page.headers["cache-control"] == "no-cache"
    assert client.get("/", headers={"if-none-match": page.headers["etag"]}).status_code == 304
    head = client.head("/")
    assert (head.status_code, head.content) == (200, b"")
    for part in re.findall(r'"(/static/[^"]+)"', page.text):
        answer = client.get(part)
        assert answer.content == (ROOT / BUILT / Path(part).name).read_bytes()
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert client.get(part, headers={"if-none-match": answer.headers["etag"]}).status_code == 304
    assert client.get("/static/htm.LICENSE.txt").headers["cache-control"] == "no-cache"


def test_a_page_that_was_not_built_says_so(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("facematch.server.app.ROOT", tmp_path)
    answer = TestClient(create_app(settings, Parts(make_examiner=FakeExaminer))).get("/")
    assert (answer.status_code, answer.json()["code"]) == (503, "NOT_READY")
    assert "install_fix.sh" in answer.json()["detail"]


def test_opening_the_page_makes_uploads_quick(settings: Settings, examiner: FakeExaminer) -> None:
    made = []

    def make() -> FakeExaminer:
        made.append(True)
        return examiner

    with TestClient(create_app(settings, Parts(make_examiner=make))) as client:
        client.get("/livez")
        assert not made
        client.get("/")
        client.get("/")
        assert len(made) == 1
    assert examiner.closed


def test_opening_the_page_loads_no_models_where_a_photo_is_enrolled(settings: Settings) -> None:
    settings.reference_image.parent.mkdir()
    settings.reference_image.write_bytes(b"a photo")
    parts = Parts(make_examiner=lambda: pytest.fail("made for nothing"))
    with TestClient(create_app(settings, parts)) as client:
        assert client.get("/").status_code == 200


def test_folders_are_made_at_the_start_and_not_before(settings: Settings) -> None:
    app = create_app(settings)
    assert not settings.output_dir.exists()
    with TestClient(app):
        assert settings.output_dir.is_dir()
        assert settings.reference_image.parent.is_dir()


def test_what_the_process_needs_is_there_while_it_serves(settings: Settings) -> None:
    said: list[str] = []

    @asynccontextmanager
    async def serving() -> AsyncIterator[None]:
        said.append("begins")
        yield
        said.append("ends")

    app = create_app(settings, Parts(around=serving))
    assert said == []
    with TestClient(app):
        assert said == ["begins"]
    assert said == ["begins", "ends"]


def test_the_server_s_own_access_log_is_silent_while_it_runs(app: FastAPI, caplog: pytest.LogCaptureFixture) -> None:
    """It writes whole addresses, and `/token?identity=…` is somebody's name."""
    logger = logging.getLogger("uvicorn.access")
    with caplog.at_level(logging.INFO, "uvicorn.access"):
        with TestClient(app):
            logger.info("GET /token?identity=Alice42")
        assert not caplog.records
        logger.info("afterwards")
    assert [record.message for record in caplog.records] == ["afterwards"]


def test_addresses_of_sockets_are_not_logged_either(app: FastAPI, caplog: pytest.LogCaptureFixture) -> None:
    logger = logging.getLogger("uvicorn.error")
    with caplog.at_level(logging.INFO, "uvicorn.error"), TestClient(app):
        logger.info('%s - "WebSocket %s" %d', "192.0.2.7:1", "/ws/matches?token=x", 401)
        logger.error("ASGI callable returned without completing handshake.")
        logger.info("connection open")
        logger.warning("something else")
    assert [record.message for record in caplog.records] == ["something else"]


def test_identities_are_not_logged(client: TestClient, capsys: pytest.CaptureFixture[str]) -> None:
    token = client.get("/token?identity=Mallory").json()["token"]
    client.get("/token?identity=face-match-recognizer-Mallory")
    client.get("/captures/match_Mallory_20250925_140708.jpg")
    client.get("/Mallory")
    logged = "".join(capsys.readouterr())
    assert "Request" in logged
    assert "Mallory" not in logged
    assert token not in logged


def test_the_log_says_what_was_refused_also_to_strangers(
    settings: Settings, examiner: FakeExaminer, capsys: pytest.CaptureFixture[str]
) -> None:
    with Keyed(with_keys(settings), examiner) as keyed:
        stranger = keyed.anybody()
        capsys.readouterr()
        for path in ("/api/status", "/captures/match_Mallory_20250925_140708.jpg", "/Mallory"):
            assert stranger.get(path).status_code == 401
    lines = [line for line in "".join(capsys.readouterr()).splitlines() if "Request" in line]
    routes = ("route=/api/status", "route=/captures/{name}", "route='none of ours'")
    for line, route in zip(lines, routes, strict=True):
        assert route in line
        assert "status=401" in line
        assert "Mallory" not in line


def test_importing_the_composition_root_does_nothing_outside(tmp_path: Path) -> None:
    """Neither folders nor the face models nor LiveKit's client."""
    code = (
        "import os, sys, pathlib; import api; "
        "loaded = {'dlib', 'onnxruntime', 'livekit.rtc', 'facematch.recognizer'} & set(sys.modules); "
        "assert not loaded, loaded; "
        "assert not list(pathlib.Path(os.environ['OUTPUT_DIR']).parent.iterdir()), 'made a folder'"
    )
    folder = tmp_path / "empty"
    folder.mkdir()
    env = {"OUTPUT_DIR": str(folder / "captures"), "REFERENCE_IMAGE": str(folder / "reference" / "current.jpg")}
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""


def test_bad_settings_end_the_process_with_code_2() -> None:
    env = {"HOLD_SECONDS": "soon", "LOG_LEVEL": "LOUD"}
    done = subprocess.run(
        [sys.executable, "-c", "import api"], cwd=ROOT, env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "HOLD_SECONDS" in done.stderr
    assert "LOG_LEVEL" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.fixture(scope="module")
def description(running: TestClient) -> dict[str, Any]:
    """Of the whole, which takes half a second."""
    found: dict[str, Any] = running.get("/openapi.json").json()
    return found


def described(description: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (method, path, operation)
        for path, operations in description["paths"].items()
        for method, operation in operations.items()
    ]


WITHOUT_BODY = {"/api/alarms/{id}/acknowledge", "/api/unknowns/{id}/dismiss"}
"""Posts that have said everything with their address."""


def test_every_route_is_described_with_its_errors(description: dict[str, Any]) -> None:
    assert len(described(description)) >= 14
    for method, path, operation in described(description):
        where = f"{method} {path}"
        assert operation["tags"], where
        assert operation["summary"], where
        assert {"200", "403", "500"} <= set(operation["responses"]), where
        for status, response in operation["responses"].items():
            assert response["description"], where
            if int(status) >= 400 and status != "503":
                content = response["content"]["application/json"]
                assert content["schema"] == {"$ref": "#/components/schemas/Problem"}, where
                for name, example in content["examples"].items():
                    assert example["value"]["code"] == name
        if method == "post":
            assert bool(operation.get("requestBody", {}).get("content")) == (path not in WITHOUT_BODY), where


def test_every_reference_in_the_description_leads_somewhere(description: dict[str, Any]) -> None:
    def references(node: Any) -> Any:
        if isinstance(node, dict):
            if isinstance(node.get("$ref"), str):
                yield node["$ref"]
            for value in node.values():
                yield from references(value)
        elif isinstance(node, list):
            for value in node:
                yield from references(value)

    found = set(references(description))
    assert found
    for reference in found:
        node: Any = description
        for part in reference.removeprefix("#/").split("/"):
            node = node[part]
    assert "HTTPValidationError" not in description["components"]["schemas"]


def test_the_examples_are_what_the_routes_take(client: TestClient, description: dict[str, Any]) -> None:
    tried = 0
    for method, path, operation in described(description):
        content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
        for name, example in content.get("examples", {}).items():
            if path in ("/api/session", "/api/invites", "/api/viewings") or (path == "/api/token" and name == "whole"):
                continue  # its room is not one of this process; there is nothing to sign in to in local mode
            if "{id}" in path or path in ("/api/consent", "/api/beat"):
                continue  # nobody has that id; LiveKit is asked; ROOMS is not set
            response = client.request(method, path, json=example["value"])
            assert response.status_code == 200, (path, name, response.text)
            tried += 1
    assert tried >= 6


def test_the_description_says_who_and_which(description: dict[str, Any]) -> None:
    info = description["info"]
    assert info["title"] == "Face Match"
    assert info["version"]
    assert "/ws/matches" in info["description"]


@pytest.mark.parametrize("variable", ["OUTPUT_DIR", "REFERENCE_IMAGE", "DATA_DIR"])
def test_a_folder_that_cannot_be_made_is_named_with_its_variable(
    settings: Settings, tmp_path: Path, variable: str
) -> None:
    blocked = tmp_path / "a file"
    blocked.touch()
    path = blocked / "x.jpg" if variable == "REFERENCE_IMAGE" else blocked
    app = create_app(settings.model_copy(update={variable.lower(): path}))
    with pytest.raises(FolderError) as caught, TestClient(app):
        pass
    assert str(blocked) in str(caught.value)
    assert f"set {variable}" in str(caught.value)
    assert FolderError in EXPECTED
