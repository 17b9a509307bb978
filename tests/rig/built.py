"""What the web process serves of the page."""

from __future__ import annotations

from facematch.config.settings import ROOT
from tools.setup.page import BUILT


def address(pattern: str) -> str:
    """Of the one file whose name fits, such as `app-*.js`."""
    (found,) = (ROOT / BUILT).glob(pattern)
    return f"/static/{found.name}"
