"""Builds the page anew when a file of it has changed: `python -m tools.page`; a server that runs hands it out."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from tools.setup.page import OWN_FOLDER, Page
from tools.setup.work import Log, SetupError

ROOT = Path(__file__).resolve().parent.parent


def build() -> bool:
    """Returns whether there was something to build.

    Raises:
        SetupError: a file is not right, or set-up has not been run.
    """
    page = Page(ROOT, os.environ, dev=False)
    if page.built:
        return False
    page.build(Log(ROOT / OWN_FOLDER / "logs" / "page.log"))
    return True


if __name__ == "__main__":
    try:
        build()
    except SetupError as error:
        sys.exit(str(error))
