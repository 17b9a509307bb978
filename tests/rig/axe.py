"""What axe finds on a page: https://github.com/dequelabs/axe-core, as npm installs it for the tests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from facematch.config.settings import ROOT

if TYPE_CHECKING:
    from playwright.async_api import Page

SCRIPT: Final = ROOT / "node_modules" / "axe-core" / "axe.min.js"
_RUN: Final = """() => axe.run(document, { resultTypes: ["violations", "incomplete"] }).then(found =>
    [...found.violations, ...found.incomplete.filter(({ id }) => id === "color-contrast")].flatMap(({ id, nodes }) =>
        nodes.map(({ html, any, all, none }) => [id, html.slice(0, 140),
            [...any, ...all, ...none].map(({ message }) => message).join(" ").slice(0, 300)])))"""
"""By every rule of it; a contrast that it cannot tell is a finding, too."""


async def axe_finds(page: Page) -> list[Any]:
    """Rule, element and reason of all that is not as it should be.

    The page's policy lets no script in but its own: this one comes through DevTools.
    """
    if not await page.evaluate("() => 'axe' in window"):
        await page.evaluate(SCRIPT.read_text("utf-8"))
    found: list[Any] = await page.evaluate(_RUN)
    return found
