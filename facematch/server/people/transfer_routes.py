"""People as archives over HTTP: many in, everybody out, everything of one out."""

# Annotations are read at run time here: FastAPI makes its routes from them.
import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from datetime import datetime
from typing import Annotated, Any, Final

import structlog
from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import StreamingResponse

from facematch.server.access.audit import Audit
from facematch.server.access.caller import caller_of
from facematch.server.gallery.enrollment import Enrollment
from facematch.server.people import exporting
from facematch.server.people.archive import CSV_NAME, Archive, ArchiveError
from facematch.server.people.importing import Import, Importing
from facematch.server.people.publication import Publication
from facematch.server.people.saying import UNAVAILABLE, said
from facematch.server.people.store import PeopleStore
from facematch.server.people.zip_parts import MEDIA_TYPE, attached
from facematch.server.web.bodies import Uploads, described_upload, read_uploads, upload_refusals
from facematch.server.web.errors import ApiError, Code, documented

log = structlog.get_logger(__name__)

FIELD: Final = "file"
AS_LARGE_AS: Final = 10
"""How many photos of the largest size an archive may be as large as."""
_BUSY = (503, Code.BUSY, "Another import is at work. Try again when it is done.")
_NO_ZIP = (422, Code.INVALID, "This is not a zip file, or it is damaged.")
_LINES: Final[dict[str, Any]] = {"application/x-ndjson": {}}
_ZIP: Final[dict[str, Any]] = {MEDIA_TYPE: {}}


def routes(
    enrollment: Enrollment,
    importing: Importing,
    store: PeopleStore,
    publication: Publication,
    bounds: tuple[int, Callable[[], datetime]],
    audit: Audit,
) -> APIRouter:
    """`POST /api/people/import` and `GET /api/people/export`.

    Args:
        enrollment: has the places for uploads.
        importing: takes archives.
        store: where people are read.
        publication: told while an import is at work.
        bounds: bytes of one photo, and aware time.
        audit: keeps who imported.
    """
    router = APIRouter(tags=["people"])
    limit, now = bounds
    uploads = Uploads(FIELD, AS_LARGE_AS * limit, 1, AS_LARGE_AS * limit, "archive")
    at_work = asyncio.Lock()

    dry = Query(description="Say what would become of it; keep nothing")

    @router.post(
        "/api/people/import",
        summary="Add many people from a zip",
        response_class=Response,
        responses={
            200: {
                "content": _LINES,
                "description": "A line of JSON for each person and each photo as it is done, and one with the totals "
                "at the end. A last line without `done` says why it was not finished: send it again",
            },
            **documented(*upload_refusals(FIELD, uploads.together, "archive"), _NO_ZIP, _BUSY, UNAVAILABLE),
        },
        openapi_extra=described_upload(
            FIELD, f"A zip of folders that have people's names, with photos in them, and perhaps {CSV_NAME}"
        ),
    )
    async def take(
        request: Request,
        dry_run: Annotated[bool, dry] = False,  # noqa: FBT002
    ) -> Response:
        """It may be sent again: nothing is taken twice. Photos are examined one at a time, about one a second."""
        if at_work.locked():
            raise ApiError(*_BUSY, headers={"Retry-After": "10"})
        async with at_work, enrollment.place():
            [upload] = await read_uploads(request, uploads)
        try:
            archive = await asyncio.to_thread(Archive, upload.data)
        except ArchiveError as error:
            raise ApiError(422, Code.INVALID, str(error)) from None
        by = caller_of(request.scope).signature
        given = _audited(importing.lines(Import(archive, limit, dry_run)), None if dry_run else audit, by)
        lines = _told(given, publication, at_work)
        return StreamingResponse(lines, media_type="application/x-ndjson")

    @router.get(
        "/api/people/export",
        summary="Everybody as a zip",
        response_class=Response,
        responses={200: {"content": _ZIP, "description": "What the import takes"}, **documented(UNAVAILABLE)},
    )
    async def everybody() -> Response:
        """A folder of photos for each person, and what else is known of them in people.csv."""
        with said():
            await store.version()
        return attached(exporting.everybody(store, now()), "people.zip")

    return router


async def _audited(
    lines: AsyncGenerator[dict[str, Any]], audit: Audit | None, by: str
) -> AsyncGenerator[dict[str, Any]]:
    """The lines of an import; what it has taken is kept before the last one, and when there is no last one."""
    taken = 0
    try:
        async with aclosing(lines):
            async for line in lines:
                taken += "photo_id" in line
                if "done" in line and taken and audit is not None:
                    photos, taken = taken, 0
                    await audit("photos_imported", by, photos=photos)
                yield line
    finally:
        if taken and audit is not None:
            await audit("photos_imported", by, photos=taken)


async def _told(
    given: AsyncGenerator[dict[str, Any]], publication: Publication, at_work: asyncio.Lock
) -> AsyncIterator[str]:
    try:
        async with at_work:
            with publication.importing(), said():
                async with aclosing(given):
                    async for line in given:
                        yield _line(line)
    except ApiError as error:
        yield _line({"ok": False, "code": str(error.code), "detail": error.detail})
    except Exception:  # the answer has begun: whoever reads it is told here or nowhere
        log.exception("Import not finished")
        yield _line({"ok": False, "code": Code.INTERNAL, "detail": "The log of the web process says why."})


def _line(line: dict[str, Any]) -> str:
    return json.dumps(line, ensure_ascii=False) + "\n"
