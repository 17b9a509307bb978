"""Snapshots on their way to the web process: a folder beside the outbox, where recognizer and API share none.

A snapshot is sent before the events that speak of it, and its file goes when they have been settled. While the web
process answers that it cannot keep snapshots, events wait for theirs; after `PATIENCE_SECONDS` they go without, and the
snapshot follows later, if it is still spoken of then. What the outbox does not speak of any more, because it was
erased, refused or dropped, is removed.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from typing import TYPE_CHECKING, Any, Final

import structlog

from facematch.protocol.snapshot_names import MOST_BYTES, is_snapshot_name
from facematch.recognizer.delivery.api_client import ApiUnreachableError
from facematch.recognizer.delivery.posting import RETRIED

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable
    from pathlib import Path

    from facematch.recognizer.delivery.api_client import ApiClient
    from facematch.recognizer.delivery.outbox_disk import OutboxDisk
    from facematch.recognizer.delivery.outbox_store import OutboxStore

log = structlog.get_logger(__name__)

PATIENCE_SECONDS: Final = 30.0
"""How long the web process may be unable to keep snapshots before events go without theirs."""
LOOK_SECONDS: Final = 5.0
"""How often snapshots that are late are tried, and what nobody speaks of is removed."""

WITHOUT_SNAPSHOT: Final[dict[str, None]] = {"snapshot": None, "filename": None}
"""What a Match says that has none."""

_NOT_THERE: Final = frozenset({404, 405})
"""What a web process says that keeps no snapshots (yet)."""


class Spool:
    """See the module.

    Args:
        api: where snapshots go.
        store: the outbox, which says what is spoken of.
        disk: the thread on which it is asked.
        folder: of the snapshots.
        monotonic: seconds; injected by tests.
    """

    def __init__(
        self,
        api: ApiClient,
        store: OutboxStore,
        disk: OutboxDisk,
        folder: Path,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._api = api
        self._store = store
        self._disk = disk
        self._folder = folder
        self._now = monotonic
        self._brought: set[str] = set()
        self._late: set[str] = set()
        self._away_since: float | None = None
        self.still = asyncio.Lock()
        """Held while a snapshot is under way, and by who removes some: nothing of them is sent from then on."""

    @property
    def late(self) -> Collection[str]:
        """Snapshots whose events go, or have just gone, without them."""
        return self._late

    async def ready(self, body: dict[str, Any]) -> dict[str, Any] | None:
        """An event as it is to be posted, with its snapshot there before it; None: not now."""
        name = body.get("snapshot")
        if name is None or name in self._brought:
            return body
        async with self.still:
            self._late.discard(name)
            data = await asyncio.to_thread(self._read, name)
            if data is None:
                return body | WITHOUT_SNAPSHOT
            if self._patience_is_over():
                self._late.add(name)
                return body
            brought = await self._send(name, data, late=False)
            if brought:
                self._brought.add(name)
            return None if brought is None else body if brought else body | WITHOUT_SNAPSHOT

    def settled(self) -> None:
        """What is `late` stands in the store by now."""
        self._late.clear()

    async def run(self) -> None:
        """Send what is late, remove what nobody speaks of, for ever."""
        while True:
            try:
                await self.send_late()
                await self.sweep()
            except (sqlite3.Error, OSError) as error:
                log.debug("Snapshots on their way cannot be looked through now", reason=str(error))
            await asyncio.sleep(LOOK_SECONDS)

    async def send_late(self) -> None:
        """Send snapshots whose events went without them, until one cannot be sent now.

        Raises:
            OutboxDamagedError, sqlite3.Error: the outbox cannot be read.
        """
        while name := await self._disk.call(self._store.oldest_late):
            async with self.still:
                data = await asyncio.to_thread(self._read, name)
                if data is not None and await self._send(name, data, late=True) is None:
                    return
            await self._disk.call(self._store.forget_late, name)

    async def sweep(self) -> None:
        """Remove what the outbox does not speak of.

        Raises:
            OutboxDamagedError, sqlite3.Error: the outbox cannot be read.
            OSError: something is still there.
        """
        async with self.still:
            self._brought &= await self._disk.call(self._sweep)

    def remove(self, names: Iterable[str]) -> None:
        """Remove snapshots. Blocks.

        Raises:
            OSError: one is still there.
        """
        for name in names:
            if is_snapshot_name(name):
                (self._folder / name).unlink(missing_ok=True)

    def _sweep(self) -> set[str]:
        """On the disk's thread, on which snapshots get their names as well: none is missed in between."""
        spoken = self._store.snapshots()
        if self._folder.is_dir():
            self.remove(path.name for path in self._folder.iterdir() if path.name not in spoken)
        return spoken

    def _read(self, name: str) -> bytes | None:
        path = self._folder / name
        try:
            if is_snapshot_name(name) and path.stat().st_size <= MOST_BYTES:
                return path.read_bytes()
        except OSError as error:
            if not isinstance(error, FileNotFoundError):
                log.error("Snapshot cannot be read; its events go without it", reason=error.strerror or str(error))  # noqa: TRY400
        return None

    def _patience_is_over(self) -> bool:
        return self._away_since is not None and self._now() - self._away_since >= PATIENCE_SECONDS

    async def _send(self, name: str, data: bytes, *, late: bool) -> bool | None:
        """True: it is there. False: it will never be taken. None: not now."""
        path = f"/api/snapshots/{name}{'?late=true' if late else ''}"
        try:
            status = (await self._api.put(path, data, "image/jpeg")).status
        except ApiUnreachableError:  # no event can be posted either, and that is told there
            return None
        if status in RETRIED:
            return None
        if status in _NOT_THERE or status >= 500:  # noqa: PLR2004  (the server's own faults)
            if self._away_since is None:
                self._away_since = self._now()
                log.warning("API keeps no snapshots now; they are kept here and retried", status=status)
            return None
        if self._away_since is not None:
            self._away_since = None
            log.info("API keeps snapshots again")
        if status >= 300:  # noqa: PLR2004
            (log.info if late else log.error)("Snapshot not taken by the API", status=status)  # late: perhaps erased
        return status < 300  # noqa: PLR2004
