"""Outboxes of processes that watch many rooms: one for each process of this machine, and none that nobody empties.

Several processes may share a data folder. Each takes the first outbox that nobody holds; whatever else nobody holds,
because its process has ended, is emptied into that one by whoever notices.
"""

from __future__ import annotations

import asyncio
import hashlib
import sqlite3
from typing import TYPE_CHECKING, Final

import structlog

from facematch.recognizer.delivery.outbox_disk import OutboxDamagedError, OutboxDisk
from facematch.recognizer.delivery.outbox_file import event_of
from facematch.recognizer.delivery.outbox_store import OutboxStore, StoreInUseError, open_outbox

if TYPE_CHECKING:
    from pathlib import Path

    from facematch.recognizer.delivery.outbox import Outbox
    from facematch.recognizer.delivery.snapshots import Snapshots

log = structlog.get_logger(__name__)

MOST_SLOTS: Final = 64
"""Processes that share a data folder, at most."""
LOOK_SECONDS: Final = 60.0
"""How often outboxes are looked for that nobody holds."""
_AT_ONCE: Final = 64
"""Events moved together."""


def spool_of(outbox: Path) -> Path:
    """The folder of the snapshots that are on their way beside an outbox: whoever holds the one has the other."""
    return outbox.with_suffix(".snapshots")


class OutboxSlots:
    """The outboxes in a data folder.

    Args:
        folder: DATA_DIR.
        destination: where events go; those for another web process are left alone.
        former: the outbox of a process that watches one room, for the same web process.
    """

    def __init__(self, folder: Path, destination: str, former: Path) -> None:
        digest = hashlib.sha256(destination.encode()).hexdigest()[:12]
        self._paths = [folder / f"outbox-{digest}-{number}.db" for number in range(1, MOST_SLOTS + 1)]
        self._former = former
        self.path = self._paths[0]
        """The one that was taken, once it was."""

    @property
    def number(self) -> int:
        """Of the one that was taken: 1, 2 …"""
        return self._paths.index(self.path) + 1

    def take(self) -> OutboxStore:
        """Open the first that nobody holds. Blocks.

        Raises:
            StoreInUseError: all are held.
            OSError, sqlite3.Error: it cannot be opened.
        """
        for path in self._paths:
            try:
                store = open_outbox(path, 0)
            except StoreInUseError:
                continue
            self.path = path
            return store
        raise StoreInUseError(f"{MOST_SLOTS} recognizers share this data folder; set DATA_DIR for some of them")

    def ownerless(self) -> list[Path]:
        """Those that may be: they are there, and are not ours."""
        return [path for path in (*self._paths, self._former) if path != self.path and path.exists()]


class Adoption:
    """Empties what nobody holds into the outbox of this process.

    Args:
        slots: where they lie.
        outbox: takes their events, behind its own.
        snapshots: brings what their events speak of under its name.
    """

    def __init__(self, slots: OutboxSlots, outbox: Outbox, snapshots: Snapshots) -> None:
        self._slots = slots
        self._outbox = outbox
        self._snapshots = snapshots

    async def run(self) -> None:
        """Look for them, for ever."""
        await self._look()
        await asyncio.to_thread(self._snapshots.recover, ())  # what is left are drafts that no event speaks of
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            await self._look()

    async def _look(self) -> None:
        for path in await asyncio.to_thread(self._slots.ownerless):
            await self._adopt(path)

    async def _adopt(self, path: Path) -> None:
        try:
            store = await asyncio.to_thread(open_outbox, path, 0)
        except StoreInUseError:
            return
        except (OSError, sqlite3.Error) as error:
            log.error("An outbox that nobody holds cannot be opened", outbox=path.name, reason=str(error))  # noqa: TRY400
            return
        disk = OutboxDisk(store)  # whose thread does one thing after the other, whoever is cancelled meanwhile
        try:
            await self._empty(store, disk, path)
        except (OSError, sqlite3.Error, OutboxDamagedError) as error:
            log.error("An outbox that nobody holds is not emptied", outbox=path.name, reason=str(error))  # noqa: TRY400
        finally:
            await disk.aclose()

    async def _empty(self, store: OutboxStore, disk: OutboxDisk, path: Path) -> None:
        async with self._outbox.still():
            moved = await self._move(store, disk, path)
        if moved:
            log.info("Events of a process that has ended are taken over", outbox=path.name, count=moved)

    async def _move(self, store: OutboxStore, disk: OutboxDisk, path: Path) -> int:
        await disk.call(lambda: self._snapshots.take_over(spool_of(path), store.snapshots()))
        moved = 0
        while head := await disk.call(store.head, 0, _AT_ONCE):
            if not await self._outbox.adopt([event.body for event in head]):
                break  # our own disk takes nothing: they are safer where they are, and come twice at most
            await disk.call(store.settle, head[-1].position)
            moved += len(head)
        if late := await disk.call(store.all_late):
            await self._outbox.adopt_late(late)
            for snapshot in {event_of(body)["snapshot"] for _, body, _ in late}:
                await disk.call(store.forget_late, snapshot)
        return moved
