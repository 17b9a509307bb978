"""Snapshots, by name: files that lie directly in the snapshot folder and are named as snapshots are."""

# Annotations are read at run time here: FastAPI makes its routes from them.
import asyncio
import os
import stat
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Header, Response

from facematch.protocol.snapshot_names import is_snapshot_name
from facematch.server.web.errors import ApiError, Code, documented
from facematch.server.web.etag import answer

_LARGEST = 32 * 1024 * 1024
_CACHE = "private, max-age=60"
"""A snapshot never changes, but it may be deleted, and then soon nobody should see it."""


def read_snapshot(folder: Path, name: str) -> tuple[bytes, str] | None:
    """A snapshot and a tag that changes with it; None when there is none of that name.

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
        if not stat.S_ISREG(found.st_mode) or found.st_size > _LARGEST:
            return None
        with os.fdopen(handle, "rb", closefd=False) as file:
            return file.read(), f"{found.st_mtime_ns:x}-{found.st_size:x}"
    finally:
        os.close(handle)


def routes(folder: Path) -> APIRouter:
    """`GET /captures/<name>`.

    Args:
        folder: of the snapshots.
    """
    router = APIRouter(tags=["snapshots"])

    @router.get(
        "/captures/{name}",
        summary="A snapshot",
        response_class=Response,
        responses={
            200: {"content": {"image/jpeg": {}}, "description": "The frame of a match, with its boxes"},
            304: {"description": "The caller has it"},
            **documented((404, Code.NOT_FOUND, "There is no snapshot of this name (any more).")),
        },
    )
    async def get(name: str, if_none_match: Annotated[str | None, Header()] = None) -> Response:
        """`name` is an event's `snapshot`."""
        found = await asyncio.to_thread(read_snapshot, folder, name)
        if found is None:
            raise ApiError(404, Code.NOT_FOUND, "There is no snapshot of this name (any more).")
        data, tag = found
        return answer(data, "image/jpeg", tag, if_none_match, cache=_CACHE)

    return router
