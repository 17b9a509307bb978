"""Signing in as a person does it, with a key or an invitation, and what is over when somebody signs out."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Any

import aiohttp
from playwright.async_api import ConsoleMessage, Page, Request, Route, expect

from tests.rig.chromium import chromium
from tests.rig.page import CHECKS, PLAYS, SIGN_IN, sign_in
from tests.rig.photographs import REFERENCE, SAME_PERSON, STRANGER, Scene

if TYPE_CHECKING:
    from pathlib import Path

    from tests.rig.stack import Stack
    from tests.rig.stacks import MakeStack

KEYS = {
    "admin_key": "admin-key-0123456789",
    "viewer_key": "viewer-key-0123456789",
    "recognizer_key": "recognizer-key-0123456789",
}
LOOK = 20_000
PHONE = {"width": 360, "height": 780}
CAMERA = Scene(SAME_PERSON, width=1280, height=720, face=240)

DROP = """panel => {
    const carried = new DataTransfer();
    carried.items.add(new File(["a photo"], "photo.jpg", { type: "image/jpeg" }));
    const events = ["dragover", "drop"].map(kind =>
        new DragEvent(kind, { bubbles: true, cancelable: true, dataTransfer: carried }));
    return events.map(event => !panel.dispatchEvent(event));
}"""
"""Drops a file; tells of each event whether the browser is kept from opening the file."""


def listen_for_trouble(page: Page) -> list[str]:
    """What the content policy refuses, errors of scripts, and requests to anybody else."""
    trouble: list[str] = []

    def said(message: ConsoleMessage) -> None:
        if "Content Security Policy" in message.text:
            trouble.append(message.text)

    def asked(request: Request) -> None:
        if not re.match(r"(https?|wss?)://(127\.0\.0\.1|localhost)[:/]", request.url):
            trouble.append(request.url)

    page.on("pageerror", lambda error: trouble.append(f"error: {error}"))
    page.on("console", said)
    page.on("request", asked)
    return trouble


async def signed_in_as_admin(page: Page, base_url: str, artifacts: Path) -> None:
    """With the keyboard alone, and not at the first try."""
    key = page.get_by_label("Key", exact=True)
    await page.goto(base_url)
    await expect(page).to_have_url(re.compile("/login$"))
    name = page.get_by_label("Your name")
    await expect(name).to_be_focused()
    assert await page.evaluate(CHECKS) == []
    await page.screenshot(path=artifacts / "login.png")

    await page.keyboard.press("Tab")
    await page.keyboard.type("wrong-key-0123456789")
    await page.keyboard.press("Enter")
    await expect(name).to_be_focused()  # nobody comes in without one
    await page.keyboard.type(" Dana ")
    await page.keyboard.press("Tab")
    await page.keyboard.type("wrong-key-0123456789")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("alert").filter(has_text="not valid")).to_be_visible(timeout=LOOK)
    await expect(key).to_be_focused()
    assert await page.evaluate(CHECKS) == []

    await page.keyboard.type(KEYS["admin_key"])  # over the one that is selected
    await page.keyboard.press("Enter")
    await expect(page.get_by_test_id("connection")).to_have_attribute("data-level", "live", timeout=LOOK)
    await expect(page.get_by_test_id("account")).to_have_text("Signed in as Dana, admin")
    assert await page.evaluate("document.cookie") == ""


async def invited(page: Page, base_url: str, artifacts: Path) -> str:
    """The link that the page makes."""
    await page.get_by_test_id("account").click()
    await page.get_by_role("button", name="Make a link").click()
    link = await page.get_by_test_id("invitation-link").input_value()
    assert link.startswith(f"{base_url}/login#invite-")
    assert await page.evaluate(CHECKS) == []
    await page.screenshot(path=artifacts / "login-account.png")
    await page.keyboard.press("Escape")
    return link


async def sees_the_others(guest: Page, stack: Stack, artifacts: Path) -> None:
    """Their names and pictures, and nothing of what was found."""
    others = guest.get_by_test_id("other")
    await expect(others).to_have_count(0)
    await expect(guest.get_by_text("Nobody else is in the room yet")).to_be_visible()
    async with stack.publishers() as publishers:
        host = await publishers.on_air(stack.room, "Host", Scene(STRANGER))
        await publishers.join(stack.room, "Robot", kind="agent")
        await publishers.join(stack.room, "Listener", kind="bridge")
        of_host = others.filter(has_text="Host")
        await of_host.locator("video").evaluate(PLAYS, timeout=LOOK)
        await expect(others.filter(has_text="Listener")).to_contain_text("no camera", timeout=LOOK)
        await expect(others.filter(has_text="Robot")).to_have_count(0)
        assert await guest.evaluate(CHECKS) == []
        await guest.screenshot(path=artifacts / "join-with-others.png", full_page=True)
        assert "match" not in (await guest.locator("main").inner_text()).lower()
        await host.mute()
        await expect(of_host.locator("video")).to_have_count(0, timeout=LOOK)
        await host.leave()
        await expect(of_host).to_have_count(0, timeout=LOOK)


async def test_a_key_an_invitation_and_the_end_of_both(make_stack: MakeStack, artifacts: Path) -> None:
    settings: dict[str, Any] = {"hold_seconds": 3, **KEYS}
    stack = make_stack(**settings)
    await stack.start()
    async with chromium(CAMERA, viewport=PHONE) as browser:
        page = await browser.new_page()
        trouble = listen_for_trouble(page)
        await signed_in_as_admin(page, stack.base_url, artifacts)
        link = await invited(page, stack.base_url, artifacts)

        assert browser.browser is not None
        other = await browser.browser.new_context()
        guest = await other.new_page()
        trouble_of_guest = listen_for_trouble(guest)
        await guest.goto(link)
        await expect(guest.get_by_role("heading", name="You are invited")).to_be_visible()
        await expect(guest).to_have_url(f"{stack.base_url}/login")  # the token is out of the address
        assert await guest.evaluate(CHECKS) == []
        await guest.get_by_role("button", name="Go to the room").click()
        await expect(guest.get_by_test_id("join-room")).to_have_value(stack.room, timeout=LOOK)
        assert await guest.evaluate(CHECKS) == []
        await guest.screenshot(path=artifacts / "join-by-invitation.png")
        await guest.get_by_test_id("join-name").fill("Guest")
        await guest.get_by_test_id("join-button").click()
        await expect(guest.get_by_test_id("leave-button")).to_be_visible(timeout=LOOK)
        card = page.get_by_test_id("card").filter(has=page.get_by_role("heading", name="Guest"))
        await expect(card).to_have_attribute("data-state", "match", timeout=LOOK)
        await sees_the_others(guest, stack, artifacts)
        for path in ("/api/status", "/reference/current.jpg", "/api/events"):
            assert await guest.evaluate("path => fetch(path).then(answer => answer.status)", path) == 403

        async with (
            aiohttp.ClientSession(headers=stack.headers) as admin,
            admin.delete(f"{stack.base_url}/api/sessions") as answer,
        ):
            assert answer.status == 200
        for left in (page, guest):
            await expect(left).to_have_url(re.compile("/login$"), timeout=LOOK)
        assert trouble == trouble_of_guest == []
        await other.close()


async def test_signing_out_leads_to_the_login_page_and_a_reload_stays_there(make_stack: MakeStack) -> None:
    settings: dict[str, Any] = {**KEYS}
    stack = make_stack(**settings)
    await stack.start_api()
    async with chromium(CAMERA) as browser:
        page, second = await browser.new_page(), await browser.new_page()
        await sign_in(page, stack, KEYS["viewer_key"])
        await expect(page.get_by_test_id("account")).to_have_text("Signed in as Dana, viewer", timeout=LOOK)
        await second.goto(f"{stack.base_url}/login")  # who is signed in has no business there
        await expect(second).to_have_url(f"{stack.base_url}/", timeout=LOOK)

        await page.get_by_test_id("account").click()
        await page.get_by_test_id("sign-out").click()
        await expect(page).to_have_url(re.compile("/login$"), timeout=LOOK)
        await expect(second).to_have_url(re.compile("/login$"), timeout=LOOK)
        await page.goto(stack.base_url)
        await expect(page).to_have_url(re.compile("/login$"))
        assert await browser.cookies() == []


async def test_a_viewer_is_offered_nothing_that_only_an_admin_may_do(make_stack: MakeStack, artifacts: Path) -> None:
    settings: dict[str, Any] = {"hold_seconds": 3, **KEYS}
    stack = make_stack(**settings)
    await stack.start(reference=None)
    async with chromium(CAMERA) as browser, stack.publishers() as publishers:
        page = await browser.new_page()
        trouble = listen_for_trouble(page)
        sent: list[str] = []
        page.on("request", lambda request: sent.append(request.method))
        await sign_in(page, stack, KEYS["viewer_key"])
        panel, menus, files = page.locator(".reference"), page.get_by_test_id("menu"), page.locator("input[type=file]")

        await expect(panel).to_have_text("An admin can add a photo.", timeout=LOOK)
        await expect(page.get_by_test_id("answer")).to_contain_text("An admin can add a photo.")
        await expect(page.get_by_test_id("steps").get_by_role("heading").first).to_have_text("An admin adds a photo")
        await page.get_by_role("button", name="Invite others").click()
        await expect(page.get_by_role("button", name="Make a link")).to_be_visible()
        assert await page.evaluate(CHECKS) == []
        await page.keyboard.press("Escape")
        await page.screenshot(path=artifacts / "viewer-first-visit.png")

        await publishers.on_air(stack.room, "Alice", Scene(SAME_PERSON))
        enrolled = await stack.enroll(REFERENCE)
        card = page.get_by_test_id("card").filter(has=page.get_by_role("heading", name="Alice"))
        await expect(card).to_have_attribute("data-state", "match", timeout=LOOK)
        await expect(panel.get_by_test_id("reference-image")).to_be_visible()
        await expect(panel).to_have_text(re.compile("^In use. Added .*ago\\.$"), timeout=LOOK)
        sent.clear()
        assert await panel.evaluate(DROP) == [True, True]
        for _ in range(2):  # whatever came of it is drawn
            await page.evaluate("new Promise(requestAnimationFrame)")
        await expect(panel).to_have_attribute("data-state", "in_use")
        assert await menus.locator("..").get_by_test_id("menu-item").all_text_contents() == ["Pin to the front"]
        assert (await files.count(), "POST" in sent) == (0, False)
        assert (await stack.status())["reference"]["id"] == enrolled
        assert await page.evaluate(CHECKS) == []
        await page.screenshot(path=artifacts / "viewer.png")

        # What the page asks for while that happens sends it to sign in, and back: it is begun anew then, with its
        # drawer as it was left by hand.
        for _ in range(2):
            await page.get_by_test_id("setup-button").click()
        assert await page.evaluate(SIGN_IN, KEYS["admin_key"]) == 200  # as in another tab
        await expect(files).to_have_count(1, timeout=LOOK)
        await expect(card.get_by_test_id("menu-item")).not_to_have_count(1)
        await expect(page.get_by_label("More about the reference")).to_be_visible()
        await expect(page.get_by_test_id("account")).to_have_text("Signed in as Dana, admin")
        assert trouble == []


async def test_nothing_is_offered_and_nothing_moves_before_it_is_known_who_looks(make_stack: MakeStack) -> None:
    stack = make_stack()
    await stack.start_api()
    known = asyncio.Event()

    async def hold(route: Route) -> None:
        await known.wait()
        await route.continue_()

    async with chromium(CAMERA) as browser:
        page = await browser.new_page()
        await page.route("**/api/session", hold)
        await page.goto(stack.base_url)
        await expect(page.get_by_test_id("answer")).to_have_attribute("data-kind", "no_reference", timeout=LOOK)
        files, steps = page.locator("input[type=file]"), page.get_by_test_id("steps")
        assert (await files.count(), await steps.count()) == (0, 0)
        below = await page.locator("#join").bounding_box()

        known.set()
        await expect(files).to_have_count(1, timeout=LOOK)
        await expect(steps.get_by_role("heading").first).to_have_text("Add a photo")
        assert await page.locator("#join").bounding_box() == below


async def test_without_keys_nothing_of_it_is_seen(make_stack: MakeStack) -> None:
    stack = make_stack()
    await stack.start_api()
    async with chromium(CAMERA) as browser:
        page = await browser.new_page()
        await page.goto(f"{stack.base_url}/login")
        await expect(page).to_have_url(f"{stack.base_url}/")
        await expect(page.get_by_test_id("connection")).to_have_attribute("data-level", "live", timeout=LOOK)
        await expect(page.get_by_test_id("account")).to_have_count(0)
