"""Enrollment: a photo is examined before it becomes the reference; one that is refused changes nothing."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Protocol

import structlog

from facematch.faces.models import ModelError
from facematch.faces.photos.refusal import EnrollmentError
from facematch.server.web.errors import ApiError, Code

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence
    from datetime import datetime

    import numpy as np
    from numpy.typing import NDArray

    from facematch.server.gallery.photo_file import ReferenceFile

log = structlog.get_logger(__name__)

_PLACES = 4
"""Uploads that are received, waiting or being examined at once."""
_RETRY_SECONDS = 3

BBox = tuple[int, int, int, int]
"""top, right, bottom, left, in pixels."""


class Weak(Protocol):
    """Why a photo will be recognised less often (`facematch.faces.photos.weakness.Weakness`)."""

    @property
    def code(self) -> str:
        """For programs."""
        ...

    @property
    def detail(self) -> str:
        """A sentence that a person can act on."""
        ...


class Photo(Protocol):
    """What the face engine makes of an upload (`facematch.faces.photos.enrollment.EnrolledPhoto`)."""

    @property
    def jpeg(self) -> bytes:
        """What is stored."""
        ...

    @property
    def bbox(self) -> BBox:
        """The face: top, right, bottom, left in pixels of `frame_size`."""
        ...

    @property
    def frame_size(self) -> tuple[int, int]:
        """Width, height."""
        ...

    @property
    def weak(self) -> Sequence[Weak]:
        """Empty for a good one."""
        ...

    @property
    def turned(self) -> int:
        """Degrees, clockwise, that it was turned by."""
        ...

    @property
    def embedding(self) -> NDArray[np.float32]:
        """(128,), of the face."""
        ...

    @property
    def score(self) -> float:
        """The detector's."""
        ...

    @property
    def sharpness(self) -> float:
        """0.18 to 0.25 in untouched photographs, less in blurred ones."""
        ...


class Examiner(Protocol):
    """The part of the face engine that enrollment needs."""

    @property
    def model(self) -> str:
        """Which encoder makes the embeddings."""
        ...

    async def enroll(self, data: bytes) -> Photo:
        """The photo, or `EnrollmentError`."""
        ...

    async def aclose(self) -> None:
        """End the engine's threads."""
        ...


class Enrollment:
    """Examines uploads one at a time; makes the face engine when it is first needed.

    Args:
        make_examiner: loads the models, a second of work; called in a thread.
        file: where an accepted photo goes.
    """

    def __init__(self, make_examiner: Callable[[], Examiner], file: ReferenceFile) -> None:
        self._make_examiner = make_examiner
        self._file = file
        self._examiner: asyncio.Task[Examiner] | None = None
        self._one_at_a_time = asyncio.Lock()
        self._taken = 0
        self._closed = False

    @asynccontextmanager
    async def place(self) -> AsyncIterator[None]:
        """One of the few uploads at once.

        Raises:
            ApiError: 503, all places are taken.
        """
        if self._taken >= _PLACES:
            raise _busy("Other photos are being examined. Try again in a few seconds.")
        self._taken += 1
        try:
            yield
        finally:
            self._taken -= 1

    async def warm(self) -> None:
        """Begin to load the models where no photo is enrolled, because somebody may soon upload one."""
        if await self._file.current() is None:
            self._loading()

    async def enroll(self, data: bytes) -> tuple[str, Photo]:
        """Examine a photo and store it.

        Returns:
            The new reference's id, and what was seen.

        Raises:
            ApiError: it cannot serve as a reference, or could not be stored; the old one is as it was.
        """
        async with self._one_at_a_time:
            photo = await self._examine(data)
            try:
                return await self._file.replace(photo.jpeg), photo
            except OSError as error:
                log.exception("Reference not stored")
                reason = error.strerror or "the disk failed"
                detail = f"The photo is fine but could not be stored ({reason}). The former one is still in use."
                raise ApiError(507, Code.STORAGE_FAILED, detail) from error

    async def examine(self, data: bytes) -> tuple[Photo, str]:
        """Examine a photo and store nothing.

        Returns:
            What was seen, and which encoder made the embedding.

        Raises:
            ApiError: it cannot serve as a reference, or cannot be examined now.
        """
        async with self._one_at_a_time:
            photo = await self._examine(data)
            return photo, (await asyncio.shield(self._loading())).model

    async def remove(self, reference_id: str, enrolled_until: datetime | None = None) -> bool:
        """Remove the photo that has this id; not another one that has taken its place meanwhile.

        Args:
            reference_id: its id.
            enrolled_until: not when it was enrolled (again) after this; None: whenever it was.

        Returns:
            Whether there is none now.

        Raises:
            OSError: it cannot be removed.
        """
        async with self._one_at_a_time:
            current = await self._file.current()
            known = current is not None and current.id == reference_id
            if current is not None and known and (enrolled_until is None or current.updated_at <= enrolled_until):
                await self._file.remove()
            return await self._file.current() is None

    async def _examine(self, data: bytes) -> Photo:
        try:
            examiner = await asyncio.shield(self._loading())
        except ModelError as error:
            log.exception("Face models cannot be loaded")
            raise _busy(f"The face models cannot be loaded: {error}") from error
        try:
            return await examiner.enroll(data)
        except EnrollmentError as error:
            status = 413 if error.code == Code.TOO_LARGE else 422
            raise ApiError(
                status, error.code, error.detail, faces=list(error.faces), frame_size=error.frame_size
            ) from None
        except OSError as error:
            log.exception("Photo not examined")
            raise _busy(f"Photos cannot be read at the moment ({error}). Try again in a few seconds.") from error
        except Exception as error:
            if self._closed:
                raise ApiError(503, Code.STOPPING, "Face Match is stopping.") from error
            raise

    async def aclose(self) -> None:
        """End the engine, if there is one."""
        self._closed = True
        if self._examiner is None:
            return
        try:
            examiner = await asyncio.shield(self._examiner)
        except Exception:  # noqa: BLE001  (whoever uploaded has been told)
            return
        await examiner.aclose()

    def _loading(self) -> asyncio.Task[Examiner]:
        if self._examiner is None or (self._examiner.done() and self._examiner.exception() is not None):
            self._examiner = asyncio.create_task(asyncio.to_thread(self._make_examiner), name="load-face-models")
        return self._examiner


def _busy(detail: str) -> ApiError:
    return ApiError(503, Code.BUSY, detail, headers={"Retry-After": str(_RETRY_SECONDS)})
