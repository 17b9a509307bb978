"""An event log that is empty and has its tables: a copy of it is made faster than they are."""

from __future__ import annotations

import asyncio
import functools
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from facematch.runtime.owner_only import keep_file, make_folder
from facematch.server.storage.database import sqlite_url
from facematch.server.storage.migrate import migrate

if TYPE_CHECKING:
    from collections.abc import Mapping


@functools.cache
def empty_log() -> bytes:
    """The file, made once, whether or not an event loop runs."""
    with TemporaryDirectory(prefix="migrated-") as folder, ThreadPoolExecutor(1) as pool:
        file = Path(folder) / "events.db"
        pool.submit(lambda: asyncio.run(migrate(sqlite_url(file)))).result()
        return file.read_bytes()


def lay_log(environment: Mapping[str, str]) -> None:
    """Where a web process of this environment keeps it, before its first start; nothing where that is in PostgreSQL."""
    folder = Path(environment["DATA_DIR"])
    file = folder / "events.db"
    if environment.get("DATABASE_URL") or file.exists():
        return
    make_folder(folder)
    keep_file(file)
    file.write_bytes(empty_log())
