"""The stored reference photograph: one file, shared with the recognizer, replaced whole or not at all."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from facematch.faces.reference import reference_id, stored_bytes
from facematch.runtime.atomic_file import sync_folder, write_whole

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Current:
    """The reference on disk."""

    id: str
    updated_at: datetime


class ReferenceFile:
    """The file that both processes share.

    Args:
        path: of the stored photograph.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known: tuple[tuple[int, int, int], Current] | None = None

    async def current(self) -> Current | None:
        """Which reference is on disk now; None when there is none or it cannot be read."""
        return await asyncio.to_thread(self._current)

    async def read(self) -> bytes | None:
        """Its bytes; None when there is none."""
        try:
            return await asyncio.to_thread(stored_bytes, self._path)
        except OSError:
            return None

    async def replace(self, jpeg: bytes) -> str:
        """Put another one in its place. When this raises, the old one is there as it was.

        Returns:
            The new reference's id.

        Raises:
            OSError: the disk is full, read-only or broken.
        """
        await asyncio.to_thread(write_whole, self._path, jpeg)
        return reference_id(jpeg)

    async def remove(self) -> None:
        """Have none, also after a power cut.

        Raises:
            OSError: it cannot be removed.
        """
        await asyncio.to_thread(self._remove)

    def _remove(self) -> None:
        self._path.unlink(missing_ok=True)
        sync_folder(self._path.parent)

    def _current(self) -> Current | None:
        """Reads the file only when it has changed."""
        try:
            found = self._path.stat()
            version = (found.st_mtime_ns, found.st_size, found.st_ino)
            if self._known is None or self._known[0] != version:
                when = datetime.fromtimestamp(found.st_mtime, UTC)
                self._known = (version, Current(reference_id(stored_bytes(self._path)), when))
            return self._known[1]
        except OSError:
            return None
