"""The reference photograph over HTTP: sent, and shown."""

# Annotations are read at run time here: FastAPI makes its routes from them.
from typing import Annotated, Literal

import structlog
from fastapi import APIRouter, Header, Request, Response
from pydantic import BaseModel, Field

from facematch.faces.reference import reference_id
from facematch.server.access.audit import Audit
from facematch.server.access.caller import caller_of
from facematch.server.gallery.enrollment import BBox, Enrollment
from facematch.server.gallery.photo_file import ReferenceFile
from facematch.server.web.bodies import described_upload, read_upload, upload_refusals
from facematch.server.web.errors import ApiError, Code, documented
from facematch.server.web.etag import answer

log = structlog.get_logger(__name__)

URL = "/reference/current.jpg"


class WeakPoint(BaseModel):
    """Why the person in an accepted photo will be recognised less often."""

    code: str = Field(examples=["BLURRED"])
    detail: str = Field(examples=["The face is blurred. Use a sharper photo."])


class Enrolled(BaseModel):
    """The photo is the reference now."""

    ok: Literal[True] = True
    reference_id: str = Field(examples=["9f86d081884c7d65"])
    bbox: BBox = Field(description="[top, right, bottom, left] of the face", examples=[[80, 300, 220, 160]])
    frame_size: tuple[int, int] = Field(description="[width, height] of the stored photo", examples=[[640, 480]])
    url: str = Field(examples=[URL])
    weak: list[WeakPoint] = Field(description="what is wrong with the photo although it is in use; usually nothing")
    turned: int = Field(
        description="degrees, clockwise, by which a photo was turned because no face showed as it lay",
        examples=[0],
    )


def routes(enrollment: Enrollment, file: ReferenceFile, upload_limit: int, audit: Audit) -> APIRouter:
    """`POST /api/reference` and `GET /reference/current.jpg`.

    Args:
        enrollment: takes uploads.
        file: the current one.
        upload_limit: bytes.
        audit: keeps who replaced it.
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
            (
                503,
                Code.STORAGE_FAILED,
                "The photo is in use, but who sent it could not be written down. Send it again.",
            ),
            (507, Code.STORAGE_FAILED, "The photo is fine but could not be stored (No space left on device)."),
        ),
        openapi_extra=described_upload("file", "JPEG, PNG or WebP with one clear, frontal face"),
    )
    async def post(request: Request) -> Enrolled:
        """The photo is examined first. One that is refused changes nothing."""
        async with enrollment.place():
            data = await read_upload(request, "file", upload_limit)
            new_id, photo = await enrollment.enroll(data)
        by = caller_of(request.scope).signature
        log.info("Reference replaced", reference_id=new_id, weak=[weak.code for weak in photo.weak], by=by)
        try:
            await audit("reference_replaced", by)
        except OSError as error:
            detail = f"The photo is in use, but who sent it could not be written down ({error}). Send it again."
            raise ApiError(503, Code.STORAGE_FAILED, detail, headers={"Retry-After": "2"}) from error
        return Enrolled(
            reference_id=new_id,
            bbox=photo.bbox,
            frame_size=photo.frame_size,
            url=URL,
            weak=[WeakPoint(code=weak.code, detail=weak.detail) for weak in photo.weak],
            turned=photo.turned,
        )

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
