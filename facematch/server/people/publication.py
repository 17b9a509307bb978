"""The gallery as recognizers get it: one file for each version, not more often than they can follow.

A change is published at once when nothing was for a while; what comes in quick succession shares a version that is
published: four a second, one while photos are imported. Who waits for another version is woken in this process; a
change that another process has made is seen within `LOOK_SECONDS`.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

import structlog

from facematch.faces.gallery_file import tag_of, to_bytes
from facematch.server.people.current import nobody

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from facematch.faces.gallery import Gallery
    from facematch.server.people.current import CurrentGallery

log = structlog.get_logger(__name__)

APART_SECONDS: Final = 0.25
IMPORTING_APART_SECONDS: Final = 1.0
LOOK_SECONDS: Final = 2.0
"""How often other processes' changes are looked for."""


@dataclass(frozen=True, slots=True)
class Published:
    """What recognizers get."""

    gallery: Gallery
    file: bytes
    tag: str
    """Another for every other file."""

    @classmethod
    def of(cls, gallery: Gallery) -> Self:
        """With its file made, which takes some milliseconds for each thousand people."""
        file = to_bytes(gallery)
        return cls(gallery, file, tag_of(file))

    @property
    def version(self) -> int:
        """The gallery's."""
        return self.gallery.version


class Publication:
    """See the module.

    Args:
        current: the gallery as it is now.
        monotonic: seconds; injected by tests.
        sleep: waits for seconds; injected by tests.
    """

    def __init__(
        self,
        current: CurrentGallery,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._current = current
        self._now = monotonic
        self._published = Published.of(nobody())
        self._changed = asyncio.Event()
        self._woken = asyncio.Event()
        self._news = 0
        self._imports = 0
        self._well = True
        self._stopping = False

    @property
    def latest(self) -> Published:
        """What is published now."""
        return self._published

    def changed(self) -> None:
        """Somebody was changed here."""
        self._changed.set()

    @contextmanager
    def importing(self) -> Iterator[None]:
        """Many changes follow each other meanwhile."""
        self._imports += 1
        try:
            yield
        finally:
            self._imports -= 1

    async def open(self) -> None:
        """Publish what there is.

        Raises:
            LogUnavailableError: it cannot be read now.
        """
        self._stopping = False
        await self._publish()

    def stop(self) -> None:
        """Nobody waits any more."""
        self._stopping = True
        self._wake()

    def call(self) -> None:
        """Whoever waits gets an answer now: something else than the gallery is to be asked for at once."""
        self._news += 1
        self._wake()

    async def other_than(self, tag: str, seconds: float) -> Published:
        """What is published, as soon as its tag is not `tag`, `call` was called, or the time is over."""
        news = self._news
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self._published.tag == tag and self._news == news and not self._stopping:
                    await self._woken.wait()
        return self._published

    async def at_least(self, version: int, seconds: float) -> bool:
        """Return when this version, or a later one, is published; False: not in that time."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self._published.version < version and not self._stopping:
                    await self._woken.wait()
        return self._published.version >= version

    async def run(self) -> None:
        """Publish what changes, for ever."""
        while True:
            self._changed.clear()
            begun = self._now()
            try:
                await self._publish()
                self._note(None)
            except OSError as error:
                self._note(error)
            except Exception:
                log.exception("The gallery could not be published; tried again")
            apart = IMPORTING_APART_SECONDS if self._imports else APART_SECONDS
            await asyncio.sleep(max(0.0, apart - (self._now() - begun)))
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._changed.wait()

    async def _publish(self) -> None:
        gallery = await self._current.read()
        if gallery.version != self._published.version:
            self._published = await asyncio.to_thread(Published.of, gallery)
            self._wake()

    def _wake(self) -> None:
        self._woken.set()
        self._woken = asyncio.Event()

    def _note(self, error: OSError | None) -> None:
        """One line when it cannot be read and one when it can again."""
        if error and self._well:
            log.error("The gallery cannot be read now; tried again", reason=str(error))
        elif not error and not self._well:
            log.info("The gallery can be read again")
        self._well = error is None
