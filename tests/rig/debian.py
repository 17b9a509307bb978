"""Servers that come with the machine's packages: CI installs those that are missing and can be had."""

from __future__ import annotations

import os
import shutil
import subprocess

_INSTALL_SECONDS = 180


def install(package: str) -> None:
    """In CI, as root, where there is apt; anywhere else nothing is changed. Says nothing of how it went."""
    if not os.environ.get("CI") or os.geteuid() != 0 or not shutil.which("apt-get"):
        return
    wanted = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", package]
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (wanted, ["apt-get", "update", "-qq"], wanted):
        done = subprocess.run(
            command,
            env=environment,
            capture_output=True,
            timeout=_INSTALL_SECONDS,
            check=False,
            stdin=subprocess.DEVNULL,
        )
        if command == wanted and done.returncode == 0:
            return
