"""The gallery in force: fetched from the web process when it changes, swapped whole, kept for a start without it.

One task owns it. It asks with the version that it has, and the answer comes with the next one (a long poll): a change
is in force here within a second. The version in the answers to heartbeats is the safety net for a poll that got lost.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

import structlog

from facematch.faces.gallery import empty
from facematch.faces.gallery_file import LARGEST_FILE, GalleryFileError, from_bytes, tag_of, version_in
from facematch.recognizer.delivery.api_client import ApiUnreachableError
from facematch.runtime.atomic_file import write_whole
from facematch.runtime.backoff import full_jitter
from facematch.runtime.clock import wall_clock

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from facematch.faces.gallery import Gallery
    from facematch.recognizer.delivery.api_client import Answer, ApiClient

log = structlog.get_logger(__name__)

WAIT_SECONDS: Final = 20
"""How long the web process may keep a question open."""
ANSWER_SECONDS: Final = WAIT_SECONDS + 20.0
"""How long the answer may take, with the file in it."""
FIRST_SECONDS: Final = 2.0
"""How long the cameras wait for the first answer before the gallery that was kept is taken."""
LEAST_SECONDS: Final = 0.25
"""Between two questions: a web process that does not wait is not asked without a pause."""
LONGEST_PAUSE: Final = 5.0
"""Between two questions to a web process that does not answer, or answers with an error."""
LOST_SECONDS: Final = 1.0
"""After which another version, told in the answer to a heartbeat, is fetched by a new question."""
KEPT: Final = timedelta(hours=24)
"""How long a gallery counts that the web process has not confirmed."""
_CONFIRMED_EVERY = timedelta(minutes=10)
_SWEPT_EVERY = timedelta(minutes=10)
_DRAFT = timedelta(minutes=1)
"""How old a half-written file is that nobody is writing any more."""
_OF_ANY = re.compile(r"gallery-[0-9a-f]{12}\.safetensors")
_DRAFT_OF_ANY = re.compile(r"\.gallery-[0-9a-f]{12}-\w+\.part")
_OK, _NOT_MODIFIED = 200, 304


def gallery_path(data_dir: Path, api_base_url: str) -> Path:
    """Where the gallery of a web process is kept: one file for all recognizers with this data folder."""
    return data_dir / f"gallery-{hashlib.sha256(api_base_url.encode()).hexdigest()[:12]}.safetensors"


def drop_left_over(folder: Path, now: datetime) -> None:
    """Delete galleries that nobody confirms any more (of a web process that was used before, say), and what a process
    that was killed has left half-written: whoever is erased may be in them.
    """
    ages = {_OF_ANY: KEPT, _DRAFT_OF_ANY: _DRAFT}
    with suppress(OSError):
        for file in list(folder.iterdir()):
            most = next((age for name, age in ages.items() if name.fullmatch(file.name)), None)
            with suppress(FileNotFoundError):  # whoever wrote it has it in its place now
                if most and abs(now - datetime.fromtimestamp(file.stat().st_mtime, UTC)) >= most:
                    file.unlink()


class GalleryFollower:
    """See the module.

    Args:
        api: where it is fetched.
        kept: the file that it is kept in; its time of modification is when the web process confirmed it last.
        encoder: whose embeddings can be compared here (`models.weights_of`).
        now: aware time; injected by tests.
    """

    def __init__(self, api: ApiClient, kept: Path, encoder: str, now: Callable[[], datetime] = wall_clock) -> None:
        self._api = api
        self._kept = kept
        self._encoder = encoder
        self._now = now
        self._listeners: list[Callable[[], None]] = []
        self._tag: str | None = None
        """Of the last file that came, whether or not it could be used."""
        self._confirmed: datetime | None = None
        """When the web process last said that this is its gallery."""
        self._touched: datetime | None = None
        """When the kept file was last told so."""
        self._swept: datetime | None = None
        """When what nobody uses was deleted last."""
        self._other_since: float | None = None
        self._patience = LOST_SECONDS
        self._ask_anew = asyncio.Event()
        self._news: Callable[[], None] = lambda: None
        self.current = empty(encoder)
        """Who is looked for; nobody, in version 0, before any gallery came."""
        self.looked = False
        """Whether the web process was asked, and has answered or not. Before that nobody can say that there is none."""
        self.error: str | None = None
        """Why what the web process has is not in force, in words for a person."""

    def subscribe(self, listener: Callable[[], None]) -> None:
        """Call `listener` on the event loop after every change of `current`, and of `looked`."""
        self._listeners.append(listener)

    def unsubscribe(self, listener: Callable[[], None]) -> None:
        """Stop calling `listener`."""
        self._listeners.remove(listener)

    def on_news(self, listener: Callable[[], None]) -> None:
        """Call `listener` when the web process has answered, which it does early when it has something to say that
        stands in the answer to the next heartbeat.
        """
        self._news = listener

    def told(self, version: int | None) -> None:
        """The answer to a heartbeat named the version that is published; None: it does not say.

        One that does not come by itself is asked for anew; not too soon, for it may be on its way and large.
        """
        now = asyncio.get_running_loop().time()
        if version is None or version_in(self._tag) == version:
            self._other_since = None
        elif self._other_since is None:
            self._other_since = now
        elif now - self._other_since >= self._patience:
            self._other_since = None
            self._patience = min(2 * self._patience, ANSWER_SECONDS)
            self._ask_anew.set()

    async def run(self) -> None:
        """Follow the web process, for ever."""
        failed = 0
        if not await self._ask(0, FIRST_SECONDS):
            failed = 1
            await self._take_kept()
        self.looked = True
        self._tell()
        await self._sweep()
        while True:
            await self._pause(max(LEAST_SECONDS, full_jitter(failed, 1.0, LONGEST_PAUSE) if failed else 0.0))
            failed = 0 if await self._ask(WAIT_SECONDS, ANSWER_SECONDS) else failed + 1
            await self._forget_what_is_old()
            await self._sweep()

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._ask_anew.wait()

    async def _ask(self, wait: int, seconds: float) -> bool:
        """One question. Returns whether it was answered, or is to be asked anew."""
        self._ask_anew.clear()
        question = asyncio.create_task(
            self._api.get(f"/api/gallery?wait={wait}", self._tag, seconds=seconds, most_bytes=LARGEST_FILE),
            name="gallery question",
        )
        anew = asyncio.create_task(self._ask_anew.wait(), name="gallery asked for anew")
        try:
            await asyncio.wait((question, anew), return_when=asyncio.FIRST_COMPLETED)
            return not question.done() or await self._answered(question.result())
        except ApiUnreachableError as error:
            log.debug("The gallery could not be asked for", reason=str(error))
            return False
        finally:
            for task in (question, anew):
                task.cancel()
            await asyncio.gather(question, anew, return_exceptions=True)

    async def _answered(self, answer: Answer) -> bool:
        if answer.status not in (_OK, _NOT_MODIFIED):  # an older web process has none; a refusal is told by heartbeats
            log.debug("No gallery", status=answer.status)
            return False
        self._other_since, self._patience = None, LOST_SECONDS
        self._news()
        if answer.status == _OK:
            await self._take(answer)
        if self.error is None:
            self._confirmed = self._now()
            await asyncio.to_thread(self._touch)
        return True

    async def _take(self, answer: Answer) -> None:
        try:
            gallery = await asyncio.to_thread(from_bytes, answer.body, encoder=self._encoder)
        except GalleryFileError as error:
            if self._tag != answer.tag:
                log.error("The gallery is not usable; the one before it stays in use", reason=str(error))  # noqa: TRY400
            self._tag, self.error = answer.tag, str(error)
            self._tell()
            return
        self._tag, self.error = answer.tag or _tag(answer.body), None
        if len(gallery) or len(self.current):
            log.info("Gallery in force", version=gallery.version, people=len(gallery))
        self._swap(gallery)
        await self._keep(answer.body)

    def _swap(self, gallery: Gallery) -> None:
        self.current = gallery
        self._tell()

    def _tell(self) -> None:
        for listener in list(self._listeners):
            listener()

    async def _keep(self, file: bytes) -> None:
        """For the next start. Nobody is kept when there is nobody."""
        self._touched = None
        try:
            if len(self.current):
                await asyncio.to_thread(write_whole, self._kept, file)
            else:
                await asyncio.to_thread(self._kept.unlink, missing_ok=True)
        except OSError as error:  # the one before it, with people who may be gone, must not come back
            log.warning("The gallery cannot be kept for a start without the API", reason=error.strerror)
            with suppress(OSError):
                await asyncio.to_thread(self._kept.unlink, missing_ok=True)

    def _touch(self) -> None:
        now = self._now()
        if self._touched is None or now - self._touched >= _CONFIRMED_EVERY:
            self._touched = now
            with suppress(OSError):
                os.utime(self._kept, (now.timestamp(), now.timestamp()))

    async def _take_kept(self) -> None:
        """What was in force before, when the web process does not answer."""
        try:
            confirmed, tag, gallery = await asyncio.to_thread(self._read_kept)
        except FileNotFoundError:
            return
        except (OSError, GalleryFileError) as error:
            log.warning("The gallery that was kept is not usable", reason=str(error))
            await self._drop_kept()
            return
        if self._is_old(confirmed):
            log.warning("The gallery that was kept is too old", confirmed=confirmed.isoformat())
            await self._drop_kept()
            return
        self._confirmed, self._tag = confirmed, tag
        log.warning("The API does not answer: the gallery that was kept is in force", version=gallery.version)
        self._swap(gallery)

    def _read_kept(self) -> tuple[datetime, str, Gallery]:
        with self._kept.open("rb") as file:
            confirmed = datetime.fromtimestamp(os.fstat(file.fileno()).st_mtime, UTC)
            data = file.read(LARGEST_FILE)
        gallery = from_bytes(data, encoder=self._encoder)
        return confirmed, _tag(data), gallery

    async def _forget_what_is_old(self) -> None:
        """Nobody knows any more whether these people are still to be looked for."""
        if self._confirmed is not None and len(self.current) and self._is_old(self._confirmed):
            log.warning("The API has not confirmed the gallery for too long: nobody of it is looked for any more")
            self._tag = self._confirmed = None
            self._swap(empty(self._encoder))
            await self._drop_kept()

    async def _drop_kept(self) -> None:
        with suppress(OSError):
            await asyncio.to_thread(self._kept.unlink, missing_ok=True)

    async def _sweep(self) -> None:
        now = self._now()
        if self._swept is None or now - self._swept >= _SWEPT_EVERY:
            self._swept = now
            await asyncio.to_thread(drop_left_over, self._kept.parent, now)

    def _is_old(self, confirmed: datetime) -> bool:
        return abs(self._now() - confirmed) >= KEPT  # a clock that was set back by more than that proves nothing


def _tag(file: bytes) -> str:
    return f'"{tag_of(file)}"'
