"""What axe finds on a page: https://github.com/dequelabs/axe-core, as npm installs it for the tests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from facematch.config.settings import ROOT

if TYPE_CHECKING:
    from playwright.async_api import Page

SCRIPT: Final = ROOT / "node_modules" / "axe-core" / "axe.min.js"
RUN: Final = """() => {
    const clipped = [...document.querySelectorAll("*")].filter(one =>
        one !== document.documentElement && one.scrollHeight > one.clientHeight + 1 &&
        ["auto", "scroll"].includes(getComputedStyle(one).overflowY));
    const before = clipped.map(one => [one.style.overflow, one.style.maxHeight]);
    const place = scrollY;
    scrollTo(0, 0);
    for (const one of clipped) Object.assign(one.style, { overflow: "visible", maxHeight: "none" });
    const findings = ({ id, nodes }) => nodes.map(({ html, any, all, none }) =>
        [id, html.slice(0, 140), [...any, ...all, ...none].map(({ message }) => message).join(" ").slice(0, 300)]);
    return axe.run(document, { resultTypes: ["violations", "incomplete"] }).then(({ violations, incomplete }) => {
        clipped.forEach((one, n) => { [one.style.overflow, one.style.maxHeight] = before[n]; });
        scrollTo(0, place);
        const untold = incomplete.filter(({ id }) => id === "color-contrast").flatMap(findings)
            .filter(([, , why]) => !why.includes("too short to determine"));
        return [...violations.flatMap(findings), ...untold];
    });
}"""
"""By every rule of it, and a contrast that it cannot tell is a finding, too: what is scrolled away comes into view for
it first. It says nothing of texts of one character; `page.CHECKS` measures these."""


async def axe_finds(page: Page) -> list[Any]:
    """Rule, element and reason of all that is not as it should be.

    The page's policy lets no script in but its own: this one comes through DevTools.
    """
    if not await page.evaluate("() => 'axe' in window"):
        await page.evaluate(SCRIPT.read_text("utf-8"))
    found: list[Any] = await page.evaluate(RUN)
    return found
