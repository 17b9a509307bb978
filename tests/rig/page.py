"""The page in a real browser, on the real web process, and everybody that can be seen on it."""

from __future__ import annotations

from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from playwright.async_api import Page, expect

from tests.rig.chromium import chromium
from tests.rig.fake_recognizer import track
from tests.rig.photographs import Scene

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from playwright.async_api import ConsoleMessage, Locator

    from tests.rig.enrolling import Web
    from tests.rig.fake_recognizer import FakeRecognizer

LOOK = 30_000
DESK = {"width": 1440, "height": 900}
PHONE = {"width": 360, "height": 740}

MARKUP = "<img src=x onerror=alert(1)>"
LONG = "Wolfeschlegelsteinhausenbergerdorff-Müller-Lüdenscheidt the Third of Somewhere, and " + "so on " * 20
BACKWARDS = "\u202egnp.exe"

CHECKS = (Path(__file__).parent / "page_checks.js").read_text("utf-8")
"""Gives a list of what is wrong with the page as it stands: names, contrast, width."""
PLAYS = """video => new Promise(resolve => {
    video.requestVideoFrameCallback(() => video.requestVideoFrameCallback(() => resolve(video.videoWidth)));
})"""
"""Gives the width of a video, as soon as its pictures move."""
SIGN_IN = """key => fetch("/api/session", {
    method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ key, name: "Dana" }),
}).then(answer => answer.status)"""
"""With this key, past the page that asks for it; gives the status of the answer."""


@asynccontextmanager
async def looking(
    web: Web,
    *,
    viewport: dict[str, int] = DESK,
    scheme: Literal["light", "dark"] = "light",
    prepare: Callable[[Page], Awaitable[object]] | None = None,
) -> AsyncIterator[Page]:
    """The page, live; what its console calls an error, and every request to anybody else, fails the test."""
    async with chromium(Scene(), viewport=viewport) as browser:
        page = await browser.new_page()
        await page.emulate_media(color_scheme=scheme)
        if prepare is not None:
            await prepare(page)
        trouble = _listen(page, web)
        await page.goto(web.base_url)
        await expect(page.get_by_test_id("connection")).to_have_attribute("data-level", "live", timeout=LOOK)
        yield page
        assert trouble == []


def _listen(page: Page, web: Web) -> list[str]:
    trouble: list[str] = []

    def said(message: ConsoleMessage) -> None:
        refusal = "the server responded with a status of 4" in message.text  # a refused photo is one
        if message.type in ("error", "warning") and not refusal and "ERR_CONNECTION_REFUSED" not in message.text:
            trouble.append(message.text)

    def asked(request: Any) -> None:
        if not request.url.startswith((web.base_url, web.base_url.replace("http", "ws", 1), "data:", "blob:")):
            trouble.append(request.url)

    page.on("console", said)
    page.on("pageerror", lambda error: trouble.append(str(error)))
    page.on("dialog", lambda dialog: trouble.append(dialog.message))
    page.on("request", asked)
    return trouble


async def sign_in(page: Page, web: Web, key: str) -> None:
    """As Dana, on the page that asks for a key."""
    await page.goto(web.base_url)
    await page.get_by_label("Your name").fill("Dana")
    await page.get_by_label("Key", exact=True).fill(key)
    await page.get_by_role("button", name="Sign in").click()


def card_of(page: Page, identity: str) -> Locator:
    """Of one participant."""
    return page.locator(f"[data-testid=card][data-identity={quoted(identity)}]")


def quoted(text: str) -> str:
    """As a string of CSS and of JavaScript."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


async def everybody(fake: FakeRecognizer) -> dict[str, str]:
    """One person in each state; returns who is in which."""
    await fake.match("Gone", ago=120)
    await fake.heartbeat(
        track("Ann", "hold", deadline_in=9),
        track("Bob", "wait", deadline_in=9),
        track("Cid", "probe"),
        track("Dora", "wait", deadline_in=9, muted=True),
        track("Eve", "queued"),
        track(MARKUP, "wait", deadline_in=9),
        track(LONG, "wait", deadline_in=9),
        track(BACKWARDS, "hold", deadline_in=9),
        track("Ida", "idle"),
    )
    await fake.match("Ann", confidence=0.63)
    await fake.check("Bob", "no_match", best=0.82)
    await fake.check("Dora", "muted")
    await fake.check(MARKUP, "no_face")
    await fake.check(LONG, "error")
    await fake.match(BACKWARDS, confidence=0.51, snapshot=False)
    return {
        "Ann": "match",
        "Bob": "no_match",
        "Cid": "looking",
        "Dora": "no_video",
        "Eve": "looking",
        MARKUP: "no_face",
        LONG: "error",
        BACKWARDS: "match",
        "Ida": "idle",
        "Gone": "offline",
    }
