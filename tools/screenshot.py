"""Makes docs/screenshot.png: the real page, server, recognizer and browser, with people from the tests' photographs.

Run it after a change of how the page looks: `.venv/bin/python -m tools.screenshot`. Needs what `./install_fix.sh --dev`
sets up, and changes nothing else.
"""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

from playwright.async_api import expect

from facematch.config.settings import ROOT
from tests.rig.chromium import chromium, end_browsers
from tests.rig.livekit_server import LiveKitServer
from tests.rig.page import DESK, card_of
from tests.rig.photographs import DATA, OTHER_STRANGER, REFERENCE, SAME_PERSON, STRANGER, Scene
from tests.rig.stack import Stack

PICTURE = ROOT / "docs" / "screenshot.png"
_PATIENCE_MS = 60_000
_ROOM = "front-desk"
_OTHERS = {"Barack": (SAME_PERSON, "match"), "Joe": (STRANGER, "no_match")}
_CAMERA = Scene(OTHER_STRANGER, width=1280, height=720, face=260)


async def make(picture: Path) -> None:
    """Writes `picture`, 1440 x 900, once every card says what it has to."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        livekit = LiveKitServer(folder)
        livekit.start()
        stack = Stack(folder, livekit, room_name=_ROOM, hold_seconds=10, wait_seconds=10)
        try:
            await stack.start(reference=None)
            await _take(stack, picture)
        finally:
            await end_browsers()
            stack.end()
            livekit.stop()


async def _take(stack: Stack, picture: Path) -> None:
    async with stack.publishers() as publishers, chromium(_CAMERA, viewport=DESK) as browser:
        page = await browser.new_page()
        await page.emulate_media(color_scheme="light")
        await page.goto(stack.base_url)
        await page.get_by_test_id("reference-file").set_input_files(DATA / REFERENCE)
        await expect(page.get_by_test_id("reference-image")).to_be_visible(timeout=_PATIENCE_MS)
        for name, (photograph, state) in _OTHERS.items():
            await publishers.on_air(_ROOM, name, Scene(photograph, width=640, height=360, face=130))
            await expect(card_of(page, name)).to_have_attribute("data-state", state, timeout=_PATIENCE_MS)
        await page.get_by_test_id("join-name").fill("Susan")
        await page.get_by_test_id("join-button").click()
        own = page.get_by_test_id("card").filter(has_text="you")
        await expect(own).to_have_attribute("data-state", "no_match", timeout=_PATIENCE_MS)
        for name in _OTHERS:
            video = card_of(page, name).locator("video")
            await expect(video).to_be_visible(timeout=_PATIENCE_MS)
            await video.evaluate("video => new Promise(resolve => video.requestVideoFrameCallback(resolve))")
        matching = page.get_by_test_id("card-phase").filter(has_text="matching for")
        await expect(matching).to_be_visible(timeout=_PATIENCE_MS)
        await page.screenshot(path=picture)


if __name__ == "__main__":
    asyncio.run(make(PICTURE))
