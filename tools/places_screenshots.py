"""Makes docs/people.png and docs/history.png: the real page and web process, the tests' photographs, a made-up day.

Run it after a change of how these places look: `.venv/bin/python -m tools.places_screenshots`. Needs what
`./install_fix.sh --dev` sets up, and changes nothing else.
"""

from __future__ import annotations

import asyncio
import random
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from playwright.async_api import expect

from facematch.config.settings import ROOT
from tests.rig.chromium import chromium, end_browsers
from tests.rig.enrolling import enrol
from tests.rig.fake_recognizer import FakeRecognizer
from tests.rig.photographs import OTHER_STRANGER, REFERENCE, SAME_PERSON, STRANGER, Scene
from tests.rig.web import WebProcess

if TYPE_CHECKING:
    from playwright.async_api import Page

DOCS = ROOT / "docs"
_SIZE = {"width": 1100, "height": 620}
_PATIENCE_MS = 60_000
_ROOM = "front-desk"
_MINUTE = 60
_DAY: dict[str, tuple[tuple[int, int], ...]] = {
    "Barack Obama": ((118, 84), (52, 6)),
    "Joe Biden": ((95, 40),),
    "Susan Collins": ((70, 66), (31, 12)),
}
"""When each was there, in minutes ago."""
_MISSED = 0.01
"""Looks that see no face although there is one."""


async def make(folder: Path) -> None:
    """Writes both pictures."""
    with tempfile.TemporaryDirectory() as scratch:
        web = WebProcess(Path(scratch), room_name=_ROOM)
        await web.start()
        try:
            await enrol(web, "Ada Lovelace", basis="Contract")
            ids = {
                "Barack Obama": await enrol(web, "Barack Obama", REFERENCE, SAME_PERSON, "obama3.jpg", basis="Consent"),
                "Joe Biden": await enrol(web, "Joe Biden", STRANGER, basis="Consent"),
                "Susan Collins": await enrol(web, "Susan Collins", OTHER_STRANGER, rooms=[_ROOM]),
            }
            async with FakeRecognizer(web, _ROOM) as fake:
                await fake.heartbeat()
                await _live_through(fake, ids)
                async with chromium(Scene(), viewport=_SIZE) as browser:
                    page = await browser.new_page()
                    await _take(page, web, folder)
        finally:
            await end_browsers()
            web.end()


async def _live_through(fake: FakeRecognizer, ids: dict[str, str]) -> None:
    chance = random.Random(3)  # noqa: S311  (no secret: the same picture each time)
    for name, stays in _DAY.items():
        participant = name.split()[0]
        for begin, end in stays:
            for ago in range(begin * _MINUTE, end * _MINUTE, -10):
                seen = chance.random() > _MISSED
                named = [ids[name]] if seen else None
                await fake.check(
                    participant, "match" if seen else "no_face", best=0.4 if seen else None, ago=ago, named=named
                )
            for later in range(10, 130, 10):
                await fake.check(participant, "no_face", ago=end * _MINUTE - later)
            await fake.check(participant, "muted", ago=end * _MINUTE - 130)


async def _take(page: Page, web: WebProcess, folder: Path) -> None:
    await page.emulate_media(color_scheme="light")
    for place, ready, name in (
        ("#/people", "person-card", "people.png"),
        ("#/history?by=person", "strip-row", "history.png"),
    ):
        await page.goto(f"{web.base_url}/{place}")
        await expect(page.get_by_test_id(ready)).to_have_count(len(_DAY) + (name == "people.png"), timeout=_PATIENCE_MS)
        await page.wait_for_load_state("networkidle")
        await page.screenshot(path=folder / name)


if __name__ == "__main__":
    asyncio.run(make(DOCS))
