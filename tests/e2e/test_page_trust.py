"""What the page shows is so now, of the one whose name stands beside it, or it says that it does not know."""

from __future__ import annotations

import io
import re
import signal
from typing import TYPE_CHECKING

import pytest
from PIL import Image, ImageFilter
from playwright.async_api import expect

from tests.rig.fake_recognizer import FakeRecognizer, track
from tests.rig.page import CHECKS, DESK, LOOK, PHONE, card_of, looking
from tests.rig.photographs import DATA, REFERENCE

if TYPE_CHECKING:
    from pathlib import Path

    from tests.rig.web import WebProcess

DOUBT_MS = 6000
"""Without news for so long the page doubts; it looks once a second, and these machines are slow."""

DIMMED = """card => [
    getComputedStyle(card.querySelector(".card-verdict")).backgroundColor,
    getComputedStyle(card.querySelector(".picture-media, .initials")).filter,
]"""


async def test_somebody_under_the_name_of_one_who_left_is_shown_without_their_picture(
    web: WebProcess, fake: FakeRecognizer
) -> None:
    await fake.heartbeat(track("Ann", "hold", deadline_in=9))
    await fake.match("Ann")
    async with looking(web) as page:
        ann = card_of(page, "Ann")
        picture = ann.get_by_role("button", name="Enlarge the last snapshot of Ann")
        await expect(ann).to_have_attribute("data-state", "match", timeout=LOOK)
        await expect(picture).to_be_visible()
        await expect(ann).to_contain_text(re.compile(r"snapshot\s+\d+:\d\d:\d\d"))  # pictures have their time
        await fake.heartbeat()
        await expect(ann).to_have_attribute("data-reason", "left", timeout=LOOK)
        await expect(picture).to_be_visible()  # the picture is of the one who left, and so is the card

        await fake.heartbeat(track("Ann", "probe", visit=2))
        await expect(ann).to_have_attribute("data-state", "looking", timeout=LOOK)
        await expect(picture).to_have_count(0)
        await fake.check("Ann", "no_match", best=0.8, visit=2)
        await expect(ann).to_have_attribute("data-state", "no_match", timeout=LOOK)
        await expect(picture).to_have_count(0)
        await fake.match("Ann", visit=1, ago=30)  # delivered late: a recognizer that was cut off has it for long
        await page.get_by_test_id("live-looks").click()
        await expect(page.locator("[data-testid=activity-row][data-type=match]")).to_have_count(2, timeout=LOOK)
        await expect(ann).to_have_attribute("data-state", "no_match")
        await expect(picture).to_have_count(0)
        await page.reload()
        await expect(ann).to_have_attribute("data-state", "no_match", timeout=LOOK)
        await expect(picture).to_have_count(0)


@pytest.mark.parametrize("viewport", [DESK, PHONE], ids=["desk", "phone"])
async def test_without_news_nothing_is_green(
    web: WebProcess, fake: FakeRecognizer, artifacts: Path, viewport: dict[str, int]
) -> None:
    await fake.heartbeat(track("Ann", "hold", deadline_in=9))
    await fake.match("Ann")
    async with looking(web, viewport=viewport) as page:
        ann, answer = card_of(page, "Ann"), page.get_by_test_id("answer")
        await expect(ann).to_have_attribute("data-state", "match", timeout=LOOK)
        green = await ann.evaluate(DIMMED)
        web.process.send(signal.SIGSTOP)  # connections stay, and nothing is ever said
        try:
            await expect(page.get_by_test_id("connection")).to_have_attribute(
                "data-level", "doubtful", timeout=2 * DOUBT_MS
            )
            await expect(ann).to_have_attribute("data-reason", "doubt")
            await expect(answer).to_have_attribute("data-kind", "doubt")
            await expect(answer).to_have_text(re.compile(r"No news for \d+ s\s*Last known: match, Ann"))
            await expect(page).to_have_title(re.compile(r"^(\(\d+\) )?No news"))
            await expect(page.locator("#announcer")).to_have_text(re.compile("No news"))
            await expect(ann.get_by_test_id("countdown")).to_have_count(0)
            dim = await ann.evaluate(DIMMED)
            assert dim[0] != green[0]
            assert dim[1] != green[1]
            assert await page.evaluate(CHECKS) == []
            await page.screenshot(path=artifacts / f"page-doubt-{viewport['width']}.png")
        finally:
            web.process.send(signal.SIGCONT)
        await expect(ann).to_have_attribute("data-reason", "", timeout=LOOK)
        await expect(answer).to_have_attribute("data-kind", "match")


async def test_who_cannot_be_looked_at_is_said_so(web: WebProcess, fake: FakeRecognizer) -> None:
    unseen = (("Ann", "encrypted", "Encrypted"), ("Bob", "denied", "Not shared"), ("Cid", "too_large", "Too large"))
    await fake.heartbeat(*(track(name, "wait", deadline_in=9) for name, _, _ in unseen))
    async with looking(web) as page:
        for name, outcome, word in unseen:
            await fake.check(name, outcome)
            await expect(card_of(page, name)).to_have_attribute("data-state", outcome, timeout=LOOK)
            await expect(card_of(page, name).get_by_test_id("card-state")).to_have_text(word)
            await expect(card_of(page, name).get_by_test_id("card-phase")).not_to_have_text(re.compile("waiting"))
        assert await page.evaluate(CHECKS) == []


async def test_a_second_recognizer_of_the_room_is_said_so(web: WebProcess, fake: FakeRecognizer) -> None:
    async with looking(web) as page, FakeRecognizer(web, source="another") as another:
        recognizer = page.get_by_test_id("recognizer")
        for one in (fake, another):
            await one.heartbeat(track("Ann", "probe"), reference_id="0123456789abcdef")
        await expect(recognizer).to_have_attribute("data-recognizer", "rivals", timeout=2 * LOOK)
        await recognizer.click()
        await expect(page.get_by_text("Stop all but one")).to_be_visible()
        assert await page.evaluate(CHECKS) == []


async def test_a_weak_photo_is_accepted_and_said_to_be_weak(web: WebProcess, artifacts: Path) -> None:
    sharp = DATA / REFERENCE
    blurred = io.BytesIO()
    with Image.open(sharp) as photo:
        photo.filter(ImageFilter.GaussianBlur(9)).save(blurred, "JPEG")
    async with looking(web) as page:
        files, weak = page.get_by_test_id("reference-file"), page.get_by_test_id("reference-weak")
        await files.set_input_files({"name": "a.jpg", "mimeType": "image/jpeg", "buffer": blurred.getvalue()})
        await expect(weak).to_have_text(re.compile(r"weak photo.*blurred"), timeout=LOOK)
        await expect(page.get_by_test_id("reference-image")).to_be_visible(timeout=LOOK)
        await expect(weak).to_be_visible()  # for as long as it is in use
        assert await page.evaluate(CHECKS) == []
        await page.screenshot(path=artifacts / "page-weak-photo.png")
        await files.set_input_files(sharp)
        await expect(page.get_by_test_id("reference-accepted")).to_be_visible(timeout=LOOK)
        await expect(weak).to_have_count(0, timeout=LOOK)
