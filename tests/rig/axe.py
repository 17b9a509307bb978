"""What axe finds on a page: https://github.com/dequelabs/axe-core, as npm installs it for the tests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from facematch.config.settings import ROOT
from tests.rig.page import CHECKS

if TYPE_CHECKING:
    from playwright.async_api import Page

SCRIPT: Final = ROOT / "node_modules" / "axe-core" / "axe.min.js"
_RUN: Final = """() => axe.run(document, { resultTypes: ["violations"] }).then(({ violations }) =>
    violations.flatMap(({ id, nodes }) => nodes.map(({ html, any, all, none }) =>
        [id, html.slice(0, 140), [...any, ...all, ...none].map(({ message }) => message).join(" ").slice(0, 300)])))"""
"""By every rule of it."""


async def axe_finds(page: Page) -> list[Any]:
    """What is not as it should be: rule, element and reason of axe; then what `CHECKS` says.

    Axe leaves the contrast of some texts undecided: of what is scrolled away inside of a panel, of single characters.
    `CHECKS` measures that of every text on the page, these included. The page's policy lets no script in but its own:
    axe comes through DevTools.
    """
    if not await page.evaluate("() => 'axe' in window"):
        await page.evaluate(SCRIPT.read_text("utf-8"))
    return [*await page.evaluate(_RUN), *await page.evaluate(CHECKS)]
