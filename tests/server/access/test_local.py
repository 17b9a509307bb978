"""Local mode: this user's own programs, and what stands for them where the system does not tell whose they are."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING, Any

import pytest
from starlette.websockets import WebSocketDisconnect
from structlog.testing import capture_logs

from facematch.protocol.local_secret import local_secret_file, read_local_secret
from facematch.server.access.local import LocalCallers, LocalSecret
from facematch.server.access.neighbours import Whose
from facematch.server.web.errors import ApiError
from tests.rig.keyed import Keyed
from tests.rig.neighbours import FakeNeighbours

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from facematch.config.settings import Settings
    from tests.rig.fake_examiner import FakeExaminer

HERE = ("127.0.0.1", 40000)
LOCALHOST = "http://localhost:8000"


@pytest.fixture
def neighbours() -> FakeNeighbours:
    return FakeNeighbours(Whose.UNKNOWN, tells=False)


@pytest.fixture
def unknown(settings: Settings, examiner: FakeExaminer, neighbours: FakeNeighbours) -> Iterator[Keyed]:
    """Local mode where the system tells nothing."""
    with Keyed(settings, examiner, neighbours=neighbours) as made:
        yield made


@pytest.fixture
def secret(unknown: Keyed) -> str:
    found = read_local_secret(unknown.settings.data_dir)
    assert found is not None
    return found


FORWARDED = [
    "forwarded",
    "via",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-forwarded",
    "x-real-ip",
    "x-client-ip",
    "x-cluster-client-ip",
    "x-original-forwarded-for",
    "x-original-host",
    "true-client-ip",
    "cf-connecting-ip",
    "cf-ray",
    "cdn-loop",
    "fastly-client-ip",
    "fly-client-ip",
    "tailscale-user-login",
    "x-envoy-external-address",
    "x-azure-clientip",
    "x-amzn-trace-id",
    "x-appengine-user-ip",
    "wl-proxy-client-ip",
]


@pytest.mark.parametrize("header", FORWARDED)
def test_what_came_through_a_proxy_or_a_tunnel_is_not_local(
    settings: Settings, examiner: FakeExaminer, header: str
) -> None:
    """Whoever runs it: an ssh tunnel adds none of these, and may be this user's own."""
    with Keyed(settings, examiner) as local:
        answer = local.come(LOCALHOST, HERE, {header: "127.0.0.1"}).get("/api/status")
    assert (answer.status_code, answer.json()["code"]) == (403, "NOT_LOCAL")


def test_another_user_s_program_gets_nothing(settings: Settings, examiner: FakeExaminer) -> None:
    with Keyed(settings, examiner, neighbours=FakeNeighbours(Whose.ANOTHERS)) as local:
        client = local.come(LOCALHOST, HERE)
        for path in ("/", "/login", "/api/status", "/token?identity=x"):
            answer = client.get(path)
            assert (answer.status_code, answer.json()["code"]) == (403, "NOT_LOCAL")
            assert "another user" in answer.json()["detail"]
        assert client.get("/livez").status_code == 200
        assert not local_secret_file(settings.data_dir).exists()


async def test_two_hosts_or_origins_are_none(tmp_path: Path) -> None:
    async def nobody(_scope: Any) -> Any:
        raise AssertionError("not asked")

    callers = LocalCallers(FakeNeighbours(), LocalSecret(tmp_path), nobody)
    scope = {"type": "http", "method": "GET", "path": "/", "scheme": "http", "client": ("127.0.0.1", 1)}
    for code, headers in (
        ("UNKNOWN_HOST", [(b"host", b"localhost"), (b"host", b"evil.example")]),
        (
            "FOREIGN_ORIGIN",
            [(b"host", b"localhost"), (b"origin", b"http://localhost"), (b"origin", b"http://evil.example")],
        ),
    ):
        with pytest.raises(ApiError) as refused:
            await callers({**scope, "headers": headers})
        assert refused.value.code == code


def test_unknown_programs_are_nobody_until_they_show_the_secret(unknown: Keyed, secret: str) -> None:
    client = unknown.come(LOCALHOST, HERE)
    for path in ("/api/status", "/captures/x.jpg", "/token?identity=x", "/nothing"):
        answer = client.get(path)
        assert (answer.status_code, answer.json()["code"]) == (401, "NOT_SIGNED_IN")
        assert str(local_secret_file(unknown.settings.data_dir)) in answer.json()["detail"]
        assert secret not in answer.text
    assert client.get("/", follow_redirects=False).headers["location"] == "/login"
    with pytest.raises(WebSocketDisconnect), client.websocket_connect("ws://localhost:8000/ws/matches"):
        pass
    for wrong in ("wrong-key-0123456789", secret[:-1], secret.removeprefix("local-"), ""):
        answer = unknown.come(LOCALHOST, HERE, {"authorization": f"Bearer {wrong}"}).get("/api/status")
        assert (answer.status_code, answer.json()["code"]) == (401, "WRONG_KEY")


