"""What happened last, beside the cards: a stay is one line that goes on, and the end of a match is told until seen."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from playwright.async_api import expect

from tests.rig.enrolling import upload_reference
from tests.rig.fake_recognizer import track
from tests.rig.page import CHECKS, LOOK, PHONE, card_of, looking
from tests.rig.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from tests.rig.fake_recognizer import FakeRecognizer
    from tests.rig.web import WebProcess


async def test_a_stay_is_one_line_that_goes_on_until_its_end_is_seen(
    web: WebProcess, fake: FakeRecognizer, artifacts: Path
) -> None:
    await upload_reference(web)
    await fake.heartbeat(track("Ann", "hold", deadline_in=9), track("Bob", "wait", deadline_in=9))
    await fake.check("Bob", "muted", ago=50)
    for ago in (40, 30):
        await fake.match("Ann", ago=ago)
    await fake.check("Ann", "match", best=0.45, ago=20)
    async with looking(web) as page:
        rows = page.get_by_test_id("sighting-row")
        ann = page.locator("[data-testid=sighting-row][data-identity=Ann]")
        await expect(ann).to_contain_text("3 looks", timeout=LOOK)
        await expect(ann).to_contain_text("Matching")
        await expect(page.locator("[data-testid=sighting-row][data-identity=Bob]")).to_contain_text("Camera off")
        await expect(rows.filter(has_text="Changed the reference photo")).to_have_count(1)
        await expect(rows).to_have_count(3)

        await fake.check("Ann", "match", best=0.25)
        await expect(ann).to_contain_text("best 0.75 · 4 looks", timeout=LOOK)
        answer = await page.request.post(f"{web.base_url}/api/viewings", data={})
        assert answer.ok
        await expect(rows.first).to_contain_text("Watches the room", timeout=LOOK)
        await page.screenshot(path=artifacts / "page-sightings.png")

        card = card_of(page, "Ann")
        await fake.check("Ann", "no_match", best=0.8)
        await expect(card).to_have_attribute("data-ended", "unseen", timeout=LOOK)
        await expect(card.get_by_test_id("card-phase")).to_have_text(re.compile(r"^matched (just now|\d+ s ago) · "))
        await expect(page.get_by_test_id("answer")).to_have_text(re.compile(r"No match\s*matched .*: Ann"))
        await expect(ann).to_contain_text("Match")
        await expect(ann).not_to_contain_text("Matching", timeout=LOOK)
        assert await page.evaluate(CHECKS) == []
        await page.screenshot(path=artifacts / "page-match-ended.png")
        await expect(card.get_by_test_id("card-phase")).to_contain_text(re.compile("matched [2-9] s ago|matched .. s"))

        async def seen() -> bool:
            await page.keyboard.press("Shift")  # somebody is there
            return await card.get_attribute("data-ended") is None

        await wait_until(seen, within=LOOK / 1000, what="the end of the match is seen")
        await expect(page.get_by_test_id("answer")).not_to_contain_text("matched")

        await page.get_by_test_id("live-looks").click()
        await expect(page.get_by_test_id("activity-row")).to_have_count(8)
        await page.get_by_test_id("live-sightings").click()
        await page.set_viewport_size(PHONE)  # type: ignore[arg-type]
        await ann.scroll_into_view_if_needed()
        assert await page.evaluate(CHECKS) == []
        await page.screenshot(path=artifacts / "page-sightings-phone.png")
        await ann.get_by_role("button", name="Enlarge").click()
        await expect(page.get_by_test_id("viewer").locator("img")).to_be_visible()
        await page.keyboard.press("Escape")
        await ann.get_by_role("button", name="Ann", exact=True).click()
        await expect(page.get_by_test_id("happened-row")).to_have_count(1)
        assert "identity=Ann" in page.url
