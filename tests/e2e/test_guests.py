"""Guests on a phone, from the link to the room, and somebody who watches them without taking part."""

from __future__ import annotations

import re
import secrets
from typing import TYPE_CHECKING, Any

from playwright.async_api import expect

from tests.rig.chromium import chromium
from tests.rig.page import CHECKS, DESK, PHONE, PLAYS, card_of, sign_in
from tests.rig.photographs import SAME_PERSON, Scene
from tests.rig.room_watchers import RoomWatchers
from tests.rig.waiting import wait_until
from tests.rig.web import WebProcess

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.async_api import BrowserContext, Page

    from tests.rig.livekit_server import LiveKitServer
    from tests.rig.stack import Stack
    from tests.rig.stacks import MakeStack

KEYS = {
    "admin_key": "admin-key-0123456789",
    "viewer_key": "viewer-key-0123456789",
    "recognizer_key": "recognizer-key-0123456789",
}
CAMERA = Scene(SAME_PERSON, width=1280, height=720, face=240)
COUNT_CAMERAS = """window.asked = 0;
    const devices = navigator.mediaDevices, real = devices.getUserMedia.bind(devices);
    devices.getUserMedia = wanted => { window.asked += 1; return real(wanted); };"""


async def invited(page: Page) -> str:
    await page.get_by_test_id("account").click()
    await page.get_by_role("button", name="Make a link").click()
    await expect(page.get_by_test_id("invitation-warnings")).to_contain_text("this machine only. Set PUBLIC_URL")
    assert await page.evaluate(CHECKS) == []
    link = await page.get_by_test_id("invitation-link").input_value()
    await page.keyboard.press("Escape")
    return link


async def comes(context: BrowserContext, link: str, artifacts: Path) -> Page:
    """Somebody new, on a phone, who reads before they join."""
    guest = await context.new_page()
    await guest.set_viewport_size({"width": PHONE["width"], "height": PHONE["height"]})
    await guest.add_init_script(COUNT_CAMERAS)
    await guest.goto(link)
    await guest.get_by_role("button", name="Go to the room").click()
    notice = guest.get_by_test_id("notice")
    for words in ("Example University", "to see that candidates", "for 7 days", "for 30 days", "may watch it"):
        await expect(notice).to_contain_text(words)
    await expect(notice.get_by_role("link", name="privacy@example.edu")).to_be_visible()
    await expect(guest.get_by_test_id("not-compared")).to_be_visible()
    await expect(guest.get_by_test_id("join-without-camera")).to_be_visible()
    assert await guest.evaluate("window.asked") == 0
    assert await guest.evaluate(CHECKS) == []
    await guest.screenshot(path=artifacts / "guest-notice.png", full_page=True)
    return guest


async def joins(guest: Page, button: str) -> None:
    await guest.get_by_test_id("join-name").fill("Alex")
    await guest.get_by_test_id(button).click()
    await expect(guest.get_by_test_id("leave-button")).to_be_visible()


async def viewings(stack: Stack, change: str) -> list[dict[str, Any]]:
    events = (await stack.asked("/api/events?type=viewing"))["events"]
    return [one for one in events if one["change"] == change]