def test_a_program_shows_the_secret_with_each_request(
    unknown: Keyed, secret: str, check: dict[str, Any], heartbeat: dict[str, Any]
) -> None:
    """The recognizer as well as this user's scripts: it stands for every right."""
    program = unknown.come(LOCALHOST, HERE, {"authorization": f"Bearer {secret}"})
    assert program.get("/api/status").status_code == 200
    assert program.post("/api/check", json=check).status_code == 200
    assert program.post("/api/heartbeat", json=heartbeat).status_code == 200
    assert program.get("/api/session").json()["role"] == "admin"
    with program.websocket_connect("ws://localhost:8000/ws/matches"):
        pass


def test_a_browser_exchanges_the_secret_for_a_login(unknown: Keyed, secret: str) -> None:
    browser = unknown.come(LOCALHOST, HERE, {"origin": LOCALHOST})
    assert browser.get("/login").status_code == 200
    assert browser.post("/api/session", json={"key": secret}).json()["by"] == "login"
    assert secret not in str(dict(browser.cookies))
    assert browser.get("/api/status").status_code == 200
    assert browser.get("/").status_code == 200
    with browser.websocket_connect("ws://localhost:8000/ws/matches"):
        pass
    assert browser.post("/api/invites", json={}).json()["code"] == "LOCAL_MODE"
    assert browser.delete("/api/session").json() == {"ok": True}
    assert browser.get("/api/status").status_code == 401


def test_the_secret_helps_nobody_from_elsewhere(unknown: Keyed, secret: str, neighbours: FakeNeighbours) -> None:
    proof = {"authorization": f"Bearer {secret}"}
    for base, client, more in (
        (LOCALHOST, ("192.0.2.7", 40000), {}),
        (LOCALHOST, HERE, {"x-forwarded-for": "127.0.0.1"}),
        (LOCALHOST, HERE, {"origin": "https://evil.example"}),
        ("http://evil.example", HERE, {}),
    ):
        assert unknown.come(base, client, proof | more).get("/api/status").status_code == 403
    neighbours.answer = Whose.ANOTHERS
    assert unknown.come(LOCALHOST, HERE, proof).get("/api/status").status_code == 403


def test_the_secret_is_printed_and_written_at_the_start_for_its_owner_alone(
    settings: Settings, examiner: FakeExaminer, neighbours: FakeNeighbours, capsys: pytest.CaptureFixture[str]
) -> None:
    file = local_secret_file(settings.data_dir)
    with capture_logs() as logs, Keyed(settings, examiner, neighbours=neighbours):
        secret = read_local_secret(settings.data_dir)
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert secret is not None
    assert f"http://localhost:{settings.port}/login#{secret}" in capsys.readouterr().err
    assert secret not in str(logs)
    assert not file.exists()
    with Keyed(settings, examiner, neighbours=neighbours):
        assert read_local_secret(settings.data_dir) not in (None, secret)


def test_where_the_system_tells_the_secret_comes_with_the_first_that_it_does_not_know(
    settings: Settings, examiner: FakeExaminer, capsys: pytest.CaptureFixture[str]
) -> None:
    file = local_secret_file(settings.data_dir)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("local-left-behind-by-a-process-that-was-killed")
    with Keyed(settings, examiner, neighbours=FakeNeighbours(Whose.UNKNOWN)) as local:
        assert not file.exists()
        for _ in range(3):
            assert local.come(LOCALHOST, HERE).get("/api/status").status_code == 401
        secret = read_local_secret(settings.data_dir)
        assert secret is not None
        assert capsys.readouterr().err.count(secret) == 1
        proof = {"authorization": f"Bearer {secret}"}
        assert local.come(LOCALHOST, HERE, proof).get("/api/status").status_code == 200


def test_whoever_closes_at_once_does_not_get_the_secret_printed(
    settings: Settings, examiner: FakeExaminer, capsys: pytest.CaptureFixture[str]
) -> None:
    """Any program of this machine can, and what is printed may lie in a log that others read."""
    with Keyed(settings, examiner, neighbours=FakeNeighbours(Whose.GONE)) as local:
        assert local.come(LOCALHOST, HERE).get("/api/status").status_code == 401
    assert "local-" not in capsys.readouterr().err
    assert not local_secret_file(settings.data_dir).exists()


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    secret = LocalSecret(tmp_path / "file")
    with capture_logs() as logs:
        secret.tell(8000)
    assert [line["log_level"] for line in logs] == ["warning"]
    assert secret.value in capsys.readouterr().err
