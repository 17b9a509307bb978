"""Snapshots over HTTP: sent by recognizers, where they share no folder with us, and looked at by their names."""

# Annotations are read at run time here: FastAPI makes its routes from them.
from collections.abc import Awaitable, Callable
from typing import Annotated, Final, Literal

import structlog
from fastapi import APIRouter, Header, Query, Request, Response
from pydantic import BaseModel

from facematch.protocol.snapshot_names import MOST_BYTES, is_snapshot_name
from facematch.server.snapshots.storage import SnapshotStorage
from facematch.server.web.bodies import body_refusals, read_body
from facematch.server.web.errors import ApiError, Code, documented
from facematch.server.web.etag import answer

log = structlog.get_logger(__name__)

_CACHE: Final = "private, max-age=60"
"""A snapshot never changes, but it may be deleted, and then soon nobody should see it."""
_PICTURE: Final = {"type": "string", "contentMediaType": "image/jpeg"}
_JPEG: Final = b"\xff\xd8\xff"

_NO_STORE = (404, Code.NO_STORE, "SNAPSHOT_STORE is not set for the API: it takes no snapshots.")
_NOT_ONE = (422, Code.INVALID, "name: A snapshot's name begins with match_ and ends with .jpg.")
_NO_JPEG = (415, Code.UNSUPPORTED_TYPE, "Send a JPEG.")
_ANOTHER = (409, Code.NAME_TAKEN, "There is another snapshot of this name.")
_UNSPOKEN = (410, Code.NO_EVENT, "No event speaks of this snapshot (any more). It is not kept.")
_AWAY = (503, Code.STORAGE_FAILED, "The snapshot store cannot be reached, or takes nothing now.")

Spoken = Callable[[str], Awaitable[bool]]
"""Whether an event in the log speaks of a snapshot. Raises `OSError`."""


class SnapshotKept(BaseModel):
    """It is there, also after a power cut."""

    ok: Literal[True] = True


def routes(storage: SnapshotStorage, spoken: Spoken) -> APIRouter:
    """`GET /captures/<name>` and `PUT /api/snapshots/<name>`.

    Args:
        storage: where they are.
        spoken: asked of those that come after their events.
    """
    router = APIRouter(tags=["snapshots"])

    @router.get(
        "/captures/{name}",
        summary="A snapshot",
        response_class=Response,
        responses={
            200: {"content": {"image/jpeg": {}}, "description": "The frame of a match, with its boxes"},
            304: {"description": "The caller has it"},
            **documented((404, Code.NOT_FOUND, "There is no snapshot of this name (any more)."), _AWAY),
        },
    )
    async def get(name: str, if_none_match: Annotated[str | None, Header()] = None) -> Response:
        """`name` is an event's `snapshot`."""
        try:
            found = await storage.read(name)
        except OSError as error:
            raise _away(error) from error
        if found is None:
            raise ApiError(404, Code.NOT_FOUND, "There is no snapshot of this name (any more).")
        return answer(found.data, "image/jpeg", found.tag, if_none_match, cache=_CACHE)

    @router.put(
        "/api/snapshots/{name}",
        summary="A snapshot that a recognizer has taken",
        responses=documented(*body_refusals(MOST_BYTES), _NO_JPEG, _NO_STORE, _NOT_ONE, _ANOTHER, _UNSPOKEN, _AWAY),
        openapi_extra={
            "requestBody": {"required": True, "content": {"application/octet-stream": {"schema": _PICTURE}}}
        },
    )
    async def put(
        request: Request,
        name: str,
        late: Annotated[bool, Query(description="Its event came before it")] = False,  # noqa: FBT002
    ) -> SnapshotKept:
        """Before the events that speak of it. The same again changes nothing, and nothing is ever replaced."""
        data = await read_body(request, MOST_BYTES)
        if not storage.takes_uploads:
            raise ApiError(*_NO_STORE)
        _check(name, data)
        try:
            kept = await storage.write(name, data)
            if kept and late and not await spoken(name):  # asked afterwards: who erases removes the events first
                await storage.remove([name])
                raise ApiError(*_UNSPOKEN)
        except OSError as error:
            raise _away(error) from error
        if not kept:
            raise ApiError(*_ANOTHER)
        return SnapshotKept()

    return router


def _check(name: str, data: bytes) -> None:
    """Raises:
    ApiError: it is no snapshot.
    """
    if not is_snapshot_name(name):
        raise ApiError(*_NOT_ONE)
    if not data.startswith(_JPEG):
        raise ApiError(*_NO_JPEG)


def _away(error: OSError) -> ApiError:
    log.warning("The snapshot store does not answer as it should", reason=error.strerror or str(error))
    return ApiError(*_AWAY, headers={"Retry-After": "1"})