async def test_two_guests_of_one_name_and_somebody_who_watches(make_stack: MakeStack, artifacts: Path) -> None:
    said = {"operator_name": "Example University", "operator_contact": "privacy@example.edu"}
    settings: dict[str, Any] = {**KEYS, **said, "operator_purpose": "to see that candidates are who they say"}
    stack = make_stack(**settings)
    await stack.start(reference=None)
    async with (
        chromium(CAMERA, viewport=DESK) as desk,
        chromium(CAMERA, viewport=PHONE) as first_phone,
        chromium(CAMERA, viewport=PHONE) as second_phone,
    ):
        page = await desk.new_page()
        await page.add_init_script(COUNT_CAMERAS)
        await sign_in(page, stack, KEYS["viewer_key"])
        link = await invited(page)

        first = await comes(first_phone, link, artifacts)
        await joins(first, "join-button")
        second = await comes(second_phone, link, artifacts)
        await joins(second, "join-without-camera")
        assert await second.evaluate("window.asked") == 0
        for guest in (first, second):
            await expect(guest.get_by_test_id("other")).to_have_count(1)
            await expect(guest.get_by_test_id("other")).to_contain_text("Alex")
        assert await first.get_by_test_id("other").get_attribute("data-identity") != "Alex"

        await page.get_by_test_id("watch-button").focus()
        await page.keyboard.press("Enter")
        await expect(page.get_by_test_id("watch")).to_have_attribute("data-phase", "on")
        video = card_of(page, "Alex").locator("video")
        assert await video.evaluate(PLAYS) > 0
        await expect(page.get_by_test_id("watch-button")).to_be_focused()
        assert await page.evaluate("window.asked") == 0
        assert await page.evaluate(CHECKS) == []
        await page.screenshot(path=artifacts / "watching.png")
        for guest in (first, second):  # who knows of each other, and of nobody else
            await expect(guest.get_by_test_id("other")).to_have_count(1)
            await expect(guest.get_by_test_id("leave-button")).to_be_visible()
        everybody = (await stack.asked("/api/events?type=participant"))["events"]
        assert {one["participant_name"] for one in everybody} == {"Alex"}
        [began] = await viewings(stack, "began")
        assert (began["by"].endswith("viewer (login)"), began["room"]) == (True, stack.room)

        await page.get_by_test_id("watch-button").click()
        await expect(video).to_have_count(0)
        [ended] = await wait_until(lambda: viewings(stack, "ended"), within=90, what="the viewing has ended")
        assert ended["viewing_id"] == began["viewing_id"]
        await first.screenshot(path=artifacts / "guest-in-room.png", full_page=True)


async def test_somebody_is_invited_as_who_they_are_to_a_room_that_is_watched(
    livekit: LiveKitServer, tmp_path: Path
) -> None:
    hall = secrets.token_hex(4)
    rooms = f"{hall}-1", f"{hall}-2"
    web = WebProcess(tmp_path, **KEYS, rooms=f"{hall}-*", livekit_url=livekit.url)
    await web.start()
    async with RoomWatchers(livekit.url) as watchers, chromium(Scene(), viewport=DESK) as browser:
        for room in rooms:
            await watchers.open(room)
        page = await browser.new_page()
        await sign_in(page, web, KEYS["admin_key"])
        await page.get_by_test_id("rooms").get_by_role("link", name=rooms[1]).click()
        await expect(page.get_by_test_id("join-room")).to_have_value(rooms[1])
        answer = await page.request.post(
            f"{web.base_url}/api/people", data={"name": "Ada"}, headers={"Origin": web.base_url}
        )
        await page.goto(f"{web.base_url}/#/people/{(await answer.json())['id']}")
        to = page.get_by_test_id("invite-person-room")
        await expect(to).to_have_value(rooms[1])  # the one that is looked at
        assert await to.evaluate("field => [...field.list.options].map(one => one.value)") == list(rooms)
        await to.fill("lobby")
        await page.get_by_test_id("invite-person").click()
        await expect(page.get_by_role("alert")).to_contain_text(f"The names that are watched fit {hall}-* (ROOMS).")
        await to.fill(f"{hall}-later")
        await page.get_by_test_id("invite-person").click()
        await expect(page.get_by_test_id("person-invitation")).to_have_value(re.compile("/login#invite-"))
        await expect(page.get_by_text(f"Link to {hall}-later, good until")).to_be_visible()
        assert await page.evaluate(CHECKS) == []

        await page.get_by_test_id("account").click()
        await page.get_by_test_id("make-link").click()
        await expect(page.get_by_test_id("invitation-link")).to_have_value(re.compile("/login#invite-"))
        await expect(page.get_by_text(f"Link to {rooms[1]}, good until")).to_be_visible()
        assert await page.evaluate(CHECKS) == []
    web.end()
