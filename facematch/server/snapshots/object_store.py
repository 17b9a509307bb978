"""Snapshots in an S3-compatible object store: one object each, by its name behind a prefix.

What such a store promises is enough: an object is there whole or not at all, and whoever lists afterwards sees it.
Names hold the recognizer's start in them and are never used twice, so nothing is ever replaced.
"""

from __future__ import annotations

import asyncio
import re
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Final, cast

from facematch.protocol.snapshot_names import is_snapshot_name
from facematch.server.snapshots.storage import LARGEST, Snapshot, SnapshotFile, is_ours
from facematch.server.storage.errors import MissingPackageError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Mapping

    from obstore.store import S3Config, S3Store

ANSWER_SECONDS: Final = 5.0
"""How long the store may take for one request."""
ALL_SECONDS: Final = 60.0
"""For a list of everything, or for removing many."""
AT_ONCE: Final = 1000
"""Objects of one request to remove some: as many as S3 takes."""

_REFUSED: Final = re.compile(r"status code: (\d{3})")
"""obstore tells statuses in its sentences only."""


class ObjectStore:
    """One bucket, or a part of one. See `SnapshotStorage`.

    Args:
        url: `s3://bucket` or `s3://bucket/prefix`.
        options: of obstore's `S3Config`: `endpoint`, `region`, `access_key_id`, `secret_access_key`. What is missing is
            taken from where AWS's own programs take it.
    """

    takes_uploads = True
    look_seconds = 300.0

    def __init__(self, url: str, options: Mapping[str, str]) -> None:
        self._url = url
        self._options = options
        self._connected: S3Store | None = None

    def open(self) -> None:
        """See `SnapshotStorage`. Asks it nothing yet.

        Raises:
            MissingPackageError: obstore is not installed.
        """
        try:
            self._connected = _connect(self._url, self._options)
        except ModuleNotFoundError as error:
            raise MissingPackageError(
                "SNAPSHOT_STORE is an address of S3, which needs a package: ./install_fix.sh --s3 "
                "(or: .venv/bin/pip install -r requirements-s3.txt)"
            ) from error

    @property
    def _store(self) -> S3Store:
        if self._connected is None:
            raise OSError("the snapshot store is not open")
        return self._connected

    async def files(self) -> Mapping[str, SnapshotFile]:
        """See `SnapshotStorage`. One request for each thousand."""
        found: dict[str, SnapshotFile] = {}
        async with _within(ALL_SECONDS):
            async for page in self._store.list():
                for one in page:
                    if is_ours(one["path"]):
                        found[one["path"]] = SnapshotFile(one["last_modified"].timestamp(), one["size"])
        return found

    async def read(self, name: str) -> Snapshot | None:
        """See `SnapshotStorage`."""
        if not is_snapshot_name(name):
            return None
        async with _within(ANSWER_SECONDS):
            try:
                found = await self._store.get_async(name)
                if found.meta["size"] > LARGEST:
                    return None
                data = bytes(await found.bytes_async())
            except FileNotFoundError:
                return None
            tag = (found.meta["e_tag"] or "").strip('"') or f"{found.meta['last_modified'].timestamp():.0f}-{len(data)}"
            return Snapshot(data, tag)

    async def write(self, name: str, data: bytes) -> bool:
        """See `SnapshotStorage`."""
        there = await self.read(name)
        if there is not None:
            return there.data == data
        async with _within(ANSWER_SECONDS):
            await self._store.put_async(name, data, attributes={"Content-Type": "image/jpeg"}, use_multipart=False)
        return True

    async def remove(self, names: Iterable[str]) -> int:
        """See `SnapshotStorage`. Stores do not say whether there was one: they are looked for first."""
        wanted = {name for name in names if is_ours(name)}
        there = sorted(wanted & (await self.files()).keys()) if wanted else []
        async with _within(ALL_SECONDS):
            for start in range(0, len(there), AT_ONCE):
                await self._store.delete_async(there[start : start + AT_ONCE])
        return len(there)

    async def holds(self, names: Iterable[str]) -> bool:
        """See `SnapshotStorage`."""
        wanted = set(names)
        return bool(wanted) and not wanted.isdisjoint(await self.files())

    async def check(self) -> str:
        """Whether it answers us, and knows us."""
        async with _within(ANSWER_SECONDS):
            async for _ in self._store.list(chunk_size=1):
                break
        return "answers"


def _connect(url: str, options: Mapping[str, str]) -> S3Store:
    from obstore.store import S3Store  # noqa: PLC0415  (no part of every installation)

    bucket, _, prefix = url.removeprefix("s3://").partition("/")
    config = cast("S3Config", {**options, "virtual_hosted_style_request": "endpoint" not in options})
    return S3Store(
        bucket,
        prefix=prefix.strip("/") or None,
        config=config,
        client_options={"allow_http": options.get("endpoint", "").startswith("http://"), "connect_timeout": "2s"},
        retry_config={"max_retries": 2, "retry_timeout": timedelta(seconds=ANSWER_SECONDS)},
    )


@asynccontextmanager
async def _within(seconds: float) -> AsyncIterator[None]:
    """What the store says, in the words of a disk; neither its address nor a name of an object is among them.

    Raises:
        OSError: it cannot be reached, refuses, or took too long.
    """
    from obstore.exceptions import BaseError  # noqa: PLC0415  (the same)

    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError as error:
        raise OSError(f"the snapshot store did not answer in {seconds:g} s") from error
    except (BaseError, FileNotFoundError) as error:  # the latter: no bucket
        refused = _REFUSED.search(str(error))
        raise OSError(f"the snapshot store {f'refuses ({refused[1]})' if refused else 'cannot be reached'}") from error
