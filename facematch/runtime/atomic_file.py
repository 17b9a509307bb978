"""Files that are there whole or not at all."""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from pathlib import Path

from facematch.runtime.owner_only import PRIVATE_FILE, PUBLIC_FILE, make_folder


def write_whole(path: Path, data: bytes, *, public: bool = False) -> None:
    """Put `data` in the place of whatever `path` is, also across a power cut. Blocks until the disk has it.

    The folder is made when it is missing. When this raises, `path` is as it was and nothing else is left behind.

    Args:
        path: where.
        data: all of it.
        public: it may be read by every user of the machine; else it is for its owner alone.

    Raises:
        OSError: the disk is full, read-only or broken.
    """
    make_folder(path.parent, public=public)
    handle, name = tempfile.mkstemp(prefix=f".{path.stem}-", suffix=".part", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fchmod(file.fileno(), PUBLIC_FILE if public else PRIVATE_FILE)
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
