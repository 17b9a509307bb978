"""The snapshots on the disk: in a folder that recognizers write to themselves, or send their snapshots into.

A draft, the file of a snapshot whose event is not safe yet, counts as a snapshot that no event speaks of: who writes
one gives it its name or removes it in a moment, unless it is killed.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
import stat
import tempfile
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from facematch.protocol.snapshot_names import draft_name, is_snapshot_name
from facematch.runtime.atomic_file import sync_folder
from facematch.runtime.owner_only import make_folder, new_file
from facematch.server.snapshots.storage import LARGEST, Snapshot, SnapshotFile, is_ours

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

SETTLED_NS: Final = 2_000_000_000
"""A folder whose time of change is younger may change again without showing it: clocks of file systems are coarse."""
DISK_FLOOR_MB: Final = 100
_MB: Final = 1024 * 1024


class SnapshotFolder:
    """One folder. See `SnapshotStorage`.

    Args:
        path: need not exist.
        takes_uploads: whether recognizers send their snapshots instead of writing them there.
    """

    look_seconds = 0.0

    def __init__(self, path: Path, *, takes_uploads: bool = False) -> None:
        self._path = path
        self.takes_uploads = takes_uploads
        self._seen: dict[str, SnapshotFile] = {}
        self._version: tuple[int, int] | None = None
        """Which state of the folder `_seen` is; None: look again."""

    def open(self) -> None:
        """See `SnapshotStorage`. The folder is made by who first writes to it."""

    async def files(self) -> Mapping[str, SnapshotFile]:
        """Every snapshot and draft by its name. Costs one look at the folder itself while nothing changes in it."""
        return await asyncio.to_thread(self._files)

    async def read(self, name: str) -> Snapshot | None:
        """A snapshot; None: there is none, or it cannot be read."""
        return await asyncio.to_thread(read_snapshot, self._path, name)

    async def write(self, name: str, data: bytes) -> bool:
        """See `SnapshotStorage`. It stays also after a power cut."""
        return await asyncio.to_thread(self._write, name, data)

    async def remove(self, names: Iterable[str]) -> int:
        """See `SnapshotStorage`. They stay removed also after a power cut."""
        return await asyncio.to_thread(self._remove, [name for name in names if is_ours(name)])

    async def holds(self, names: Iterable[str]) -> bool:
        """See `SnapshotStorage`."""
        return await asyncio.to_thread(lambda: any(os.path.lexists(self._path / name) for name in names))

    async def check(self) -> str:
        """Whether snapshots can be written: a file in that folder, and room for many."""
        return await asyncio.to_thread(room_in, self._path)

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
                if not is_ours(entry.name):
                    continue
                with suppress(FileNotFoundError):  # removed since
                    if entry.is_file(follow_symlinks=False):
                        found = entry.stat(follow_symlinks=False)
                        yield entry.name, SnapshotFile(found.st_mtime, found.st_size)

    def _write(self, name: str, data: bytes) -> bool:
        make_folder(self._path)
        path = self._path / name
        part = self._path / draft_name(f"{name.removesuffix('.jpg')}_{secrets.randbelow(10**9)}.jpg")
        try:
            with new_file(part) as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            try:
                os.link(part, path)  # unlike a rename, it takes no other's place
            except FileExistsError:
                there = read_snapshot(self._path, name)
                return there is not None and there.data == data
        finally:
            part.unlink(missing_ok=True)
        sync_folder(self._path)
        return True

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


def read_snapshot(folder: Path, name: str) -> Snapshot | None:
    """A snapshot; None when there is none of that name.

    Neither a link nor anything else but a regular file is followed or opened.
    """
    if not is_snapshot_name(name):
        return None
    try:
        handle = os.open(folder / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode) or found.st_size > LARGEST:
            return None
        with os.fdopen(handle, "rb", closefd=False) as file:
            return Snapshot(file.read(), f"{found.st_mtime_ns:x}-{found.st_size:x}")
    finally:
        os.close(handle)


def room_in(folder: Path) -> str:
    """How much room there is in a folder that can be written. Blocks.

    Raises:
        OSError: it cannot be, or too little.
    """
    make_folder(folder)
    with tempfile.TemporaryFile(dir=folder) as file:
        file.write(b"ready")
        file.flush()
    free = shutil.disk_usage(folder).free // _MB
    if free < DISK_FLOOR_MB:
        raise OSError(f"only {free} MB free, at least {DISK_FLOOR_MB} are needed")
    return f"{free} MB free"
