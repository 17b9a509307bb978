"""The live place with many in it: what matters is in view from wherever one is, and somebody is found."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import pytest
from playwright.async_api import expect

from tests.rig.enrolling import upload_reference
from tests.rig.fake_recognizer import FakeRecognizer, track
from tests.rig.page import CHECKS, DESK, LOOK, PHONE, card_of, looking
from tests.rig.photographs import DATA, REFERENCE
from tests.rig.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.async_api import Page

    from tests.rig.web import WebProcess

NAMES = [f"Person {number:02}" for number in range(60)]
TABLET = {"width": 1024, "height": 768}

TO_THE_END = """() => {
    const all = [document.scrollingElement, ...document.querySelectorAll("#live, #live *")];
    for (const one of all) one.scrollTop = one.scrollHeight;
}"""

WHOLE_IN_VIEW = """() => [...document.querySelectorAll("[data-testid=card]")].filter(card => {
    const { top, bottom } = card.getBoundingClientRect();
    return top >= 0 && bottom <= innerHeight;
}).length"""

FOCUSED = "document.activeElement.closest('[data-testid=card]')?.dataset.identity ?? document.activeElement.localName"


async def whole_in_view(page: Page, tiles: int) -> bool:
    """Whether so many tiles are, which takes until everything has its place."""
    return bool(await page.evaluate(WHOLE_IN_VIEW) >= tiles)


@pytest.mark.parametrize(("viewport", "tiles"), [(DESK, 20), (TABLET, 12), (PHONE, 2)], ids=["desk", "tablet", "phone"])
async def test_a_match_is_named_from_wherever_one_has_scrolled(
    web: WebProcess, fake: FakeRecognizer, artifacts: Path, viewport: dict[str, int], tiles: int
) -> None:
    await upload_reference(web)
    for number in range(15):
        await fake.match(f"Gone {number}", ago=120, snapshot=False)
    await fake.heartbeat(*(track(name, "wait", deadline_in=9) for name in NAMES))
    async with looking(web, viewport=viewport) as page:
        await expect(page.get_by_test_id("card")).to_have_count(49, timeout=LOOK)
        await expect(page.get_by_test_id("past")).to_contain_text("15 participants left")
        await wait_until(lambda: whole_in_view(page, tiles), within=LOOK / 1000, what="so many tiles are whole")
        assert await page.evaluate(CHECKS) == []
        answer = page.get_by_test_id("answer")
        await expect(page.get_by_test_id("sighting-row")).to_have_count(15 + 1, timeout=LOOK)  # and that of the photo
        await page.evaluate(TO_THE_END)
        await expect(answer).to_be_in_viewport(ratio=1)
        await fake.match("Person 55", snapshot=False)
        await expect(answer).to_contain_text("Match Person 55", timeout=LOOK)
        await expect(answer).to_be_in_viewport(ratio=1)
        await page.screenshot(path=artifacts / f"page-live-{viewport['width']}.png")
        assert await page.evaluate(CHECKS) == []

        await answer.click()
        await expect(card_of(page, "Person 55")).to_be_in_viewport(ratio=0.9)
        await expect(page.get_by_test_id("card").first).to_have_attribute("data-identity", "Person 55")
        assert await page.evaluate(FOCUSED) == "Person 55"

        await page.evaluate(TO_THE_END)
        await page.get_by_role("link", name="History").click()
        await fake.match("Person 58", snapshot=False)
        await expect(answer).to_contain_text("Match Person 55 and Person 58", timeout=LOOK)
        await expect(answer).to_be_in_viewport(ratio=1)


async def test_somebody_is_found_among_many(web: WebProcess, fake: FakeRecognizer) -> None:
    await upload_reference(web)
    await fake.heartbeat(*(track(name, "wait", deadline_in=9) for name in NAMES))
    await fake.match("Person 05", snapshot=False)
    async with looking(web) as page:
        cards = page.get_by_test_id("card")
        await expect(cards).to_have_count(49, timeout=LOOK)
        await page.get_by_role("button", name="Next").click()
        await expect(page.get_by_test_id("tiles-pages")).to_contain_text("50 to 60 of 60")
        await page.get_by_test_id("tiles-search").fill("person 3")
        await expect(cards).to_have_count(10)
        await page.get_by_test_id("tiles-search").fill("nobody of this name")
        await page.get_by_role("button", name="Show everybody").click()
        await expect(page.get_by_test_id("tiles-search")).to_have_value("")

        await page.get_by_label("More about Person 40").click()
        await page.get_by_role("button", name="Pin to the front").click()
        await expect(cards.nth(1)).to_have_attribute("data-identity", "Person 40")  # behind the match
        await page.get_by_test_id("tiles-search").fill("person 2")
        await page.get_by_test_id("answer").click()  # whatever was searched for
        assert await page.evaluate(FOCUSED) == "Person 05"


async def test_rooms_have_their_counts_and_an_address(web: WebProcess, fake: FakeRecognizer, artifacts: Path) -> None:
    await upload_reference(web)
    await fake.heartbeat(track("Ann", "wait", deadline_in=9), track("Bob", "wait", deadline_in=9))
    async with FakeRecognizer(web, "second", source="other") as other, looking(web) as page:
        await other.heartbeat(track("Ann", "wait", deadline_in=9))
        rooms = page.get_by_test_id("rooms")
        await expect(rooms.get_by_role("link", name="All rooms")).to_contain_text("3", timeout=LOOK)
        await other.match("Ann", snapshot=False)
        await expect(page.get_by_test_id("answer")).to_contain_text("Match Ann", timeout=LOOK)
        await expect(page.get_by_test_id("answer")).to_contain_text("in second")
        await expect(rooms.get_by_role("link", name="second")).to_contain_text("1 match")
        await expect(page.get_by_test_id("card")).to_have_count(3)
        assert await page.evaluate(CHECKS) == []
        await page.screenshot(path=artifacts / "page-rooms.png")

        await rooms.get_by_role("link", name="face-recognition-room").click()
        await expect(page.get_by_test_id("card")).to_have_count(2)
        await expect(card_of(page, "Ann")).not_to_have_attribute("data-state", "match")
        await page.get_by_test_id("answer").click()
        await expect(page.get_by_test_id("card")).to_have_count(1)
        await expect(card_of(page, "Ann")).to_have_attribute("data-state", "match")
        assert page.url.endswith("#/live/second")
        await page.reload()
        await expect(rooms.get_by_role("link", name="second")).to_have_attribute("aria-current", "page", timeout=LOOK)
        await expect(page.get_by_test_id("card")).to_have_count(1, timeout=LOOK)


async def test_a_match_in_one_of_many_rooms_is_named(web: WebProcess, fake: FakeRecognizer) -> None:
    await upload_reference(web)
    await fake.heartbeat(track("Ann", "wait", deadline_in=9))
    async with AsyncExitStack() as stack:
        rooms = [FakeRecognizer(web, f"room-{number:02}", source=f"other-{number}") for number in range(20)]
        for room in rooms:
            await stack.enter_async_context(room)
            await room.heartbeat(track("Bob", "wait", deadline_in=9))
        page = await stack.enter_async_context(looking(web))
        await expect(page.get_by_test_id("card")).to_have_count(13, timeout=LOOK)  # as many are asked about
        await page.get_by_test_id("rooms").get_by_role("link", name="room-03").click()
        await rooms[19].heartbeat(*(track(name, "wait", deadline_in=9) for name in ("Bob", "Zoe")))  # she stays
        await rooms[19].match("Zoe", snapshot=False)
        answer = page.get_by_test_id("answer")
        await expect(answer).to_contain_text("Match Zoe", timeout=LOOK)
        await expect(answer).to_contain_text("in room-19")
        await answer.click()
        await expect(card_of(page, "Zoe")).to_have_attribute("data-state", "match")
        await expect(card_of(page, "Bob")).to_have_count(1, timeout=LOOK)  # it is asked about now


async def test_what_is_set_up_once_is_put_away(web: WebProcess) -> None:
    async with looking(web) as page:
        drawer, button = page.locator("#setup"), page.get_by_test_id("setup-button")
        await expect(drawer).to_be_visible(timeout=LOOK)  # there is nothing yet
        await page.get_by_test_id("reference-file").set_input_files(DATA / REFERENCE)
        await expect(page.get_by_test_id("reference-accepted")).to_be_visible(timeout=LOOK)
        await expect(drawer).to_be_visible()  # it does not close under one's hands
        await page.reload()
        await expect(button).to_contain_text("photo in use", timeout=LOOK)
        await expect(drawer).to_be_hidden()
        await button.focus()
        await page.keyboard.press("Enter")
        await expect(drawer.locator(":focus")).to_have_count(1)

        before = await _pixels(page)
        await page.get_by_test_id("reference-file").set_input_files(DATA / "biden.jpg")
        await expect(page.get_by_test_id("reference-accepted")).to_be_visible(timeout=LOOK)
        await expect(page.get_by_test_id("reference-image")).to_be_visible(timeout=LOOK)
        assert await _pixels(page) != before
        assert await page.evaluate(CHECKS) == []
        await page.get_by_test_id("reference-undo").click()
        await expect(page.get_by_test_id("reference-accepted")).to_be_visible(timeout=LOOK)
        await expect(page.get_by_test_id("reference-image")).to_be_visible(timeout=LOOK)
        assert await _pixels(page) == before

        await page.keyboard.press("Escape")
        await page.locator("#setup-close").focus()
        await page.keyboard.press("Escape")
        await expect(drawer).to_be_hidden()
        await expect(button).to_be_focused()


async def _pixels(page: Page) -> tuple[int, int]:
    """How large the photo in use is: the two of these tests have other shapes."""
    shape: list[int] = await page.evaluate("""async () => {
        const picture = await createImageBitmap(await (await fetch("/reference/current.jpg")).blob());
        return [picture.width, picture.height];
    }""")
    return shape[0], shape[1]
