"""What others call themselves is text wherever the page shows it, whichever way it came; and the page only listens."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from playwright.async_api import expect

from tests.rig.fake_recognizer import track
from tests.rig.page import LOOK, looking

if TYPE_CHECKING:
    from playwright.async_api import Page, WebSocket

    from tests.rig.fake_recognizer import FakeRecognizer
    from tests.rig.web import WebProcess

RUN = "window.top.ran=(window.top.ran||0)+1"
PAYLOADS = (
    f"<script>{RUN}</script>",
    f"</script><script>{RUN}</script>",
    f"<img src=x onerror={RUN}>",
    f"<svg/onload={RUN}>",
    f"<svg><animate onbegin={RUN} attributeName=x dur=1s>",
    f"<body onload={RUN}>",
    f"<iframe src=javascript:{RUN}>",
    f"<iframe srcdoc='<script>{RUN}</script>'>",
    f"<details open ontoggle={RUN}>",
    f"<input autofocus onfocus={RUN}>",
    f"<video><source onerror={RUN}></video>",
    f"<math><mi xlink:href=javascript:{RUN}>click",
    f"<a href=javascript:{RUN}>click</a>",
    f'"><img src=x onerror={RUN}>',
    f"' onmouseover='{RUN}' x='",
    f"`-{RUN}-`",
    f"${{{RUN}}}",
    "{{constructor.constructor('window.top.ran=1')()}}",
    f"</title></style></textarea><script>{RUN}</script>",
    "<base href=//evil.invalid/><link rel=stylesheet href=//evil.invalid/x.css><meta http-equiv=refresh content=0>",
)
"""Markup, broken out of each kind of place that a page may put a name into: content, attribute, script, template."""

FOREIGN = """() => {
    const inner = "iframe, object, embed, base, math, animate, details[open], a[href^='javascript'], [srcdoc]";
    const scripts = [...document.scripts].filter(one => !one.src.startsWith(location.origin + "/static/"));
    const handlers = [...document.querySelectorAll("*")].filter(one =>
        [...one.attributes].some(({ name }) => name.startsWith("on")));
    return [...document.querySelectorAll(inner), ...scripts, ...handlers].map(one => one.outerHTML);
}"""
"""Elements that no view of the page makes."""


class _Overheard:
    """What a page sends on its WebSockets, as it happens."""

    def __init__(self) -> None:
        self.sockets = 0
        self.sent: list[str | bytes] = []

    async def listen(self, page: Page) -> None:
        """From before it loads."""
        page.on("websocket", self._opened)

    def _opened(self, socket: WebSocket) -> None:
        self.sockets += 1
        socket.on("framesent", lambda frame: self.sent.append(frame))  # noqa: PLW0108  (Playwright marks the function)


async def test_twenty_kinds_of_markup_in_names_stay_text(web: WebProcess, fake: FakeRecognizer) -> None:
    by_heartbeat, by_event = PAYLOADS[::2], PAYLOADS[1::2]
    await fake.heartbeat(*(track(name, "probe") for name in by_heartbeat))
    for name in by_event:
        await fake.match(name)
    overheard = _Overheard()
    async with looking(web, prepare=overheard.listen) as page:  # a dialog, or what the CSP refuses, fails it
        for name in PAYLOADS:
            heading = page.get_by_test_id("card").get_by_role("heading", name=name, exact=True)
            await expect(heading).to_have_text(name, timeout=LOOK)
        await page.get_by_test_id("live-looks").click()
        await expect(page.get_by_test_id("activity-row").first).to_be_visible()
        shown = await page.get_by_test_id("activity-row").locator(".entry-name").all_text_contents()
        assert set(shown) == set(by_event)
        offered = await page.get_by_test_id("filter-participant").locator("option").all_text_contents()
        assert set(offered) - {"Everybody"} == set(by_event)

        for name in by_heartbeat:  # and as events, while the page is open
            await fake.match(name)
        await fake.heartbeat(*(track(name, "probe") for name in PAYLOADS))  # who has left is folded away in a while
        await expect(page.get_by_test_id("activity-row")).to_have_count(2 * len(PAYLOADS), timeout=LOOK)
        for name in PAYLOADS[:3]:
            row = page.locator(f"[data-testid=activity-row][data-type=match][data-identity={json.dumps(name)}]")
            await row.get_by_role("button").click()
            await expect(page.get_by_role("dialog").get_by_role("heading")).to_have_text(name)
            await page.keyboard.press("Escape")
            await page.get_by_label(f"More about {name}", exact=True).click()
            await page.get_by_test_id("menu-item").filter(has_text="Erase").locator("visible=true").click()
            await expect(page.locator("#erase-title")).to_have_text(f"Erase the records of {name}?")
            await page.keyboard.press("Escape")

        assert await page.evaluate(FOREIGN) == []
        assert await page.evaluate("window.ran") is None
        assert (overheard.sockets, overheard.sent) == (1, [])
