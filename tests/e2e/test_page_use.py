"""Using the page: nothing is hit by mistake, the keyboard is never lost, everything can be read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from playwright.async_api import expect

from tests.rig.chromium import chromium
from tests.rig.fake_recognizer import track
from tests.rig.page import CHECKS, DESK, LOOK, PHONE, card_of, everybody, looking
from tests.rig.photographs import DATA, REFERENCE, SAME_PERSON, Scene

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.async_api import Locator, Page

    from tests.rig.fake_recognizer import FakeRecognizer
    from tests.rig.stacks import MakeStack
    from tests.rig.web import WebProcess

FOCUSED = """() => {
    const at = document.activeElement;
    return at === document.body ? "body" : at.dataset.testid ?? (at.id || at.ariaLabel || at.textContent.trim());
}"""

BAR = """bar => {
    const fill = bar.querySelector(".meter-fill");
    return [getComputedStyle(fill).backgroundColor, getComputedStyle(bar).backgroundColor, fill.clientWidth];
}"""


async def _area(place: Locator) -> tuple[float, float, float, float]:
    box = await place.bounding_box()
    assert box is not None
    return box["x"], box["y"], box["x"] + box["width"], box["y"] + box["height"]


def _apart(one: tuple[float, float, float, float], other: tuple[float, float, float, float]) -> bool:
    return one[2] <= other[0] or other[2] <= one[0] or one[3] <= other[1] or other[3] <= one[1]


@pytest.mark.parametrize("viewport", [DESK, PHONE], ids=["desk", "phone"])
async def test_a_second_click_on_join_does_not_leave_nor_one_on_leave_join(
    make_stack: MakeStack, artifacts: Path, viewport: dict[str, int]
) -> None:
    stack = make_stack()
    await stack.start_api()
    async with chromium(Scene(SAME_PERSON), viewport=viewport) as browser:
        page = await browser.new_page()
        await page.goto(stack.base_url)
        panel, join, leave = (page.get_by_test_id(name) for name in ("join", "join-button", "leave-button"))
        await expect(page.get_by_test_id("join-room")).to_have_value(stack.room, timeout=LOOK)
        await join.scroll_into_view_if_needed()
        where_join_was, scrolled = await _area(join), await page.evaluate("scrollY")
        await join.focus()
        await page.keyboard.press("Enter")
        await expect(leave).to_be_visible(timeout=LOOK)
        await page.evaluate("y => scrollTo(0, y)", scrolled)
        assert _apart(where_join_was, await _area(leave))
        assert await page.evaluate(FOCUSED) == "Camera"  # what Enter presses next does not leave either
        assert await page.evaluate(CHECKS) == []
        await page.screenshot(path=artifacts / f"page-joined-{viewport['width']}.png")

        where_leave_was = await _area(leave)
        await leave.focus()
        await page.keyboard.press("Enter")
        await expect(panel).to_have_attribute("data-phase", "out", timeout=LOOK)
        assert _apart(where_leave_was, await _area(join))
        assert await page.evaluate(FOCUSED) == "Preview the camera"


async def test_the_keyboard_goes_on_near_by_when_what_had_it_is_gone(web: WebProcess, fake: FakeRecognizer) -> None:
    await fake.match("Gone", ago=120)
    await fake.heartbeat(track("Ann", "hold", deadline_in=9))
    await fake.match("Ann")
    async with looking(web) as page:
        await page.get_by_test_id("past").locator("summary").click(timeout=LOOK)
        await _erase(page, "Gone")
        await expect(page.locator("#participants :focus")).to_have_count(1, timeout=LOOK)  # near the card that went

        ann = card_of(page, "Ann")
        await ann.get_by_label("More about Ann").focus()
        await page.keyboard.press("Enter")
        await page.keyboard.press("Tab")
        await page.keyboard.press("Enter")
        await page.keyboard.press("Escape")  # the dialog was opened from a menu, which is closed by now
        await expect(ann.get_by_label("More about Ann")).to_be_focused(timeout=LOOK)

        files = page.get_by_test_id("reference-file")
        await files.set_input_files(DATA / REFERENCE)
        await expect(page.get_by_test_id("reference-accepted")).to_be_visible(timeout=LOOK)
        await files.set_input_files({"name": "notes.png", "mimeType": "image/png", "buffer": b"no picture at all"})
        await page.get_by_role("button", name="Keep it").focus(timeout=LOOK)
        await page.keyboard.press("Enter")  # it is gone with what it was about
        await expect(page.locator("#reference :focus")).to_have_count(1, timeout=LOOK)
        await page.get_by_label("More about the reference").focus()
        await page.keyboard.press("Enter")
        await page.keyboard.press("Tab")
        await page.keyboard.press("Enter")
        await page.get_by_test_id("erase-confirm").press("Enter")
        await expect(page.get_by_test_id("erase-receipt")).to_be_visible(timeout=LOOK)
        await expect(page.get_by_label("More about the reference")).to_have_count(0, timeout=LOOK)
        await page.keyboard.press("Escape")
        await expect(page.locator("#reference :focus")).to_have_count(1, timeout=LOOK)


async def _erase(page: Page, name: str) -> None:
    """By keyboard, to the end."""
    menu = card_of(page, name).get_by_label(f"More about {name}")
    await menu.focus(timeout=LOOK)
    await page.keyboard.press("Enter")
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    await page.get_by_test_id("erase-confirm").press("Enter")
    await expect(page.get_by_test_id("erase-receipt")).to_be_visible(timeout=LOOK)
    await expect(card_of(page, name)).to_have_count(0, timeout=LOOK)
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("dialog")).to_have_count(0)


async def test_the_score_shows_in_forced_colours(web: WebProcess, fake: FakeRecognizer) -> None:
    await fake.heartbeat(track("Ann", "hold", deadline_in=9))
    await fake.match("Ann")
    async with looking(web) as page:
        await expect(card_of(page, "Ann")).to_have_attribute("data-state", "match", timeout=LOOK)
        await page.emulate_media(forced_colors="active", reduced_motion="reduce")
        fill, ground, width = await card_of(page, "Ann").get_by_role("meter").evaluate(BAR)
        assert fill != ground
        assert width > 0


@pytest.mark.parametrize("width", [720, 640, 512], ids=["of-1440", "of-1280", "of-1024"])
async def test_nothing_is_cut_off_at_200_percent(
    web: WebProcess, fake: FakeRecognizer, artifacts: Path, width: int
) -> None:
    await everybody(fake)
    viewport = {"width": width, "height": 450}
    async with looking(web, viewport=viewport) as page:
        await expect(page.get_by_test_id("card").first).to_be_visible(timeout=LOOK)
        assert await page.evaluate(CHECKS) == []
        await page.screenshot(path=artifacts / f"page-zoomed-{width}.png", full_page=True)


async def test_thumbnails_show_the_face(web: WebProcess, fake: FakeRecognizer) -> None:
    await fake.match("Ann")  # a face of 160 pixels in a picture of 640 by 360
    async with looking(web) as page:
        shot = page.get_by_test_id("sighting-row").get_by_test_id("face-shot")
        await expect(shot).to_have_attribute("data-fit", "face", timeout=LOOK)
        seen: dict[str, Any] = await shot.evaluate("""shot => {
            const [window, image] = [shot.getBoundingClientRect(), shot.querySelector("img").getBoundingClientRect()];
            const scale = image.width / 640;
            return { scale, shape: image.width / image.height, size: [window.width, window.height],
                     left: (window.left - image.left) / scale, top: (window.top - image.top) / scale,
                     right: (window.right - image.left) / scale, bottom: (window.bottom - image.top) / scale };
        }""")
        assert seen["size"] == [48, 48]
        assert seen["shape"] == pytest.approx(640 / 360, rel=0.02)
        assert (seen["left"] <= 240, seen["right"] >= 400) == (True, True)
        assert (seen["top"] <= 100, seen["bottom"] >= 260) == (True, True)
        assert 160 * seen["scale"] > 24, "half of the thumbnail and more is face"
