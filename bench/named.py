"""From an event to its name on the screen, in Chromium: `python -m bench.named [--help]`.

A room of 60 with five who have left, the page scrolled to its end, as in the end-to-end tests. Somebody matches, or a
second look finds somebody else than was expected: how long after the POST of the event does the bar name them, whole
and in view? It is read from the clock that both processes have, after the frame in which it was painted. At most a
second is meant.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp

from bench.report import Row, percentile, report
from tests.rig.chromium import chromium, end_browsers
from tests.rig.enrolling import upload_reference
from tests.rig.fake_recognizer import FakeRecognizer, track
from tests.rig.photographs import Scene
from tests.rig.web import WebProcess

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from playwright.async_api import Page

VIEWPORTS = ({"width": 1440, "height": 900}, {"width": 1024, "height": 768}, {"width": 360, "height": 740})
PARTICIPANTS, LEFT = 60, 5
PAUSE_SECONDS = 0.7
"""Between two: they come at any time of the page's own seconds and polls."""
GIVEN_UP_MS = 20_000

WATCHES = """() => {
    const mount = document.getElementById("bar-answer");
    window.named = {};
    window.awaited = { kind: "", name: "" };
    const isShown = (name) => {
        const answer = mount.querySelector("[data-testid=answer]");
        if (answer?.dataset.kind !== awaited.kind || !answer.checkVisibility()) return false;
        const { top, bottom } = answer.getBoundingClientRect();
        if (top < 0 || bottom > innerHeight) return false;
        const words = document.createTreeWalker(answer, NodeFilter.SHOW_TEXT);
        while (words.nextNode()) {
            const at = words.currentNode.data.indexOf(name);
            if (at < 0) continue;
            const range = document.createRange();
            range.setStart(words.currentNode, at);
            range.setEnd(words.currentNode, at + name.length);
            const [told, room] = [range, words.currentNode.parentElement.closest(".clip") ?? answer];
            return told.getBoundingClientRect().right <= room.getBoundingClientRect().right + 1;
        }
        return false;
    };
    const look = () => requestAnimationFrame(() => setTimeout(() => {
        if (isShown(awaited.name)) named[awaited.name] ??= Date.now();
    }));
    const all = { subtree: true, childList: true, characterData: true, attributes: true };
    new MutationObserver(look).observe(mount, all);
}"""

TO_THE_END = """() => {
    const all = [document.scrollingElement, ...document.querySelectorAll("#live, #live *")];
    for (const one of all) one.scrollTop = one.scrollHeight;
}"""


async def main(times: int) -> list[Row]:
    """One row for each size and kind of event."""
    rows: list[Row] = []
    for viewport in VIEWPORTS:
        with tempfile.TemporaryDirectory() as folder:
            web = WebProcess(Path(folder))
            await web.start()
            try:
                async with FakeRecognizer(web) as room, chromium(Scene(), viewport=viewport) as browser:
                    names = [f"Person {number:02}" for number in range(PARTICIPANTS)]
                    other = await _prepare(web, room, names, times)
                    page = await browser.new_page()
                    await page.goto(web.base_url)
                    await page.get_by_test_id("card").nth(48).wait_for(state="attached")
                    await page.evaluate(WATCHES)
                    rows += await _measure(page, room, other, names, times)
            finally:
                web.end()
    await end_browsers()
    return rows


async def _prepare(web: WebProcess, room: FakeRecognizer, names: list[str], times: int) -> str:
    """Somebody to look for, and people who are supposed to be them: the last of those who are here. Returns the id of
    somebody else.
    """
    await upload_reference(web)
    async with aiohttp.ClientSession(web.base_url, raise_for_status=True) as session:
        for name in names[-times:]:
            await session.put("/api/bindings", json={"identity": name, "person_id": "default"})
        other: str = (await (await session.post("/api/people", json={"name": "Somebody"})).json())["id"]
    for number in range(LEFT):
        await room.match(f"Gone {number}", ago=120, snapshot=False)
    await room.heartbeat(*(track(name, "wait", deadline_in=9) for name in names))
    return other


async def _measure(page: Page, room: FakeRecognizer, other: str, names: list[str], times: int) -> list[Row]:
    matches, others = [], []
    for name in names[:times]:
        matches.append(await _named(page, "match", name, room.match(name, snapshot=False)))
        await room.check(name, "no_match", best=0.8)
    for name in names[-times:]:
        await room.check(name, "match", named=[other])
        others.append(await _named(page, "alarm", name, room.check(name, "match", named=[other])))
        await room.check(name, "match", named=["default"])  # it is them, after all
        await room.check(name, "match", named=["default"])
        await room.check(name, "no_match", best=0.8)
    width = await page.evaluate("innerWidth")
    return [_row(width, "match", matches), _row(width, "someone else", others)]


async def _named(page: Page, kind: str, name: str, event: Coroutine[Any, Any, None]) -> float:
    """Milliseconds."""
    await asyncio.sleep(PAUSE_SECONDS)
    await page.evaluate(TO_THE_END)
    await page.evaluate("about => { awaited = about; }", {"kind": kind, "name": name})
    sent = time.time()
    await event
    await page.wait_for_function("name => named[name]", arg=name, timeout=GIVEN_UP_MS)
    return float(await page.evaluate("name => named[name]", name)) - sent * 1000


def _row(width: int, what: str, took: list[float]) -> Row:
    return {"width": width, "event": what, "times": len(took), "p50_ms": percentile(took, 0.5), "worst_ms": max(took)}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=20, help="of each event, at each size")
    report("named", asyncio.run(main(parser.parse_args().times)))
