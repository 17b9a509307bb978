"""The outbox on disk: events that were decided and not yet accepted by the web process.

SQLite in WAL mode with `synchronous=FULL`: what `add` has returned from survives a crash of the process, of the
machine and a power cut. One process at a time owns a store. All methods block; call them from one thread. They raise
`sqlite3.Error`; `outbox_file.is_damage` tells what passes by itself from what does not.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import sqlite3
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TextIO

import structlog

from facematch.recognizer.delivery.outbox_file import connect, connect_to_sound, event_of, remove_put_aside
from facematch.runtime.owner_only import keep_file, keep_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable
    from pathlib import Path

log = structlog.get_logger(__name__)

LOCK_SECONDS = 10.0
"""How long to wait for a former recognizer that is still stopping."""

REJECTED_KEPT = 1000
"""Refused events kept for inspection, newest first."""


class StoreInUseError(Exception):
    """Another recognizer owns this outbox."""


@dataclass(frozen=True, slots=True)
class Stored:
    """One event as it stands in the outbox."""

    position: int
    type: str
    body: dict[str, Any]
    queued_at: float
    """Wall-clock seconds."""


class OutboxStore:
    """One outbox file.

    Args:
        path: the database; its folder is made.
        connect: opens it, when it is ours alone.
        patience: seconds to wait for another process that owns it.

    Raises:
        StoreInUseError: another process still owns it after that.
        OSError, sqlite3.Error: it cannot be opened.
    """

    def __init__(
        self, path: Path, connect: Callable[[Path], sqlite3.Connection] = connect, patience: float = LOCK_SECONDS
    ) -> None:
        keep_folder(path.parent)
        self._path = path
        with contextlib.ExitStack() as opened:
            self._lock = opened.enter_context(_locked(path.with_suffix(".lock"), patience))
            self._db = connect(path)
            opened.pop_all()  # kept open

    def add(self, events: Iterable[dict[str, Any]]) -> None:
        """Append events in order, all of them or none. They are on the disk when this returns."""
        now = time.time()
        with self._transaction():
            self._db.executemany(
                "INSERT INTO outbox (type, body, queued_at) VALUES (?, ?, ?)",
                [(event["type"], json.dumps(event, allow_nan=False), now) for event in events],
            )

    def head(self, after: int, limit: int) -> list[Stored]:
        """The oldest events behind a position, in order."""
        rows = self._db.execute(
            "SELECT position, type, body, queued_at FROM outbox WHERE position > ? ORDER BY position LIMIT ?",
            (after, limit),
        ).fetchall()
        return [Stored(position, type_, event_of(body), queued_at) for position, type_, body, queued_at in rows]

    def settle(self, up_to: int, late: Collection[str] = ()) -> None:
        """Forget the events up to and at a position.

        Args:
            up_to: it.
            late: snapshots that follow their events; those are remembered until `forget_late`.
        """
        with self._transaction():
            if late:
                rows = self._db.execute(
                    "SELECT type, body, queued_at FROM outbox WHERE position <= ?", (up_to,)
                ).fetchall()
                self._add_late(row for row in rows if event_of(row[1]).get("snapshot") in late)
            self._db.execute("DELETE FROM outbox WHERE position <= ?", (up_to,))

    def add_late(self, rows: Iterable[tuple[str, str, float]]) -> None:
        """Remember delivered events of another outbox, as its `all_late` gives them."""
        with self._transaction():
            self._add_late(rows)

    def _add_late(self, rows: Iterable[tuple[str, str, float]]) -> None:
        self._db.executemany("INSERT INTO late (type, body, queued_at) VALUES (?, ?, ?)", list(rows))

    def all_late(self) -> list[tuple[str, str, float]]:
        """Type, text and time of the delivered events whose snapshots are late."""
        return self._db.execute("SELECT type, body, queued_at FROM late ORDER BY position").fetchall()

    def oldest_late(self) -> str | None:
        """The snapshot that has been late for longest; None: none is."""
        row = self._db.execute("SELECT body FROM late ORDER BY position LIMIT 1").fetchone()
        return None if row is None else str(event_of(row[0])["snapshot"])

    def forget_late(self, snapshot: str) -> None:
        """It has followed, or never will."""
        with self._transaction():
            rows = self._db.execute("SELECT position, body FROM late").fetchall()
            meant = [(position,) for position, body in rows if event_of(body)["snapshot"] == snapshot]
            self._db.executemany("DELETE FROM late WHERE position = ?", meant)

    def reject(self, event: Stored, status: int) -> None:
        """Move an event that was refused for good to the rejected pile; one that was erased meanwhile stays erased."""
        with self._transaction():
            self._db.execute(
                "INSERT OR REPLACE INTO rejected SELECT position, type, body, ?, ? FROM outbox WHERE position = ?",
                (status, time.time(), event.position),
            )
            self._db.execute("DELETE FROM outbox WHERE position = ?", (event.position,))
            self._db.execute(
                "DELETE FROM rejected WHERE position <="
                " (SELECT position FROM rejected ORDER BY position DESC LIMIT 1 OFFSET ?)",
                (REJECTED_KEPT,),
            )

    def trim(self, size: int) -> int:
        """Keep at most `size` events: the oldest Checks go first, then the oldest Matches.

        Returns:
            How many went.
        """
        excess = self.count() - size
        if excess <= 0:
            return 0
        with self._transaction():
            self._db.execute(
                "DELETE FROM outbox WHERE position IN"
                " (SELECT position FROM outbox ORDER BY type != 'check', position LIMIT ?)",
                (excess,),
            )
        return excess

    def erase(self, whose: Callable[[dict[str, Any]], bool]) -> tuple[int, frozenset[str]]:
        """Remove events, delivered or not, what the file still holds of delivered ones, and damaged files put aside.

        Args:
            whose: says of an event's body whether it is meant.

        Returns:
            How many events there were, and the snapshots that they, or delivered ones whose snapshot was late,
            speak of.

        Raises:
            OSError, sqlite3.Error: something is still there.
        """
        erased, snapshots = 0, set[str]()
        with self._transaction():
            for table in ("outbox", "rejected", "late"):
                rows = [(at, event_of(body)) for at, body in self._db.execute(f"SELECT position, body FROM {table}")]  # noqa: S608
                meant = {at: body for at, body in rows if whose(body)}
                self._db.executemany(f"DELETE FROM {table} WHERE position = ?", [(at,) for at in meant])  # noqa: S608
                erased += len(meant) if table != "late" else 0
                snapshots |= {body["snapshot"] for body in meant.values() if body.get("snapshot")}
        with contextlib.suppress(sqlite3.Error):  # a full disk: they are gone for whoever asks the database
            self._db.execute("VACUUM")
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        remove_put_aside(self._path)
        return erased, frozenset(snapshots)

    def snapshots(self) -> set[str]:
        """The names of the snapshots that undelivered Matches speak of, and of those that are late."""
        rows = self._db.execute("SELECT body FROM outbox WHERE type = 'match' UNION ALL SELECT body FROM late")
        return {name for (body,) in rows if (name := event_of(body).get("snapshot"))}

    def count(self, after: int = 0) -> int:
        """Events in the outbox behind a position."""
        return int(self._db.execute("SELECT COUNT(*) FROM outbox WHERE position > ?", (after,)).fetchone()[0])

    def oldest(self, after: int = 0) -> float | None:
        """When the oldest event behind a position was queued, or one whose snapshot is late, wall-clock seconds; None
        when there is none.
        """
        rows = self._db.execute(
            "SELECT * FROM (SELECT queued_at FROM outbox WHERE position > ? ORDER BY position LIMIT 1)"
            " UNION ALL SELECT * FROM (SELECT queued_at FROM late ORDER BY position LIMIT 1)",
            (after,),
        ).fetchall()
        return min((float(queued_at) for (queued_at,) in rows), default=None)

    def close(self) -> None:
        """Close the database and let it go."""
        self._db.close()
        self._lock.close()

    def _transaction(self) -> _Transaction:
        return _Transaction(self._db)


class _Transaction:
    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def __enter__(self) -> None:
        self._db.execute("BEGIN IMMEDIATE")

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None:
            try:
                self._db.execute("COMMIT")
            except sqlite3.Error:
                self._roll_back()
                raise
        else:
            self._roll_back()

    def _roll_back(self) -> None:
        if self._db.in_transaction:  # a full disk may have rolled it back already
            self._db.execute("ROLLBACK")


def open_outbox(path: Path, patience: float = LOCK_SECONDS) -> OutboxStore:
    """The outbox at a path, a sound one: see `connect_to_sound`. `patience`: seconds to wait for another's.

    Raises:
        StoreInUseError, OSError, sqlite3.Error: as `OutboxStore`.
    """
    return OutboxStore(path, connect_to_sound, patience)


def _locked(path: Path, patience: float) -> TextIO:
    keep_file(path)
    lock = path.open("w")
    deadline = time.monotonic() + patience
    told = False
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                lock.close()
                raise StoreInUseError(
                    f"another recognizer owns the outbox {path.with_suffix('.db')}; stop it, or set DATA_DIR"
                ) from None
            if not told:
                log.info("Another recognizer has the outbox; waiting for its end", seconds=patience)
                told = True
            time.sleep(0.1)
        else:
            return lock
