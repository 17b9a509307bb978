"""A real Chromium whose camera shows a photograph."""

from __future__ import annotations

import os
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from playwright.async_api import async_playwright

from tools.setup import browser

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from playwright.async_api import BrowserContext

    from tests.rig.photographs import Scene

_QUIET = ("--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run")
_WIDE = {"width": 1440, "height": 900}


@asynccontextmanager
async def chromium(
    scene: Scene, folder: Path, *, viewport: dict[str, int] | None = None
) -> AsyncIterator[BrowserContext]:
    """One browser with an empty profile and a camera that shows `scene`; `folder` receives the camera's film."""
    film = scene.write_mjpeg(folder / f"camera-{scene.photograph}.mjpeg")
    executable = browser.find(os.environ)
    assert executable is not None, "no Chromium: run ./install_fix.sh --dev"
    camera = (
        "--use-fake-ui-for-media-stream",
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-video-capture={film}",
    )
    rights = ("--no-sandbox",) if os.geteuid() == 0 else ()
    async with async_playwright() as playwright:
        instance = await playwright.chromium.launch(executable_path=executable, args=[*camera, *_QUIET, *rights])
        context = await instance.new_context(viewport=viewport or _WIDE)  # type: ignore[arg-type]
        try:
            yield context
        finally:
            await context.close()
            await instance.close()
