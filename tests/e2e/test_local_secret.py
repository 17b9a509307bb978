"""Local mode on a system that does not tell whose a program is: what run.sh prints, and what a browser makes of it.

In a user namespace without users every process is the one that stands for all who have no number there.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from typing import TYPE_CHECKING

import aiohttp
import pytest
from playwright.async_api import expect

from facematch.protocol.local_secret import local_secret_file, read_local_secret
from tests.rig.chromium import chromium
from tests.rig.launched import Launched
from tests.rig.photographs import Scene

if TYPE_CHECKING:
    from pathlib import Path

    from tests.rig.livekit_server import LiveKitServer

NAMELESS = ("unshare", "--user")
LOOK = 20_000


@pytest.mark.skipif(
    shutil.which("unshare") is None or subprocess.run([*NAMELESS, "true"], check=False).returncode != 0,
    reason="no user namespace can be made here",
)
async def test_the_address_that_run_sh_prints_lets_a_browser_in(tmp_path: Path, livekit: LiveKitServer) -> None:
    stack = Launched(tmp_path, livekit, before=NAMELESS)
    try:
        await stack.start(reference=None)  # the recognizer has found the secret by itself
        secret = read_local_secret(tmp_path / "data")
        assert secret is not None
        [printed] = re.findall(r"Face Match is ready: (\S+)", stack.launcher.output())
        assert printed == f"{stack.base_url.replace('127.0.0.1', 'localhost')}/login#{secret}"
        async with aiohttp.ClientSession() as session, session.get(f"{stack.base_url}/api/status") as answer:
            assert answer.status == 401
        async with chromium(Scene()) as context:
            page = await context.new_page()
            await page.goto(printed.partition("/login")[0])  # who does not have it is sent to sign in
            await expect(page).to_have_url(re.compile("/login$"))
            await page.goto(printed)
            await expect(page.get_by_test_id("connection")).to_have_attribute("data-level", "live", timeout=LOOK)
            assert await page.evaluate("location.href + document.cookie + JSON.stringify(localStorage)") == (
                f"{printed.partition('/login')[0]}/{{}}"
            )
            [cookie] = await context.cookies()
            assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Strict")
            assert secret not in cookie["value"]
            assert await page.evaluate("() => fetch('/api/status').then(answer => answer.status)") == 200
        stack.headers = {"Authorization": f"Bearer {secret}"}
        await stack.recognizer_connected(within=LOOK / 1000)
        web = stack.part("API")
        assert web is not None
        web.suspend()  # it has to be killed, and the file goes all the same
        await stack.launcher.terminate(within=LOOK / 1000)
        assert not local_secret_file(tmp_path / "data").exists()
    finally:
        stack.end()
