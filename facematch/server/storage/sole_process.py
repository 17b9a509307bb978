"""One process serves a SQLite event log: another one would not hear of what is stored here, and its listeners neither.

A lock on a file beside the database, which the system lets go of when its owner ends, however it ends.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import sqlalchemy as sa
import structlog

from facematch.runtime.owner_only import keep_file, keep_folder
from facematch.server.storage.database import is_sqlite

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

log = structlog.get_logger(__name__)

HANDOVER_SECONDS: Final = 5.0
"""How long a process that ends may still hold it."""
_LOOK_SECONDS: Final = 0.1


class AlreadyServedError(Exception):
    """Another process serves this event log."""


@asynccontextmanager
async def served_alone(url: str) -> AsyncIterator[None]:
    """Serve this database while this is open, and nobody else may. Any number may serve one on PostgreSQL.

    Args:
        url: as `Database` takes it.

    Raises:
        AlreadyServedError: another process does. Says which, and what to do.
    """
    file = sa.make_url(url).database if is_sqlite(url) else None
    if not file:
        yield
        return
    handle = await _locked(Path(file).with_suffix(".lock"))
    try:
        yield
    finally:
        if handle is not None:
            os.close(handle)


async def _locked(path: Path) -> int | None:
    """The lock's file, open; None where there can be no lock."""
    try:
        handle = await asyncio.to_thread(_opened, path)
    except OSError as error:
        log.warning("It cannot be made sure that no other process serves this event log", reason=error.strerror)
        return None
    try:
        if await _taken(handle):
            _write_owner(handle)
            return handle
    except OSError as error:  # a file system without locks
        log.warning("It cannot be made sure that no other process serves this event log", reason=error.strerror)
        return handle
    except BaseException:
        os.close(handle)
        raise
    owner = os.pread(handle, 32, 0).decode("ascii", "replace").strip() or "unknown"
    os.close(handle)
    raise AlreadyServedError(
        f"Another Face Match (process {owner}) serves the event log in {path.parent}, and an event log in a file has "
        "place for one: start uvicorn without --workers, stop the other process, or set DATA_DIR to another folder (or "
        "DATABASE_URL to a PostgreSQL database)."
    )


def _opened(path: Path) -> int:
    keep_folder(path.parent)
    keep_file(path)
    return os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)


async def _taken(handle: int) -> bool:
    """Whether it is ours within the time that a handover may take."""
    deadline = asyncio.get_running_loop().time() + HANDOVER_SECONDS
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if asyncio.get_running_loop().time() >= deadline:
                return False
            await asyncio.sleep(_LOOK_SECONDS)
        else:
            return True


def _write_owner(handle: int) -> None:
    try:
        os.ftruncate(handle, 0)
        os.pwrite(handle, str(os.getpid()).encode(), 0)
    except OSError as error:  # a full disk: the lock holds all the same
        log.warning("The owner of the event log is not written down", reason=error.strerror)
