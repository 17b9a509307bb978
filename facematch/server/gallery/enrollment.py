"""The reference photograph: checked before it replaces anything, replaced whole or not at all."""

# Annotations are read at run time here: FastAPI makes its routes from them.
import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal, Protocol

import structlog
from fastapi import APIRouter, Header, Request, Response
from pydantic import BaseModel, Field

from facematch.faces.models import ModelError
from facematch.faces.reference import reference_id
from facematch.runtime.atomic_file import sync_folder, write_whole
from facematch.server.web.bodies import described_upload, read_upload, upload_refusals
from facematch.server.web.errors import ApiError, Code, documented
from facematch.server.web.etag import answer

log = structlog.get_logger(__name__)

URL = "/reference/current.jpg"

_PLACES = 4
"""Uploads that are received, waiting or being examined at once."""
_RETRY_SECONDS = 3

BBox = tuple[int, int, int, int]


class Photo(Protocol):
    """What the face engine makes of an upload (`facematch.faces.enrollment.EnrolledPhoto`)."""

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


class Examiner(Protocol):
    """The part of the face engine that enrollment needs."""

    async def enroll(self, data: bytes) -> Photo:
        """The photo, or `EnrollmentError`."""
        ...

    async def aclose(self) -> None:
        """End the engine's threads."""
        ...


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
            return await asyncio.to_thread(self._path.read_bytes)
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
                self._known = (version, Current(reference_id(self._path.read_bytes()), when))
            return self._known[1]
        except OSError:
            return None


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

    def warm(self) -> None:
        """Begin to load the models, because somebody may soon upload."""
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
        # After the models, so that dlib is loaded in their thread and not in the event loop's.
        from facematch.faces.enrollment import EnrollmentError  # noqa: PLC0415

        try:
            return await examiner.enroll(data)
        except EnrollmentError as error:
            status = 413 if error.code == Code.TOO_LARGE else 422
            raise ApiError(
                status, error.code, error.detail, faces=list(error.faces), frame_size=error.frame_size
            ) from None
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


class Enrolled(BaseModel):
    """The photo is the reference now."""

    ok: Literal[True] = True
    reference_id: str = Field(examples=["9f86d081884c7d65"])
    bbox: BBox = Field(description="[top, right, bottom, left] of the face", examples=[[80, 300, 220, 160]])
    frame_size: tuple[int, int] = Field(description="[width, height] of the stored photo", examples=[[640, 480]])
    url: str = Field(examples=[URL])


def routes(enrollment: Enrollment, file: ReferenceFile, upload_limit: int) -> APIRouter:
    """`POST /api/reference` and `GET /reference/current.jpg`.

    Args:
        enrollment: takes uploads.
        file: the current one.
        upload_limit: bytes.
    """
    router = APIRouter(tags=["reference"])

    @router.post(
        "/api/reference",
        summary="Replace the reference photo",
        responses=documented(
            *upload_refusals("file", upload_limit),
            (422, Code.NOT_AN_IMAGE, "This is not a JPEG, PNG or WebP image."),
            (422, Code.NO_FACE, "No face found. Use a photo with one clear, frontal face."),
            (422, Code.MULTIPLE_FACES, "2 faces found. Use a photo that shows only the person to be recognised."),
            (422, Code.FACE_TOO_SMALL, "The face is only about 50 pixels wide."),
            (503, Code.BUSY, "Other photos are being examined. Try again in a few seconds."),
            (507, Code.STORAGE_FAILED, "The photo is fine but could not be stored (No space left on device)."),
        ),
        openapi_extra=described_upload("file", "JPEG, PNG or WebP with one clear, frontal face"),
    )
    async def post(request: Request) -> Enrolled:
        """The photo is examined first. One that is refused changes nothing."""
        async with enrollment.place():
            data = await read_upload(request, "file", upload_limit)
            new_id, photo = await enrollment.enroll(data)
        log.info("Reference replaced", reference_id=new_id)
        return Enrolled(reference_id=new_id, bbox=photo.bbox, frame_size=photo.frame_size, url=URL)

    @router.get(
        URL,
        summary="The reference photo in use",
        response_class=Response,
        responses={
            200: {"content": {"image/jpeg": {}}, "description": "The photo; ETag is the reference's id"},
            304: {"description": "The photo that the caller has is the current one"},
            **documented((404, Code.NO_REFERENCE, "No reference photo has been added yet.")),
        },
    )
    async def get(if_none_match: Annotated[str | None, Header()] = None) -> Response:
        data = await file.read()
        if data is None:
            raise ApiError(404, Code.NO_REFERENCE, "No reference photo has been added yet.")
        return answer(data, "image/jpeg", reference_id(data), if_none_match, cache="private, no-cache")

    return router
