"""The place *People* with very many people, in Chromium: `python -m bench.grid [--help]`.

Made-up people, each with photos; the list is opened, paged through by its own button, scrolled and searched. Long tasks
are those that the browser calls so, 50 ms and more by the clock; *work* is processor time of the page's main thread.
The browser, the web process and this one share the machine.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from playwright.async_api import expect

from bench.enrolled import enrol
from bench.page import DESK, LONG_TASKS, main_thread
from bench.report import Row, percentile, report
from tests.rig.chromium import chromium, end_browsers
from tests.rig.photographs import Scene
from tests.rig.web import WebProcess

if TYPE_CHECKING:
    from playwright.async_api import CDPSession, Page

SCROLLED = """() => new Promise(resolve => {
    let last = performance.now(), longest = 0, left = 90;
    const frame = now => {
        longest = Math.max(longest, now - last);
        last = now;
        scrollBy(0, 60);
        left -= 1;
        if (left > 0) requestAnimationFrame(frame); else resolve(longest);
    };
    requestAnimationFrame(now => { last = now; requestAnimationFrame(frame); });
})"""
"""The longest time between two pictures, while the page is scrolled by a little with each."""


async def main(args: argparse.Namespace) -> list[Row]:
    """The rows."""
    with tempfile.TemporaryDirectory(prefix="face-match-bench-") as folder:
        web = WebProcess(Path(folder), log_level="WARNING")
        try:
            await web.start()
            await enrol(Path(folder) / "data" / "events.db", args.people, args.photos)
            async with chromium(Scene(), viewport=DESK) as browser:
                page = await browser.new_page()
                await page.add_init_script(f"({LONG_TASKS})()")
                cdp = await browser.new_cdp_session(page)
                await cdp.send("Performance.enable", {"timeDomain": "threadTicks"})
                return await _measured(page, cdp, f"{web.base_url}/#/people", args.pages)
        finally:
            await end_browsers()
            web.end()


async def _measured(page: Page, cdp: CDPSession, url: str, pages: int) -> list[Row]:
    begun = time.monotonic()
    await page.goto(url)
    await page.get_by_test_id("person-card").first.wait_for()
    rows: list[Row] = [{"what": "opened", "ms": 1000 * (time.monotonic() - begun), **await _tasks(page)}]
    took: list[float] = []
    worked, _ = await main_thread(cdp)
    for _ in range(pages):
        before = await page.get_by_test_id("page-part").text_content()
        begun = time.monotonic()
        await page.get_by_test_id("next-page").click()
        await page.wait_for_function(
            "before => document.querySelector('[data-testid=page-part]')?.textContent !== before", arg=before
        )
        took.append(1000 * (time.monotonic() - begun))
    works, _ = await main_thread(cdp)
    turned: Row = {
        "what": f"{pages} pages on, each",
        "ms": percentile(took, 0.5),
        "worst": max(took),
        "work_ms": 1000 * (works - worked) / pages,
    }
    rows.append({**turned, **await _tasks(page)})
    longest = await page.evaluate(SCROLLED)
    rows.append({"what": "scrolled, from picture to picture", "worst": longest, **await _tasks(page)})
    begun = time.monotonic()
    await page.get_by_test_id("people-search").press_sequentially("person 0042", delay=60)
    await expect(page.get_by_test_id("people-count")).to_have_text("10 found")
    rows.append({"what": "searched", "ms": 1000 * (time.monotonic() - begun), **await _tasks(page)})
    return rows


async def _tasks(page: Page) -> Row:
    """Long tasks since they were asked for last."""
    await page.evaluate("new Promise(resolve => setTimeout(resolve, 300))")  # they are told a little later
    found = await page.evaluate("longTasks.splice(0).map(([, duration]) => duration)")
    return {"long tasks": len(found), "longest": max(found, default=0)}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, default=10_000)
    parser.add_argument("--photos", type=int, default=5, help="of each")
    parser.add_argument("--pages", type=int, default=30, help="that are turned")
    report("grid", asyncio.run(main(parser.parse_args())))
