"""A real Chromium whose camera shows a photograph.

Starting one costs as much as a test of the page, so those of a file share one for each scene, and one connection to
its DevTools: every test has an empty profile of its own, as in a new private window.
"""

from __future__ import annotations

import os
import tempfile
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import aiohttp
from playwright.async_api import async_playwright

from tests.rig.lasting import lasting
from tests.rig.ports import free_tcp_port
from tests.rig.process import Process
from tests.rig.waiting import wait_until
from tools.setup import browser

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from playwright.async_api import Browser, BrowserContext, Playwright

    from tests.rig.photographs import Scene

_START_SECONDS = 60
_CAMERA = ("--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream")
_UNUSED = (
    "HttpsUpgrades",
    "MediaRouter",
    "NetworkTimeServiceQuerying",
    "OptimizationHints",
    "PreconnectToSearch",
    # A toolbar that nobody sees would be a page of its own in each window, and another waits for the next one.
    "InitialWebUI",
    "PreloadTopChromeWebUI",
    "WebUIBackForwardButton",
    "WebUIHomeButton",
    "WebUILocationBar",
    "WebUIOmniboxAimPopup",
    "WebUIOmniboxFullPopup",
    "WebUIOmniboxPopup",
    "WebUIReloadButton",
    "WebUISplitTabsButton",
    "WebUIToolbar",
)
_QUIET = (
    "--disable-background-networking",
    "--disable-breakpad",
    "--disable-component-update",
    "--disable-extensions",
    f"--disable-features={','.join(_UNUSED)}",
    "--disable-field-trial-config",
    "--disable-sync",
    "--metrics-recording-only",
    "--no-default-browser-check",
    "--no-first-run",
    "--password-store=basic",
)
_LIKE_A_DESK = (
    "--headless",
    "--hide-scrollbars",
    "--mute-audio",
    "--force-color-profile=srgb",
    "--blink-settings=primaryHoverType=2,availableHoverTypes=2,primaryPointerType=4,availablePointerTypes=4",
    "--disable-background-timer-throttling",  # several windows are open, and each of them is looked at
    "--disable-backgrounding-occluded-windows",
    "--disable-renderer-backgrounding",
    "--disable-dev-shm-usage",
)
_WIDE = {"width": 1440, "height": 900}

_running: dict[Scene, _Running] = {}
_browsers: dict[Scene, Browser] = {}
_drivers: list[Playwright] = []
"""The one that the browsers are driven with, when there is one: a program of its own, which takes long to begin."""


class _Running:
    """The browser of a scene, in a folder of its own."""

    def __init__(self, scene: Scene) -> None:
        executable = browser.find(os.environ)
        assert executable is not None, "no Chromium: run ./install_fix.sh --dev"
        port = free_tcp_port()
        self.address = f"http://127.0.0.1:{port}"
        self._kept = tempfile.TemporaryDirectory(prefix="chromium-", ignore_cleanup_errors=True)
        folder = Path(self._kept.name)
        film = scene.write_mjpeg(folder / "camera.mjpeg")
        own = (
            f"--remote-debugging-port={port}",
            f"--user-data-dir={folder / 'profile'}",
            f"--use-file-for-fake-video-capture={film}",
            *(("--no-sandbox",) if os.geteuid() == 0 else ()),
        )
        command = [executable, *_LIKE_A_DESK, *_QUIET, *_CAMERA, *own, "about:blank"]
        self._process = Process("chromium", command, env=os.environ, log=folder / "chromium.log")

    async def start(self) -> Browser:
        """The browser, as soon as it can be come to."""
        self._process.start()
        await wait_until(self._answers, within=_START_SECONDS, what="Chromium answers")
        with lasting():
            if not _drivers:
                _drivers.append(await async_playwright().start())
            return await _drivers[0].chromium.connect_over_cdp(self.address)

    async def _answers(self) -> bool:
        try:
            async with aiohttp.ClientSession() as session, session.get(f"{self.address}/json/version") as response:
                return response.status == 200
        except aiohttp.ClientError:
            return False

    def end(self) -> None:
        """With all that it kept."""
        self._process.end()
        self._kept.cleanup()


@asynccontextmanager
async def chromium(scene: Scene, *, viewport: dict[str, int] | None = None) -> AsyncIterator[BrowserContext]:
    """An empty profile in the browser whose camera shows `scene`; `end_browsers` ends that one."""
    if scene not in _running:
        started = _Running(scene)
        _running[scene] = started
        _browsers[scene] = await started.start()
    context = await _browsers[scene].new_context(viewport=viewport or _WIDE)  # type: ignore[arg-type]
    try:
        yield context
    finally:
        await context.close()


async def end_browsers() -> None:
    """Those that `chromium` has started, in the event loop where it did."""
    while _browsers:
        await _browsers.popitem()[1].close()
    while _running:
        _running.popitem()[1].end()
    while _drivers:
        await _drivers.pop().stop()
