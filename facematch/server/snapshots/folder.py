"""The snapshots on the disk, for those who remove some. Nothing but files named as they are is ever touched.

A draft, the file of a snapshot whose event is not safe yet, counts as a snapshot that no event speaks of: who writes
one gives it its name or removes it in a moment, unless it is killed.
"""

from __future__ import annotations

import asyncio
import os
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from facematch.protocol.snapshot_names import is_snapshot_name, snapshot_of_draft
from facematch.runtime.atomic_file import sync_folder

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

SETTLED_NS: Final = 2_000_000_000
"""A folder whose time of change is younger may change again without showing it: clocks of file systems are coarse."""


@dataclass(frozen=True, slots=True)
class SnapshotFile:
    """One snapshot."""

    written_at: float
    """Wall-clock seconds, of whoever wrote it."""
    size: int
    """Bytes."""


class SnapshotFolder:
    """One folder.

    Args:
        path: need not exist.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: dict[str, SnapshotFile] = {}
        self._version: tuple[int, int] | None = None
        """Which state of the folder `_seen` is; None: look again."""

    async def files(self) -> Mapping[str, SnapshotFile]:
        """Every snapshot and draft by its name. Costs one look at the folder itself while nothing changes in it.

        Raises:
            OSError: it cannot be read.
        """
        return await asyncio.to_thread(self._files)

    async def read(self, name: str) -> bytes | None:
        """A snapshot; None: it has gone, or cannot be read."""
        if not is_snapshot_name(name):
            return None
        try:
            return await asyncio.to_thread((self._path / name).read_bytes)
        except OSError:
            return None

    async def remove(self, names: Iterable[str]) -> int:
        """Remove files; they stay removed also after a power cut. Returns how many of them there were.

        Raises:
            OSError: some could not be removed; all others have been.
        """
        return await asyncio.to_thread(self._remove, [name for name in names if _is_ours(name)])

    async def holds(self, names: Iterable[str]) -> bool:
        """Whether any of them is there, looked up anew."""
        return await asyncio.to_thread(lambda: any(os.path.lexists(self._path / name) for name in names))

    def _files(self) -> Mapping[str, SnapshotFile]:
        try:
            folder = self._path.stat()
        except FileNotFoundError:
            self._version, self._seen = None, {}
            return {}
        version = (folder.st_ino, folder.st_mtime_ns)
        if version != self._version:
            self._seen = dict(self._scan())
            settled = time.time_ns() - folder.st_mtime_ns > SETTLED_NS
            self._version = version if settled else None
        return self._seen

    def _scan(self) -> Iterable[tuple[str, SnapshotFile]]:
        with os.scandir(self._path) as entries:
            for entry in entries:
                if not _is_ours(entry.name):
                    continue
                with suppress(FileNotFoundError):  # removed since
                    if entry.is_file(follow_symlinks=False):
                        found = entry.stat(follow_symlinks=False)
                        yield entry.name, SnapshotFile(found.st_mtime, found.st_size)

    def _remove(self, names: Iterable[str]) -> int:
        removed, failure = 0, None
        for name in names:
            try:
                (self._path / name).unlink()
            except FileNotFoundError:
                continue
            except OSError as error:
                failure = error
            else:
                removed += 1
        if removed:
            self._version = None
            sync_folder(self._path)
        if failure is not None:
            raise failure
        return removed


def _is_ours(name: str) -> bool:
    return is_snapshot_name(name) or snapshot_of_draft(name) is not None
