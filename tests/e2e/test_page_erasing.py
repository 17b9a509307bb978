"""Erasing in the page: by keyboard and by mouse, from the small menu to the receipt."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from playwright.async_api import expect

from tests.rig.fake_recognizer import FakeRecognizer, track
from tests.rig.page import CHECKS, LOOK, PHONE, card_of, everybody, looking
from tests.rig.photographs import DATA, REFERENCE

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.async_api import Page

    from tests.rig.web import WebProcess


class _Using(FakeRecognizer):
    """Says of each event with which reference it was made."""

    reference_id: str | None = None

    def _event(self, name: str, ago: float, visit: int) -> dict[str, Any]:
        return {**super()._event(name, ago, visit), "reference_id": self.reference_id}


async def _announced_focus(page: Page) -> str:
    """The test id of what has the keyboard."""
    found: str = await page.evaluate("document.activeElement?.dataset.testid ?? document.activeElement?.tagName")
    return found


async def test_a_person_who_left_is_erased_by_keyboard(web: WebProcess, fake: FakeRecognizer, artifacts: Path) -> None:
    await everybody(fake)
    async with looking(web, viewport=PHONE) as page:
        await page.get_by_test_id("past").locator("summary").click(timeout=LOOK)
        card = card_of(page, "Gone")
        await expect(card).to_be_visible(timeout=LOOK)
        await page.get_by_test_id("live-looks").click()
        rows = page.locator("[data-testid=activity-row][data-identity=Gone]")
        await expect(rows).to_have_count(2)

        await card.get_by_label("More about Gone").focus()
        await page.keyboard.press("Enter")
        await expect(card.get_by_role("button", name=re.compile("Erase this participant.s records"))).to_be_visible()
        assert await page.evaluate(CHECKS) == []
        await page.keyboard.press("Escape")
        await expect(card.get_by_test_id("menu-item")).to_be_hidden()
        assert await _announced_focus(page) == "menu"
        await page.keyboard.press("Enter")
        await page.keyboard.press("Tab")
        await page.keyboard.press("Enter")

        dialog = page.get_by_role("dialog", name="Erase the records of Gone?")
        await expect(dialog).to_be_visible()
        assert await _announced_focus(page) == "erase-close"  # the harmless one
        await expect(dialog).to_contain_text("every snapshot")
        assert await page.evaluate(CHECKS) == []
        await page.screenshot(path=artifacts / "page-erase-phone.png")
        await page.keyboard.press("Escape")
        await expect(dialog).to_be_hidden()
        await expect(card).to_be_visible()

        await card.get_by_label("More about Gone").click()
        await card.get_by_test_id("menu-item").filter(has_text="Erase").click()
        await page.keyboard.press("Tab")
        await page.keyboard.press("Enter")
        receipt = dialog.get_by_test_id("erase-receipt")
        await expect(receipt).to_contain_text("Erased: 3 events and 1 snapshot.", timeout=LOOK)
        await expect(receipt).to_contain_text("as soon as it is back")  # a fake recognizer confirms nothing
        assert await page.evaluate(CHECKS) == []
        await expect(card).to_have_count(0)
        await expect(rows).to_have_count(0)
        assert await _announced_focus(page) == "erase-close"
        await page.keyboard.press("Enter")
        await expect(dialog).to_be_hidden()
        await page.reload()
        await expect(card_of(page, "Ann")).to_be_visible(timeout=LOOK)
        await expect(card).to_have_count(0)


async def test_what_cannot_be_erased_is_said(web: WebProcess, fake: FakeRecognizer) -> None:
    await everybody(fake)
    refused = {"detail": "This takes the role admin; you are here as viewer.", "code": "ROLE_REQUIRED"}
    async with looking(web) as page:
        await page.route("**/api/participants?**", lambda route: route.fulfill(status=403, json=refused))
        card = card_of(page, "Ann")
        await card.get_by_label("More about Ann").click()
        await card.get_by_test_id("menu-item").filter(has_text="Erase").click()
        await page.get_by_test_id("erase-confirm").click()
        await expect(page.get_by_test_id("erase-trouble")).to_have_text(re.compile("takes the role admin"))
        await page.get_by_test_id("erase-close").click()
        await expect(card).to_be_visible()


async def test_every_open_page_forgets_what_one_has_erased(web: WebProcess, fake: FakeRecognizer) -> None:
    await everybody(fake)
    async with looking(web) as page:
        other = await page.context.new_page()
        await other.goto(web.base_url)
        await other.get_by_test_id("live-looks").click()
        of_gone = other.locator("[data-testid=activity-row][data-identity=Gone]")
        of_others = other.locator("[data-testid=activity-row]:not([data-identity=Gone])")
        await expect(of_gone).to_have_count(2, timeout=LOOK)
        left = await of_others.count()
        assert left > 0
        await page.evaluate("fetch('/api/participants/Gone', { method: 'DELETE' })")
        await expect(of_gone).to_have_count(0, timeout=LOOK)
        await expect(card_of(other, "Gone")).to_have_count(0, timeout=LOOK)
        await expect(of_others).to_have_count(left, timeout=LOOK)


async def test_the_reference_is_removed_with_what_was_made_with_it(web: WebProcess, artifacts: Path) -> None:
    async with _Using(web) as finder, looking(web) as page:
        finder.reference_id = "of-long-ago"
        await finder.heartbeat(track("Ann", "hold", deadline_in=9), track("Bob", "hold", deadline_in=9))
        await finder.match("Ann", ago=30)
        await page.get_by_test_id("reference-file").set_input_files(DATA / REFERENCE)
        await expect(page.get_by_test_id("reference-accepted")).to_be_visible(timeout=LOOK)
        finder.reference_id = await page.evaluate("fetch('/api/status').then(r => r.json()).then(s => s.reference.id)")
        await finder.match("Ann", ago=2)
        await finder.match("Bob", ago=1)
        ann, bob = card_of(page, "Ann"), card_of(page, "Bob")
        for card in (ann, bob):
            await expect(card).to_have_attribute("data-state", "match", timeout=LOOK)
            await expect(card.get_by_role("button", name=re.compile("Enlarge"))).to_be_visible()
        await page.get_by_test_id("live-looks").click()
        rows = page.get_by_test_id("activity-row")
        await expect(rows).to_have_count(6)

        await page.get_by_label("More about the reference").click()
        await page.get_by_role("button", name="Remove the reference…").click()
        dialog = page.get_by_role("dialog", name="Remove the reference?")
        for consequence in (
            "the photo",
            "every event",
            "every snapshot",
            "nobody is looked for until a photo is added",
        ):
            await expect(dialog).to_contain_text(consequence)
        assert await page.evaluate(CHECKS) == []
        await page.screenshot(path=artifacts / "page-erase-reference.png")
        await dialog.get_by_role("button", name="Remove it").click()
        receipt = dialog.get_by_test_id("erase-receipt")
        await expect(receipt).to_contain_text("Removed: 5 events and 2 snapshots.", timeout=LOOK)
        await expect(page.get_by_test_id("reference-preview")).to_have_count(0)  # the same photo, from this machine
        await page.screenshot(path=artifacts / "page-erase-reference-receipt.png")
        await dialog.get_by_role("button", name="Close").click()
        await finder.heartbeat(track("Ann", "idle"), track("Bob", "idle"))  # as the recognizer does at once

        await expect(rows).to_have_count(2)
        await expect(rows.and_(page.locator("[data-identity=Ann]"))).to_have_count(2)
        for card in (ann, bob):
            await expect(card).not_to_have_attribute("data-state", "match", timeout=LOOK)
        await expect(bob.get_by_role("button", name=re.compile("Enlarge"))).to_have_count(0)
        await expect(ann.get_by_role("button", name=re.compile("Enlarge"))).to_be_visible()  # the one of long ago
        await expect(page.get_by_test_id("reference-image")).to_have_count(0, timeout=LOOK)
        await expect(page.get_by_test_id("answer")).to_have_attribute("data-kind", "no_reference", timeout=LOOK)
        await page.reload()
        await page.get_by_test_id("live-looks").click(timeout=LOOK)
        await expect(rows).to_have_count(2, timeout=LOOK)


async def test_a_reference_with_which_nothing_was_made(web: WebProcess) -> None:
    async with looking(web) as page:
        await page.get_by_test_id("reference-file").set_input_files(DATA / REFERENCE)
        await expect(page.get_by_test_id("reference-accepted")).to_be_visible(timeout=LOOK)
        await page.get_by_label("More about the reference").click()
        await page.get_by_test_id("menu-item").click()
        await page.get_by_test_id("erase-confirm").click()
        await expect(page.get_by_test_id("erase-receipt")).to_have_text(
            re.compile(r"^\s*Removed\.(\s|$)"), timeout=LOOK
        )
