"""An alarm stays on every page until somebody has looked at it, and who it was stays in the log."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import aiohttp
from playwright.async_api import expect

from tests.rig.enrolling import enrol
from tests.rig.fake_recognizer import track
from tests.rig.page import CHECKS, LOOK, PHONE, looking

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.async_api import Page

    from tests.rig.fake_recognizer import FakeRecognizer
    from tests.rig.web import WebProcess

FOCUS = "document.activeElement.localName"


async def test_an_alarm_stays_until_somebody_has_looked_at_it(
    web: WebProcess, fake: FakeRecognizer, artifacts: Path
) -> None:
    collins = await enrol(web, "Collins", "collins.jpg")
    await fake.heartbeat(track("Ann", "hold", deadline_in=9), track("Bob", "wait", deadline_in=9))
    async with looking(web) as page, looking(web, viewport=PHONE) as other:
        await expect(page.get_by_test_id("alarm")).to_have_count(0)
        await expect(page.locator("#alarms")).to_be_hidden()  # nothing to say
        await fake.match("Ann")
        await fake.match("Bob", person=collins)
        for one in (page, other):
            await expect(one.get_by_test_id("alarm")).to_have_count(2, timeout=LOOK)
            await expect(one.get_by_test_id("alarm").last).to_contain_text("as Ann")
            await expect(one.get_by_test_id("alarm-count")).to_have_text("2 alarms")
            await expect(one.get_by_test_id("alarm-count")).to_be_in_viewport(ratio=1)
            assert (await one.title()).startswith("(2) ")
            assert await one.evaluate(CHECKS) == []
            await one.screenshot(path=artifacts / f"page-alarms-{await one.evaluate('innerWidth')}.png")

        await page.reload()
        await expect(page.get_by_test_id("alarm")).to_have_count(2, timeout=LOOK)

        await other.get_by_role("button", name="Acknowledge: Match: the person of the photo as Ann").focus()
        await other.keyboard.press("Enter")
        for one in (page, other):
            await expect(one.get_by_test_id("alarm")).to_have_count(1, timeout=LOOK)
            await expect(one.get_by_test_id("alarm")).to_contain_text("as Bob")
            await expect(one.get_by_test_id("alarm-count")).to_have_text("1 alarm")
            await expect(one.get_by_test_id("alarms-recent")).to_have_count(1)
        assert await other.evaluate(FOCUS) != "body"

        await page.get_by_role("link", name="People", exact=True).click()
        await page.get_by_test_id("alarm-count").click()  # from wherever one is
        await expect(page.get_by_test_id("alarm")).to_be_in_viewport(ratio=1)
        await page.get_by_test_id("alarm-count").click()
        await expect(page.locator("#alarms")).to_be_focused()
        await expect(page.get_by_test_id("alarm-faces")).to_contain_text("Snapshot")
        await expect(page.get_by_test_id("alarm-portrait")).to_contain_text("Seen: Collins")
        assert await page.get_by_test_id("alarm-portrait").locator("img").evaluate("image => image.naturalWidth") > 0
        await _ask_for_sound(page, artifacts)
        await page.reload()  # nothing has been pressed yet
        await expect(page.get_by_test_id("tell")).to_have_accessible_name(re.compile("blocked"))
        await page.get_by_test_id("alarm-count").click()
        await expect(page.get_by_test_id("tell")).to_have_accessible_name("Alarm sound: on")
        await page.get_by_test_id("wrong").click()
        await expect(other.get_by_test_id("alarm-count")).to_have_count(0, timeout=LOOK)
        assert not (await other.title()).startswith("(")
        await page.get_by_text("Acknowledged").click()
        await expect(page.get_by_test_id("alarms-recent")).to_contain_text(re.compile("as Bob.*, wrong"))
        assert await page.evaluate(CHECKS) == []

    async with aiohttp.ClientSession() as session, session.get(f"{web.base_url}/api/events?type=alarm") as answer:
        told = (await answer.json())["events"]
    assert [event["participant_identity"] for event in told if event["change"] == "acknowledged"] == ["Ann"]
    assert [event["verdict"] for event in told if event["change"] == "judged"] == ["wrong"]
    assert [event["by"].split(",")[0] for event in told if event["change"] == "judged"] == ["Dana Müller"]
    assert all(event["by"] for event in told if event["change"] == "acknowledged")


async def _ask_for_sound(page: Page, artifacts: Path) -> None:
    await page.get_by_test_id("tell").click()
    await page.get_by_test_id("tell-sound").check()
    await page.get_by_test_id("operator-name").fill("Dana Müller")
    await expect(page.get_by_test_id("tell")).to_have_accessible_name("Alarm sound: on")
    assert await page.evaluate(CHECKS) == []
    await page.keyboard.press("Tab")
    await page.screenshot(path=artifacts / "page-alarms-told.png")
    await page.keyboard.press("Escape")
