"""A memory limit for some processes: a control group of the tests' own."""

from __future__ import annotations

import secrets
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

_MOUNT = Path("/sys/fs/cgroup")
_LEAVE_SECONDS = 10


class ControlGroup:
    """One group, of either version."""

    def __init__(self, folder: Path, *, version_2: bool) -> None:
        self._folder = folder
        self._version_2 = version_2

    def enter(self) -> tuple[str, ...]:
        """What to put before a command so that it runs inside."""
        return ("/bin/sh", "-c", 'echo $$ > "$0" && exec "$@"', str(self._folder / "cgroup.procs"))

    @property
    def killed(self) -> int:
        """Processes that the kernel has killed for want of memory."""
        text = (self._folder / ("memory.events" if self._version_2 else "memory.oom_control")).read_text()
        return int(dict(line.split() for line in text.splitlines()).get("oom_kill", 0))


@contextmanager
def memory_limit(limit: int) -> Iterator[ControlGroup]:
    """A group whose processes may use `limit` bytes together; skips the test where none can be made."""
    version_2 = (_MOUNT / "cgroup.controllers").exists()
    folder = (_MOUNT if version_2 else _MOUNT / "memory") / f"face-match-test-{secrets.token_hex(4)}"
    try:
        if version_2:
            (_MOUNT / "cgroup.subtree_control").write_text("+memory")
        folder.mkdir()
        (folder / ("memory.max" if version_2 else "memory.limit_in_bytes")).write_text(str(limit))
    except OSError as error:
        if folder.exists():
            folder.rmdir()
        pytest.skip(f"no memory control group can be made here: {error}")
    try:
        yield ControlGroup(folder, version_2=version_2)
    finally:
        _remove(folder)


def _remove(folder: Path) -> None:
    deadline = time.monotonic() + _LEAVE_SECONDS
    while True:  # the kernel takes a moment to notice that the last process has gone
        try:
            return folder.rmdir()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
