"""The whole of it as a person sees it: a real browser, a camera that shows a real face, the page, the real server."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from playwright.async_api import Page, expect

from tests.rig.chromium import chromium
from tests.rig.photographs import DATA, NO_FACE, REFERENCE, SAME_PERSON, STRANGER, Scene

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.async_api import Locator

    from tests.rig.stacks import MakeStack

LOOK = 20_000
"""Milliseconds within which the page shows what has happened; two busy cores encode, decode and draw."""

CAMERA = Scene(SAME_PERSON, width=1280, height=720, face=240)
STRANGERS_CAMERA = Scene(STRANGER, width=1280, height=720, face=240)
PHONE = {"width": 360, "height": 780}


async def test_a_person_uploads_a_photo_joins_and_sees_the_match(make_stack: MakeStack, artifacts: Path) -> None:
    stack = make_stack(hold_seconds=3)
    await stack.start(reference=None)
    async with chromium(CAMERA) as browser:
        page = await browser.new_page()
        trouble = _listen_for_trouble(page)
        await page.goto(stack.base_url)
        await expect(page.get_by_test_id("connection")).to_have_attribute("data-level", "live", timeout=LOOK)
        await expect(page.get_by_test_id("answer")).to_have_attribute("data-kind", "no_reference", timeout=LOOK)
        await page.screenshot(path=artifacts / "page-first-visit.png")

        await page.get_by_test_id("reference-file").set_input_files(DATA / REFERENCE)
        await expect(page.get_by_test_id("reference-image")).to_be_visible(timeout=LOOK)

        await page.get_by_test_id("join-name").fill("Alice42")
        await expect(page.get_by_test_id("join-room")).to_have_value(stack.room)
        await page.get_by_test_id("join-button").click()
        card = _card(page, "Alice42")
        await expect(card).to_have_attribute("data-state", "match", timeout=LOOK)
        await expect(card.get_by_test_id("card-state")).to_have_text(re.compile("match", re.IGNORECASE))
        await expect(card.get_by_test_id("score")).to_be_visible()
        await expect(card.get_by_test_id("card-phase")).to_contain_text("next look", timeout=LOOK)
        await expect(card.get_by_test_id("face-outline")).to_be_visible(timeout=LOOK)
        assert await _plays(card.locator("video"))
        await card.get_by_role("button", name="Enlarge the live video of Alice42").click()
        large = page.get_by_test_id("enlarged")
        await expect(large).to_contain_text("Match")
        assert await _plays(large.locator("video"))
        await page.keyboard.press("Escape")
        await expect(large).to_have_count(0)
        await expect(page.get_by_test_id("answer")).to_have_attribute("data-kind", "match")

        row = page.locator("[data-testid=sighting-row][data-type=match]").first
        snapshot = row.locator("img")
        await expect(snapshot).to_be_visible(timeout=LOOK)
        assert await snapshot.evaluate("image => image.decode().then(() => image.naturalWidth)") > 0
        await page.screenshot(path=artifacts / "page-match.png")

        await row.get_by_role("button", name=re.compile("Enlarge")).click()
        await expect(page.get_by_test_id("viewer").locator("img")).to_be_visible()
        await page.screenshot(path=artifacts / "page-snapshot.png")
        await page.keyboard.press("Escape")

        await page.get_by_test_id("leave-button").click()
        await expect(page.get_by_test_id("join")).to_have_attribute("data-phase", "out", timeout=LOOK)
        await expect(card).not_to_have_attribute("data-state", "match", timeout=LOOK)
        assert trouble == []


async def test_a_stranger_is_no_match_and_a_reload_remembers(make_stack: MakeStack, artifacts: Path) -> None:
    stack = make_stack()
    await stack.start(reference=REFERENCE)
    async with chromium(STRANGERS_CAMERA) as browser, stack.publishers() as publishers:
        await publishers.on_air(stack.room, "wanted", Scene(SAME_PERSON))
        page = await browser.new_page()
        trouble = _listen_for_trouble(page)
        await page.goto(stack.base_url)
        await page.get_by_test_id("setup-button").click()
        await page.get_by_test_id("join-name").fill("Bird")
        await page.get_by_test_id("join-button").click()
        stranger, wanted = _card(page, "Bird"), _card(page, "wanted")
        await expect(stranger).to_have_attribute("data-state", "no_match", timeout=LOOK)
        await expect(stranger.get_by_test_id("card-state")).to_have_text(re.compile("no match", re.IGNORECASE))
        await expect(wanted).to_have_attribute("data-state", "match", timeout=LOOK)
        assert await _plays(wanted.locator("video"))  # what another one publishes
        await page.screenshot(path=artifacts / "page-stranger.png")

        await page.reload()
        await expect(_card(page, "wanted")).to_have_attribute("data-state", "match", timeout=LOOK)
        await expect(page.locator("[data-testid=sighting-row][data-identity=wanted]").first).to_be_visible(timeout=LOOK)
        assert trouble == []


async def test_a_photo_without_a_face_is_refused_in_plain_words(make_stack: MakeStack, artifacts: Path) -> None:
    stack = make_stack()
    await stack.start(reference=REFERENCE)
    before = stack.reference.read_bytes()
    async with chromium(CAMERA, viewport=PHONE) as browser:
        page = await browser.new_page()
        await page.goto(stack.base_url)
        await page.get_by_test_id("setup-button").click(timeout=LOOK)
        await page.get_by_test_id("reference-file").set_input_files(DATA / NO_FACE)
        await expect(page.get_by_test_id("reference-refused")).to_contain_text("No face", timeout=LOOK)
        await expect(page.get_by_test_id("reference-still")).to_be_visible()
        assert await page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
        await page.screenshot(path=artifacts / "page-refused-phone.png", full_page=True)
    assert stack.reference.read_bytes() == before


@pytest.mark.parametrize("name", ["<img src=x onerror=alert(1)>"])
async def test_what_a_participant_calls_itself_is_only_text(make_stack: MakeStack, name: str) -> None:
    stack = make_stack()
    await stack.start()
    async with chromium(CAMERA) as browser, stack.publishers() as publishers:
        page = await browser.new_page()
        trouble = _listen_for_trouble(page)
        await page.goto(stack.base_url)
        await publishers.on_air(stack.room, name, Scene(SAME_PERSON))
        await expect(page.get_by_role("heading", name=name)).to_be_visible(timeout=LOOK)
        await expect(page.get_by_test_id("card")).to_have_attribute("data-state", "match", timeout=LOOK)
        assert await page.locator("img[src=x]").count() == 0
        assert trouble == []


async def test_the_page_says_when_it_is_offline_and_comes_back_by_itself(
    make_stack: MakeStack, artifacts: Path
) -> None:
    stack = make_stack()
    await stack.start()
    async with chromium(CAMERA) as browser, stack.publishers() as publishers:
        await publishers.on_air(stack.room, "Alice", Scene(SAME_PERSON))
        page = await browser.new_page()
        await page.goto(stack.base_url)
        await expect(_card(page, "Alice")).to_have_attribute("data-state", "match", timeout=LOOK)
        stack.api.end()
        connection = page.get_by_test_id("connection")
        await expect(connection).to_have_attribute("data-level", re.compile("offline|reconnecting"), timeout=LOOK)
        await expect(_card(page, "Alice")).to_have_attribute("data-state", "offline", timeout=LOOK)
        await page.screenshot(path=artifacts / "page-offline.png")
        await stack.start_api()
        await expect(connection).to_have_attribute("data-level", "live", timeout=60_000)
        await expect(_card(page, "Alice")).to_have_attribute("data-state", "match", timeout=LOOK)


def _card(page: Page, name: str) -> Locator:
    """By the name shown: the identity of who joins on the page is the API's choice."""
    return page.get_by_test_id("card").filter(has=page.get_by_role("heading", name=name))


async def _plays(video: Locator) -> bool:
    """Whether the picture moves: time goes on and there are pixels."""
    script = """video => new Promise(resolve => {
        const started = video.currentTime;
        video.requestVideoFrameCallback(() => video.requestVideoFrameCallback(() =>
            resolve(video.videoWidth > 0 && video.currentTime >= started)));
    })"""
    return bool(await video.evaluate(script))


def _listen_for_trouble(page: Page) -> list[str]:
    """Errors of the page's scripts, dialogs, and requests to anybody but the machine itself, as they happen."""
    trouble: list[str] = []
    page.on("pageerror", lambda error: trouble.append(f"error: {error}"))
    page.on("dialog", lambda dialog: trouble.append(f"dialog: {dialog.message}"))

    def check(request: Any) -> None:
        if not re.match(r"(https?|wss?)://(127\.0\.0\.1|localhost)[:/]|blob:|data:", request.url):
            trouble.append(f"request: {request.url}")

    page.on("request", check)
    return trouble
