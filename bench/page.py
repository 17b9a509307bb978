"""The page with many rooms, in Chromium: `python -m bench.page [--help]`.

Made-up recognizers report rooms full of participants, then an hour's events come as fast as the web process takes them.
First paint is the browser's own first contentful paint of a fresh profile; tasks are those that the browser calls long;
the heap is what JavaScript holds after a collection. The browser, the web process and this one share the machine, which
makes tasks longer than they are: `longest_work_ms` is the processor time of the longest one, `processor_s` that of all
that the page's main thread did during the events, and `drawn` how often it was laid out for them.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from collections import Counter
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.report import Row, report
from tests.rig.chromium import chromium, end_browsers
from tests.rig.enrolling import upload_reference
from tests.rig.fake_recognizer import FakeRecognizer, track
from tests.rig.photographs import Scene
from tests.rig.web import WebProcess

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from playwright.async_api import CDPSession, Page

DESK = {"width": 1440, "height": 900}
LOADED_SECONDS = 5
"""From then on nothing is part of loading."""
SETTLE_SECONDS = 5
TRACE_SECONDS = 60

LONG_TASKS = """() => {
    window.longTasks = [];
    new PerformanceObserver(list => {
        for (const { startTime, duration } of list.getEntries()) window.longTasks.push([startTime, duration]);
    }).observe({ type: "longtask", buffered: true });
}"""

TRACED = ("toplevel", "devtools.timeline")
"""Tasks of every thread, and which of those run scripts."""

PAINT = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? null"

IN_VIEW = """() => [...document.querySelectorAll("[data-testid=card]")].filter(card => {
    const { top, bottom } = card.getBoundingClientRect();
    return top >= 0 && bottom <= innerHeight;
}).length"""


async def main() -> None:
    """Measures each room count."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rooms", type=int, nargs="+", default=[1, 8], help="how many rooms, one after the other")
    parser.add_argument("--participants", type=int, default=50, help="in each room")
    parser.add_argument("--events", type=int, default=2000, help="in all rooms together")
    options = parser.parse_args()
    rows = [await measure(count, options.participants, options.events) for count in options.rooms]
    await end_browsers()
    report("page", rows)


async def measure(count: int, each: int, events: int) -> Row:
    """One page, from its first byte to the end of all events."""
    with tempfile.TemporaryDirectory() as folder:
        web = WebProcess(Path(folder))
        await web.start()
        try:
            await upload_reference(web)  # without somebody to look for, the page is busy with its first steps
            async with AsyncExitStack() as stack:
                rooms = [FakeRecognizer(web, name, source=name) for name in _rooms(count)]
                for room in rooms:
                    await stack.enter_async_context(room)
                names = [f"Person {number:03}" for number in range(each)]
                for room in rooms:
                    await room.heartbeat(*(track(name, "wait", deadline_in=9) for name in names))
                return await _watch(web, rooms, names, events)
        finally:
            web.end()


async def _watch(web: WebProcess, rooms: Sequence[FakeRecognizer], names: Sequence[str], events: int) -> Row:
    async with chromium(Scene(), viewport=DESK) as browser:
        page = await browser.new_page()
        await page.add_init_script(f"({LONG_TASKS})()")
        cdp = await browser.new_cdp_session(page)
        await cdp.send("Performance.setTimeDomain", {"timeDomain": "threadTicks"})
        await cdp.send("Performance.enable")
        await page.goto(web.base_url)
        await page.get_by_test_id("card").first.wait_for()
        cards_ms = await page.evaluate("performance.now()")
        await asyncio.sleep(LOADED_SECONDS)
        paint = await page.evaluate(PAINT)
        loading = await page.evaluate("longTasks.splice(0).map(([, duration]) => duration)")
        before = await _heap(cdp)
        worked, drawn = await main_thread(cdp)
        each = events // len(rooms)
        async with _traced(page) as traced:
            began = time.monotonic()
            await asyncio.gather(*(_replay(room, names, each) for room in rooms))
            seconds = time.monotonic() - began
            await asyncio.sleep(SETTLE_SECONDS)
        works, draws = await main_thread(cdp)
        return {
            "rooms": len(rooms),
            "participants": len(rooms) * len(names),
            "first_paint_ms": paint,
            "cards_ms": cards_ms,
            "longest_loading_ms": max(loading, default=0),
            "events": each * len(rooms),
            "events_s": (each * len(rooms)) / seconds,
            "longest_after_ms": await page.evaluate("longTasks.reduce((most, [, long]) => Math.max(most, long), 0)"),
            "longest_work_ms": _longest_work_ms(traced),
            "long_tasks_after": await page.evaluate("longTasks.length"),
            "processor_s": works - worked,
            "drawn": int(draws - drawn),
            "heap_before_mb": before,
            "heap_after_mb": await _heap(cdp),
            "cards": await page.get_by_test_id("card").count(),
            "in_view": await page.evaluate(IN_VIEW),
            "state": await _state(page),
        }


async def _replay(room: FakeRecognizer, names: Sequence[str], events: int) -> None:
    """One event after the other, as a recognizer posts them; every tenth a match and its Check."""
    sent = 0
    while sent < events:
        name = names[(sent * 7) % len(names)]
        if sent % 20 == 0 and events - sent > 1:
            await room.match(name, snapshot=False)
            sent += 2
        else:
            await room.check(name, "no_match", best=0.8)
            sent += 1


@asynccontextmanager
async def _traced(page: Page) -> AsyncIterator[list[dict[str, Any]]]:
    """Events of Chromium's own trace of the block; they are there after it."""
    browser = page.context.browser
    assert browser is not None
    cdp = await browser.new_browser_cdp_session()
    found: list[dict[str, Any]] = []
    complete = asyncio.Event()
    cdp.on("Tracing.dataCollected", lambda told: found.extend(told["value"]))
    cdp.on("Tracing.tracingComplete", lambda _: complete.set())
    traced = {"includedCategories": TRACED, "excludedCategories": ["*"]}
    await cdp.send("Tracing.start", {"traceConfig": traced, "transferMode": "ReportEvents"})
    yield found
    await cdp.send("Tracing.end")
    await asyncio.wait_for(complete.wait(), TRACE_SECONDS)
    await cdp.detach()


def _longest_work_ms(traced: Sequence[dict[str, Any]]) -> float:
    """Processor time of the longest task of the thread that ran most scripts, which is the page's main one."""
    (main, _), *_ = Counter((one["pid"], one["tid"]) for one in traced if one["name"] == "FunctionCall").most_common(1)
    tasks = [one for one in traced if (one["pid"], one["tid"]) == main and one["name"].endswith("RunTask")]
    return max(float(one.get("tdur", 0)) for one in tasks) / 1000


async def _heap(cdp: CDPSession) -> float:
    await cdp.send("HeapProfiler.collectGarbage")
    usage = await cdp.send("Runtime.getHeapUsage")
    return float(usage["usedSize"]) / 1_000_000


async def main_thread(cdp: CDPSession) -> tuple[float, float]:
    """Seconds for which that of the page has worked, and its layouts, since it was opened."""
    metrics = {one["name"]: float(one["value"]) for one in (await cdp.send("Performance.getMetrics"))["metrics"]}
    return metrics["TaskDuration"], metrics["LayoutCount"]


async def _state(page: Page) -> str | None:
    return await page.get_by_test_id("answer").get_attribute("data-kind")


def _rooms(count: int) -> list[str]:
    return ["face-recognition-room", *(f"room-{number}" for number in range(2, count + 1))]


if __name__ == "__main__":
    asyncio.run(main())
