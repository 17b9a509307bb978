"""What becomes of an open page whose login has ended, or whose server asks for a key from now on."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import aiohttp
import pytest_asyncio
from playwright.async_api import expect

from tests.rig.chromium import chromium
from tests.rig.page import CHECKS, LOOK, SIGN_IN, sign_in
from tests.rig.photographs import Scene
from tests.rig.web import WebProcess

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from playwright.async_api import Page

KEYS = {
    "admin_key": "admin-key-0123456789",
    "viewer_key": "viewer-key-0123456789",
    "recognizer_key": "recognizer-key-0123456789",
}
AS_ADMIN = {"Authorization": f"Bearer {KEYS['admin_key']}"}
AWAY_FROM_HERE = re.compile("/login$")


@pytest_asyncio.fixture
async def keyed(tmp_path: Path) -> AsyncIterator[WebProcess]:
    process = WebProcess(tmp_path, **KEYS)
    await process.start()
    yield process
    process.end()


async def _signed_in(page: Page, web: WebProcess) -> None:
    await sign_in(page, web, KEYS["viewer_key"])
    await expect(page.get_by_test_id("connection")).to_have_attribute("data-level", "live", timeout=LOOK)


async def _invited(web: WebProcess) -> str:
    """The link."""
    async with (
        aiohttp.ClientSession(headers=AS_ADMIN) as admin,
        admin.post(f"{web.base_url}/api/invites", json={}) as answer,
    ):
        return f"{web.base_url}{(await answer.json())['path']}"


async def _sign_everybody_out(web: WebProcess) -> None:
    async with aiohttp.ClientSession(headers=AS_ADMIN) as admin, admin.delete(f"{web.base_url}/api/sessions") as answer:
        assert answer.status == 200


async def test_a_server_that_comes_back_with_keys_leads_to_where_people_sign_in(web: WebProcess) -> None:
    async with chromium(Scene()) as browser:
        page = await browser.new_page()
        await page.goto(web.base_url)
        await expect(page.get_by_test_id("connection")).to_have_attribute("data-level", "live", timeout=LOOK)
        web.end()
        web.process.set(**{name.upper(): key for name, key in KEYS.items()})
        await web.start()
        await expect(page).to_have_url(AWAY_FROM_HERE, timeout=2 * LOOK)
        await expect(page.get_by_role("status")).to_have_text(re.compile("asks for a key now"))
        assert await page.evaluate(CHECKS) == []


async def test_an_ended_login_says_that_it_was_ended(keyed: WebProcess, artifacts: Path) -> None:
    async with chromium(Scene()) as browser:
        page = await browser.new_page()
        await _signed_in(page, keyed)
        await _sign_everybody_out(keyed)
        await expect(page).to_have_url(AWAY_FROM_HERE, timeout=LOOK)  # and the reason is out of the address
        reason = page.get_by_role("status")
        await expect(reason).to_have_text(re.compile("You were signed out"))
        await expect(page.get_by_label("Your name")).to_be_focused()
        assert await page.evaluate(CHECKS) == []
        await page.screenshot(path=artifacts / "login-ended.png")
        await page.reload()
        await expect(reason).to_have_count(0)
        await expect(page.get_by_label("Your name")).to_be_focused()


async def test_another_login_of_the_browser_shows_the_page_of_its_role(keyed: WebProcess) -> None:
    async with chromium(Scene()) as browser:
        page, tab = await browser.new_page(), await browser.new_page()
        await _signed_in(page, keyed)
        await tab.goto(await _invited(keyed))
        await tab.get_by_role("button", name="Go to the room").click()
        for one in (tab, page):  # the one that was open takes a while to hear of it
            await expect(one.get_by_role("heading", name="Join the room")).to_be_visible(timeout=LOOK)
        assert await tab.evaluate(SIGN_IN, KEYS["viewer_key"]) == 200
        for one in (tab, page):
            await expect(one.get_by_test_id("connection")).to_have_attribute("data-level", "live", timeout=LOOK)


async def test_a_link_that_is_pasted_into_the_open_sign_in_page_is_followed(keyed: WebProcess) -> None:
    async with chromium(Scene()) as browser:
        page = await browser.new_page()
        await page.goto(f"{keyed.base_url}/login")
        link = await _invited(keyed)
        await page.evaluate("link => { location.href = link.slice(0, -30); }", link)
        await expect(page.get_by_role("alert")).to_have_text(re.compile("This link is not whole"))
        await page.evaluate("link => { location.href = link; }", link)  # as the address bar does: no new page is loaded
        await expect(page.get_by_role("heading", name="You are invited")).to_be_visible()
        await expect(page).to_have_url(AWAY_FROM_HERE)
        await expect(page.get_by_label("Key", exact=True)).to_be_hidden()
        assert await page.evaluate(CHECKS) == []
        await page.get_by_role("button", name="Go to the room").click()
        await expect(page.get_by_test_id("join-button")).to_be_visible(timeout=LOOK)

        await _sign_everybody_out(keyed)
        await expect(page).to_have_url(AWAY_FROM_HERE, timeout=LOOK)
        await expect(page.get_by_role("status")).to_have_text(re.compile("Your invitation was ended"))
