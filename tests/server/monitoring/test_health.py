"""Alive and ready."""

from __future__ import annotations

import asyncio
import shutil
from collections import namedtuple
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web
from aiohttp.test_utils import RawTestServer, TestServer
from starlette.testclient import TestClient

from facematch.runtime.proxies import proxy_for
from facematch.server.app import Parts, create_app
from facematch.server.monitoring import health
from facematch.server.monitoring.health import Health, disk_check, livekit_check
from tests.rig.event_logs import locked

if TYPE_CHECKING:
    from pathlib import Path

    from facematch.config.settings import Settings

Usage = namedtuple("Usage", "total used free")  # noqa: PYI024  (what shutil returns)


@pytest.mark.parametrize("path", ["/livez", "/health"])
def test_alive(client: TestClient, path: str) -> None:
    assert client.get(path).json() == {"status": "ok"}


def test_what_is_not_ready_is_named(client: TestClient) -> None:
    response = client.get("/readyz")
    assert response.status_code == 503
    body = response.json()
    assert (body["ready"], body["code"]) == (False, "NOT_READY")
    assert "recognizer (no heartbeat yet)" in body["detail"]
    assert {name: check["ok"] for name, check in body["checks"].items()} == {
        "event_log": True,
        "snapshot_folder": True,
        "recognizer": False,
        "livekit": False,
    }
    assert all(check["reason"] for check in body["checks"].values())


async def test_ready_when_everything_is(settings: Settings, heartbeat: dict[str, Any]) -> None:
    async def answer(_request: web.Request) -> web.Response:
        return web.Response(text="OK")

    livekit = web.Application()
    livekit.router.add_get("/", answer)
    async with TestServer(livekit) as server:
        ready = settings.model_copy(update={"livekit_url": f"ws://127.0.0.1:{server.port}"})
        clock = [0.0]
        app = create_app(ready, Parts(monotonic=lambda: clock[0]))

        def ask() -> None:
            with TestClient(app) as client:
                client.post("/api/heartbeat", json=heartbeat)
                response = client.get("/readyz")
                assert response.status_code == 200, response.text
                assert response.json()["ready"] is True
                clock[0] += 10
                assert client.get("/readyz").json()["checks"]["recognizer"] == {
                    "ok": False,
                    "reason": "last heartbeat 10 s ago",
                }

        await asyncio.to_thread(ask)


def test_a_log_that_takes_nothing(settings: Settings) -> None:
    with TestClient(create_app(settings)) as client, locked(settings.data_dir / "events.db"):
        checks = client.get("/readyz").json()["checks"]
    assert checks["event_log"] == {"ok": False, "reason": "SQLite: database is locked"}


async def test_answers_are_kept_for_a_moment_and_asked_for_once() -> None:
    asked = 0
    clock = [0.0]

    async def check() -> str:
        nonlocal asked
        asked += 1
        await asyncio.sleep(0)
        return "fine"

    checks = Health({"it": check}, monotonic=lambda: clock[0])
    await asyncio.gather(*(checks.readiness() for _ in range(20)))
    assert asked == 1
    clock[0] += health.KEPT_SECONDS + 0.1
    assert (await checks.readiness()).ready
    assert asked == 2


async def test_a_check_that_hangs_or_fails_is_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "CHECK_SECONDS", 0.01)

    async def hangs() -> str:
        await asyncio.Event().wait()
        return "never"

    async def fails() -> str:
        raise ZeroDivisionError

    async def works() -> str:
        return "fine"

    readiness = await Health({"hangs": hangs, "fails": fails, "works": works}).readiness()
    assert {name: check.ok for name, check in readiness.checks.items()} == {
        "hangs": False,
        "fails": False,
        "works": True,
    }


async def test_the_snapshot_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "new"
    assert "MB free" in await disk_check(folder)()
    assert list(folder.iterdir()) == []
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(1000, 990, 99 * 1024 * 1024))
    with pytest.raises(OSError, match="only 99 MB free"):
        await disk_check(folder)()
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OSError):  # noqa: PT011  (any of them)
        await disk_check(tmp_path / "file")()


async def test_livekit_is_reached_or_not(tcp_port: int) -> None:
    with pytest.raises(OSError, match="cannot be reached"):
        await livekit_check(f"ws://127.0.0.1:{tcp_port}")()
    async with TestServer(web.Application()) as server:
        assert await livekit_check(f"ws://127.0.0.1:{server.port}")() == "answers (404)"


@pytest.mark.parametrize("status", [407, 502, 503, 504])
async def test_a_proxy_that_does_not_reach_livekit_is_not_taken_for_it(status: int) -> None:
    async def refuses(_request: web.BaseRequest) -> web.StreamResponse:
        return web.Response(status=status)

    async with RawTestServer(refuses) as server:
        with pytest.raises(OSError, match=f"a proxy answers {status}"):
            await livekit_check(f"ws://127.0.0.1:{server.port}")()


async def test_livekit_is_asked_through_the_proxy_that_the_recognizer_uses() -> None:
    """The proxy is a server like any other, which is asked for an address that nobody else could find."""
    asked: list[str] = []

    async def passes_on(request: web.BaseRequest) -> web.StreamResponse:
        asked.append(str(request.url))
        return web.Response()

    far = "ws://livekit.invalid:7880"
    async with RawTestServer(passes_on) as server:
        proxy = proxy_for(far, {"http_proxy": f"http://127.0.0.1:{server.port}"})
        assert await livekit_check(far, proxy)() == "answers (200)"
    assert asked == ["http://livekit.invalid:7880/"]
    with pytest.raises(OSError, match="NO_PROXY"):
        await livekit_check(far, "gopher://127.0.0.1:1")()
