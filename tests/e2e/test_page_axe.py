"""Axe finds nothing in any view of the page, in both themes and on a phone; names are kept from translation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import pytest
from playwright.async_api import expect

from tests.rig.axe import axe_finds
from tests.rig.enrolling import enrol
from tests.rig.fake_recognizer import track
from tests.rig.page import DESK, LOOK, PHONE, card_of, everybody, looking

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from playwright.async_api import Page

    from tests.rig.fake_recognizer import FakeRecognizer
    from tests.rig.web import WebProcess

NARROW = {"width": 1024, "height": 768}

UNMARKED = """names => {
    const found = [];
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
        const text = walker.currentNode;
        const of = names.find(name => text.data.includes(name));
        if (of === undefined || text.parentElement.closest("[translate=no], option, script") !== null) continue;
        found.push(`${of}: ${text.parentElement.outerHTML.slice(0, 160)}`);
    }
    return found;
}"""
"""Where a name could be translated."""
MARKED = ["Ann", "Bob", "Dora", "Collins Example", "face-recognition-room", "Enlarged"]


@pytest.mark.parametrize(("viewport", "scheme"), [(DESK, "light"), (NARROW, "dark"), (PHONE, "light"), (PHONE, "dark")])
async def test_nothing_is_found_in_any_view(
    web: WebProcess,
    fake: FakeRecognizer,
    artifacts: Path,
    viewport: dict[str, int],
    scheme: Literal["light", "dark"],
) -> None:
    collins = await enrol(web, "Collins Example", "collins.jpg", "obama.jpg")
    await everybody(fake)
    await fake.match("Bob", person=collins)
    found: list[tuple[str, Any]] = []
    async with looking(web, viewport=viewport, scheme=scheme) as page:
        async for view in _views(page, fake, collins):
            found += [(view, one) for one in await axe_finds(page)]
            found += [(view, f"not marked: {one}") for one in await page.evaluate(UNMARKED, MARKED)]
            await page.screenshot(path=artifacts / f"axe-{viewport['width']}-{scheme}-{view}.png", full_page=True)
    assert not found, "\n".join(map(str, found))


async def _views(page: Page, fake: FakeRecognizer, person: str) -> AsyncIterator[str]:
    """Goes through all of them; each is as it stands when its name is given."""
    await expect(page.get_by_test_id("alarm").first).to_be_visible(timeout=LOOK)
    await expect(page.get_by_test_id("sighting-row").first).to_be_visible(timeout=LOOK)
    yield "live"
    await page.get_by_test_id("live-looks").click()
    await expect(page.get_by_test_id("activity-row").first).to_be_visible()
    yield "looks"
    await page.get_by_test_id("live-sightings").click()
    await page.get_by_test_id("acknowledge").first.click()
    await page.get_by_text("Acknowledged", exact=True).click(timeout=LOOK)
    yield "acknowledged"
    await page.get_by_test_id("tell").click()
    yield "alarm-sound"
    await page.keyboard.press("Escape")
    await page.get_by_test_id("recognizer").click()
    yield "recognizer"
    await page.keyboard.press("Escape")
    if not await page.get_by_test_id("join-button").is_visible():
        await page.get_by_test_id("setup-button").click()
    await expect(page.get_by_test_id("join-button")).to_be_visible()
    yield "setup"
    await page.get_by_test_id("setup-close").click()
    await card_of(page, "Bob").get_by_label("More about Bob").click()
    yield "menu"
    await card_of(page, "Bob").get_by_test_id("menu-item").filter(has_text="Erase").click()
    await expect(page.get_by_test_id("erase-confirm")).to_be_visible()
    yield "erase"
    await page.keyboard.press("Escape")
    await page.get_by_test_id("sighting-row").get_by_role("button", name="Enlarge").first.click()
    await expect(page.locator("#viewer")).to_be_visible()
    yield "viewer"
    await page.keyboard.press("Escape")
    for name, place, there in (
        ("people", "people", "person-card"),
        ("people-new", "people/new", "photo-files"),
        ("person", f"people/{person}", "person"),
        ("history", "history", "strip-row"),
        ("history-sightings", "history?view=sightings", "happened-row"),
        ("history-matches", "history?view=matches", "happened-row"),
    ):
        await page.evaluate("hash => { location.hash = hash; }", f"#/{place}")
        await expect(page.get_by_test_id(there).first).to_be_attached(timeout=LOOK)
        yield name
    await page.evaluate("() => { location.hash = '#/live'; }")
    await fake.heartbeat(track("Ann", "hold", deadline_in=9))
    yield "left"
