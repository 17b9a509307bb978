"""The page under a browser's translation, which puts elements of its own where the page's text nodes were."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from playwright.async_api import expect

from tests.rig.fake_recognizer import track
from tests.rig.page import LOOK, card_of, looking
from tests.rig.photographs import DATA, REFERENCE

if TYPE_CHECKING:
    from playwright.async_api import Locator

    from tests.rig.fake_recognizer import FakeRecognizer
    from tests.rig.web import WebProcess

TRANSLATE = """() => {
    const translate = text => {
        const inside = text.parentElement;
        if (inside === null || text.data.trim() === "" || inside.closest("[translate=no], font, script, style")) return;
        const [outer, inner] = [document.createElement("font"), document.createElement("font")];
        inner.textContent = text.data.replace(text.data.trim(), "\u2039" + text.data.trim() + "\u203a");
        outer.append(inner);
        text.replaceWith(outer);
    };
    const all = node => {
        if (node.nodeType === Node.TEXT_NODE) return translate(node);
        const walker = document.createTreeWalker(node, NodeFilter.SHOW_TEXT);
        const found = [];
        while (walker.nextNode()) found.push(walker.currentNode);
        found.forEach(translate);
    };
    all(document.body);
    new MutationObserver(records => {
        const changed = records.flatMap(({ target, addedNodes }) => [target, ...addedNodes]);
        changed.filter(one => one.isConnected).forEach(all);
    }).observe(document.body, { childList: true, characterData: true, subtree: true });
}"""
"""As the translation built into browsers does it, now and with every change, into `\u2039word\u203a`."""

TORN = """() => {
    const mounts = document.querySelectorAll("#bar-state, #bar-answer, #reference-content, #join-content, " +
        "#participants-content, #alarms-content, #sightings-content, #erase, #viewer");
    return [...mounts].flatMap(mount => [...mount.querySelectorAll("*")])
        .filter(one => one.localName !== "font" && one.childNodes.length > 1)
        .filter(one => [...one.childNodes].some(node => node.localName === "font" || node.data?.trim()))
        .map(one => one.outerHTML);
}"""
"""Where words stand beside something else: the translation's elements outlive what they were made for there."""


NO_CAMERA = """() => {
    navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException("no", "NotFoundError"));
}"""


def _in_its_language(words: str) -> re.Pattern[str]:
    return re.compile(f"^\\s*\u2039{words}\u203a\\s*$")


async def _shows(place: Locator, words: str) -> None:
    await expect(place).to_have_text(_in_its_language(words), timeout=LOOK)


async def test_states_names_and_figures_survive_translation(web: WebProcess, fake: FakeRecognizer) -> None:
    await fake.heartbeat(track("Rose", "hold", deadline_in=9), track("Bob", "probe"))
    await fake.match("Rose", confidence=0.63)
    async with looking(web) as page:
        rose, bob, answer = card_of(page, "Rose"), card_of(page, "Bob"), page.get_by_test_id("answer")
        await expect(rose).to_have_attribute("data-state", "match", timeout=LOOK)
        await page.evaluate(TRANSLATE)
        await _shows(rose.get_by_test_id("card-state"), "Match")
        await _shows(bob.get_by_test_id("card-state"), "Looking")
        await page.get_by_test_id("reference-file").set_input_files(DATA / REFERENCE)
        await _shows(page.get_by_test_id("reference-accepted"), "Accepted: .*")
        assert await page.evaluate(TORN) == []

        for outcome, word in (("no_match", "No match"), ("no_face", "No face"), ("error", "Check failed")):
            await fake.check("Rose", outcome, best=0.84 if outcome == "no_match" else None)
            await fake.check("Bob", "no_match", best=0.35)
            await _shows(rose.get_by_test_id("card-state"), word)
            await _shows(rose.get_by_test_id("card-phase"), r"(matched \d+ s ago · )?next look in \d+ s")
            figure = "0.16" if outcome == "no_match" else "\u2013"
            await expect(rose.locator(".meter-figure")).to_have_text(figure)
        await expect(bob.locator(".meter-figure")).to_have_text("0.65")
        await _shows(bob.get_by_test_id("card-state"), "No match")
        await _shows(answer.locator(".answer-title"), "No match")
        await fake.match("Bob", confidence=0.71)
        await expect(answer.locator("bdi")).to_have_text("Bob", timeout=LOOK)
        await expect(bob.get_by_role("heading")).to_have_text("Bob")
        for seconds in (8, 4):
            await fake.heartbeat(track("Bob", "hold", deadline_in=seconds))  # and again every second
            await expect(bob.get_by_test_id("countdown")).to_have_text(re.compile(f"^{seconds}$"), timeout=LOOK)

        await page.evaluate(NO_CAMERA)
        await page.get_by_test_id("join-button").click()
        await _shows(page.get_by_test_id("join-trouble"), "No camera was found.*")
        await rose.get_by_label("More about Rose").click()
        await rose.get_by_test_id("menu-item").filter(has_text="Erase").click()
        await expect(page.locator("#erase-title bdi")).to_have_text("Rose")
        await page.get_by_test_id("erase-confirm").click()
        await expect(page.get_by_test_id("erase-receipt")).to_have_text(re.compile("\u2039Erased: "), timeout=LOOK)
        await page.get_by_test_id("erase-close").click()

        web.end()
        await _shows(page.get_by_test_id("answer").locator(".answer-title"), "Offline")
        await _shows(bob.get_by_test_id("card-state"), "Offline")
        await web.start()
        await fake.heartbeat(track("Bob", "probe"), track("Cid", "queued"))
        await _shows(card_of(page, "Cid").get_by_test_id("card-phase"), "its turn comes next")
        await fake.check("Bob", "no_match", best=0.8)
        await _shows(bob.get_by_test_id("card-state"), "No match")
        await expect(page.get_by_test_id("connection")).to_have_attribute("data-level", "live", timeout=LOOK)
        assert await page.evaluate(TORN) == []
