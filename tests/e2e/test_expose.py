"""run.sh beyond this machine: keys are made and said once, both processes have them, nobody gets in without."""

from __future__ import annotations

import os
import re
import stat
import sys
from typing import TYPE_CHECKING, Any

import aiohttp

from tests.rig.built import address
from tests.rig.launched import Launched
from tests.rig.process import Process
from tests.rig.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from tests.rig.livekit_server import LiveKitServer

EVERYWHERE = "0.0.0.0"  # noqa: S104  (what is tested)


async def answer(url: str, **headers: str) -> tuple[int, dict[str, Any]]:
    async with (
        aiohttp.ClientSession() as session,
        session.get(url, headers=headers, allow_redirects=False) as response,
    ):
        body = await response.json() if "json" in response.headers.get("Content-Type", "") else {}
        return response.status, body


async def test_without_keys_they_are_made_and_needed(tmp_path: Path, livekit: LiveKitServer) -> None:
    stack = Launched(tmp_path, livekit, host=EVERYWHERE, data_dir=tmp_path / "data")
    try:
        await stack.start(reference=None)
        file = tmp_path / "data" / "keys.env"
        assert f"ADMIN_KEY and VIEWER_KEY were made now, and are kept in {file}." in stack.launcher.output()
        keys = dict(re.findall(r"^(ADMIN_KEY|VIEWER_KEY)=(\S+)$", file.read_text(), re.MULTILINE))
        assert set(keys) == {"ADMIN_KEY", "VIEWER_KEY"}
        assert not [key for key in keys.values() if key in stack.launcher.output()]  # which is a file here
        assert stat.S_IMODE(file.stat().st_mode) == 0o600

        for path in ("/api/status", "/readyz", "/openapi.json", "/reference/current.jpg", "/token?identity=x", "/none"):
            assert (await answer(stack.base_url + path))[0] == 401, path
        assert (await answer(stack.base_url + "/"))[0] == 303
        assert (await answer(stack.base_url + "/livez"))[0] == 200
        for key in keys.values():
            status, body = await answer(stack.base_url + "/api/status", Authorization=f"Bearer {key}")
            assert status == 200
            assert body["recognizer"]["online"]  # it has its key, too

        await stack.launcher.terminate(within=15)
        stack.launcher.log.unlink()
        await stack.start(reference=None)
        assert not [key for key in keys.values() if key in stack.launcher.output()]
        status, _ = await answer(stack.base_url + "/api/status", Authorization=f"Bearer {keys['ADMIN_KEY']}")
        assert status == 200
    finally:
        stack.launcher.end()


async def test_uvicorn_alone_and_without_keys_says_what_to_set(tmp_path: Path, tcp_port: int) -> None:
    """What a request from another machine gets: here it came through a proxy, which counts as one."""
    folders = {"OUTPUT_DIR": tmp_path / "c", "DATA_DIR": tmp_path / "d", "REFERENCE_IMAGE": tmp_path / "r" / "r.jpg"}
    env = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    env |= {name: str(path) for name, path in folders.items()}
    command = [sys.executable, "-m", "uvicorn", "api:app", "--host", EVERYWHERE, "--port", str(tcp_port)]
    process = Process("api", command, env=env, log=tmp_path / "api.log", prepared=True)
    process.start()
    try:
        await _until_it_answers(f"http://127.0.0.1:{tcp_port}/livez")
        away = {"X-Forwarded-For": "192.0.2.7"}
        for path in ("/", "/api/status", "/login", address("app-*.js")):
            status, body = await answer(f"http://127.0.0.1:{tcp_port}{path}", **away)
            assert (status, body["code"]) == (403, "NOT_LOCAL")
            assert "ADMIN_KEY" in body["detail"]
            assert "--expose" in body["detail"]
        assert (await answer(f"http://127.0.0.1:{tcp_port}/api/status"))[0] == 200
    finally:
        process.end()


async def _until_it_answers(url: str) -> None:
    async def answers() -> bool:
        try:
            return (await answer(url))[0] == 200
        except aiohttp.ClientError:
            return False

    await wait_until(answers, within=30, what="the web process answers")
