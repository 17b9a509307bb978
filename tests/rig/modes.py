"""Modes of files, under a umask of the test's choice."""

from __future__ import annotations

import os
import stat
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def umask(value: int) -> Iterator[None]:
    """What the process takes away from the modes of new files."""
    before = os.umask(value)
    try:
        yield
    finally:
        os.umask(before)


def mode(path: Path) -> int:
    """Permissions alone; of what a link leads to."""
    return stat.S_IMODE(path.stat().st_mode)


def open_to_others(folder: Path) -> list[str]:
    """What others than the owner may do anything with: the folder and all in it, links aside."""
    return [
        f"{path.relative_to(folder.parent)} {mode(path):o}"
        for path in (folder, *sorted(folder.rglob("*")))
        if not path.is_symlink() and mode(path) & 0o077
    ]


@contextmanager
def another_user() -> Iterator[None]:
    """Be nobody for a while; only root can."""
    os.seteuid(65_534)
    try:
        yield
    finally:
        os.seteuid(0)
