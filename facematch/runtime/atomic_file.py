"""Files that are there whole or not at all."""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from pathlib import Path

from facematch.runtime.owner_only import PRIVATE_FILE, PUBLIC_FILE, make_folder


def write_whole(path: Path, data: bytes, mode: int = PRIVATE_FILE) -> None:
    """Put `data` in the place of whatever `path` is, also across a power cut. Blocks until the disk has it.

    The folder is made when it is missing. When this raises, `path` is as it was and nothing else is left behind.

    Args:
        path: where.
        data: all of it.
        mode: its permissions; a folder that is made for a file that all may read is one that all may read.

    Raises:
        OSError: the disk is full, read-only or broken.
    """
    make_folder(path.parent, public=mode & PUBLIC_FILE == PUBLIC_FILE)
    handle, name = tempfile.mkstemp(prefix=f".{path.stem}-", suffix=".part", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Have the disk take what was added to a folder, or removed from it, so that it is so after a power cut, too.

    It is done already: a folder that cannot be synchronised does not undo that.
    """
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
