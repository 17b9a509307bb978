"""Chromium for the browser tests: an installed one, else the system's package where this user may install it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from tools.setup.work import SetupError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tools.setup.work import Log

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")


def find(env: Mapping[str, str]) -> str | None:
    """The first that is installed."""
    return next((found for name in NAMES if (found := shutil.which(name, path=env.get("PATH")))), None)


def install(log: Log, env: Mapping[str, str]) -> None:
    """With apt-get, as root; elsewhere nothing happens, and the closing report says what to do.

    Raises:
        SetupError: apt-get could not.
    """
    if shutil.which("apt-get", path=env.get("PATH")) is None or os.geteuid() != 0:
        return
    quiet = {**env, "DEBIAN_FRONTEND": "noninteractive"}
    try:
        log.run(["apt-get", "update"], cwd=Path("/"), env=quiet)
        log.run(["apt-get", "install", "-y", "chromium"], cwd=Path("/"), env=quiet)
    except SetupError as error:
        raise SetupError(f"Chromium: {error}") from error
