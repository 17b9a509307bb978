"""The reference in use, reloaded when its file changes: an immutable set of embeddings, swapped whole."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import numpy as np
import structlog

from facematch.faces.photos.refusal import EnrollmentError
from facematch.faces.reference import ReferenceSet, reference_id, stored_bytes

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from facematch.faces.photos.enrollment import EnrolledPhoto

log = structlog.get_logger(__name__)

POLL_SECONDS = 1.0
"""The file is looked at no more often than this."""

_Signature = tuple[int, int, int, int]
_UNREAD: _Signature = (-1, -1, -1, -1)
"""Of no file: whatever is there is a change."""


class References:
    """Follows one reference photograph.

    A file that holds no usable face is reported once, and the reference before it stays in use. A file that is
    removed ends the reference: nothing is compared any more.

    Args:
        path: the photograph; need not exist yet.
        read: the bytes of a stored photograph to its embedding, off the event loop; raises `EnrollmentError`.
    """

    def __init__(self, path: Path, read: Callable[[bytes], Awaitable[EnrolledPhoto]]) -> None:
        self._path = path
        self._read = read
        self._seen: _Signature | None = None
        self._listeners: list[Callable[[], None]] = []
        self.current: ReferenceSet | None = None
        """What to compare with; None while nothing is enrolled."""
        self.looked = False
        """Whether the file was looked at, and read if it is there. Before that nobody can say that there is none."""
        self.error: str | None = None
        """Why the file on disk is not in use, in words for a person; None when it is, or when there is none."""

    def subscribe(self, listener: Callable[[], None]) -> None:
        """Call `listener` on the event loop after every change of `current`, and of `looked`."""
        self._listeners.append(listener)

    def unsubscribe(self, listener: Callable[[], None]) -> None:
        """Stop calling `listener`."""
        self._listeners.remove(listener)

    async def run(self) -> None:
        """Follow the file, for ever."""
        await self.poll()
        self.looked = True
        self._tell()
        if self.current is None and self.error is None:
            log.info("No reference yet: waiting for the first upload", path=str(self._path))
        while True:
            await asyncio.sleep(POLL_SECONDS)
            await self.poll()

    async def poll(self) -> None:
        """Look at the file once and take over what has changed. Raises nothing that a file can cause."""
        signature = await asyncio.to_thread(self._signature)
        if signature == self._seen:
            return
        self._seen = signature
        if signature is None:
            self.error = None
            if self.current is not None:
                log.warning("Reference removed: nothing is compared until a new one is enrolled", path=str(self._path))
                self._swap(None)
            return
        await self._load()

    async def _load(self) -> None:
        try:
            data = await asyncio.to_thread(stored_bytes, self._path)
            photo = await self._read(data)
        except (OSError, EnrollmentError) as error:
            known, self.error = self.error, _reason(error)
            if isinstance(error, OSError):  # it may pass without a change of the file: looked at again, told once
                self._seen = _UNREAD
                if known == self.error:
                    return
            log.error(  # noqa: TRY400  (a bad photograph is no fault of the program: no traceback)
                "Reference not usable; the one before it stays in use" if self.current else "Reference not usable",
                path=str(self._path),
                reason=self.error,
            )
            return
        self.error = None
        new = ReferenceSet(reference_id(data), photo.embedding[np.newaxis])
        if self.current is None or new.id != self.current.id:
            log.info("Reference loaded", reference=new.id, path=str(self._path))
            self._swap(new)

    def _swap(self, new: ReferenceSet | None) -> None:
        self.current = new
        self._tell()

    def _tell(self) -> None:
        for listener in list(self._listeners):
            listener()

    def _signature(self) -> _Signature | None:
        """Changes whenever the file does, older modification times and permissions included; None without a file."""
        try:
            status = self._path.stat()
        except OSError:
            return None
        return status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino


def _reason(error: OSError | EnrollmentError) -> str:
    return error.detail if isinstance(error, EnrollmentError) else error.strerror or str(error) or type(error).__name__
