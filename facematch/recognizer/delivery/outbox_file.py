"""The outbox's database file: opened, looked through, and replaced when it is damaged."""

from __future__ import annotations

import contextlib
import glob
import json
import sqlite3
import time
from typing import TYPE_CHECKING, Any

import structlog

from facematch.protocol.events import EVENT_TYPES
from facematch.runtime.owner_only import keep_file

if TYPE_CHECKING:
    from pathlib import Path

log = structlog.get_logger(__name__)

_SCHEMA = """
CREATE TABLE IF NOT EXISTS outbox (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    type TEXT NOT NULL,
    body TEXT NOT NULL,
    queued_at REAL NOT NULL
);
CREATE TABLE IF NOT EXISTS rejected (
    position INTEGER PRIMARY KEY,
    type TEXT NOT NULL,
    body TEXT NOT NULL,
    status INTEGER NOT NULL,
    rejected_at REAL NOT NULL
);
CREATE TABLE IF NOT EXISTS late (
    position INTEGER PRIMARY KEY,
    type TEXT NOT NULL,
    body TEXT NOT NULL,
    queued_at REAL NOT NULL
);
"""
_ASIDE = ".damaged-"


class DamagedError(sqlite3.DatabaseError):
    """The file is a sound database, and what stands in it is not what was written."""


def is_damage(error: sqlite3.Error) -> bool:
    """Whether it is about the file's content, which no later attempt finds better. A full disk, for example, is not."""
    return isinstance(error, DamagedError) or _code(error) in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


def connect(path: Path) -> sqlite3.Connection:
    """Open the database, without looking through it. It, and its tables, are made where they are missing.

    Raises:
        OSError, sqlite3.Error: it cannot be opened.
    """
    keep_file(path)
    with contextlib.ExitStack() as opened:
        db = opened.enter_context(
            contextlib.closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False))
        )
        db.text_factory = _text
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=FULL")
        db.executescript(_SCHEMA)
        opened.pop_all()  # kept open
    return db


def connect_to_sound(path: Path) -> sqlite3.Connection:
    """Open the database. One that is damaged is put aside, for somebody to look at, and a new one is begun, with the
    undelivered events that can be read of it.

    SQLite itself opens a damaged file and says so only when it comes to the spot.

    Raises:
        OSError, sqlite3.Error: it cannot be opened, or not be put aside.
    """
    if not path.exists():
        _move(_new(path), path)  # a crash came between the two moves of a replacement
    with contextlib.ExitStack() as opened:
        try:
            db = opened.enter_context(contextlib.closing(connect(path)))
            _look_through(db)
        except sqlite3.Error as error:
            if not is_damage(error) and _code(error) != sqlite3.SQLITE_ERROR:
                raise  # a full disk, a missing right: the file is well
            opened.close()  # SQLITE_ERROR: our statements do not fit its tables, as damage to their names has it
            return _begin_anew(path, str(error))
        opened.pop_all()  # kept open
    return db


def event_of(text: str) -> dict[str, Any]:
    """The event that stands in a row.

    Raises:
        DamagedError: there is none.
    """
    try:
        body = json.loads(text)
    except (TypeError, ValueError):
        raise DamagedError("a row holds no JSON") from None
    if not isinstance(body, dict) or body.get("type") not in EVENT_TYPES:
        raise DamagedError("a row holds no event")
    return body


def remove_put_aside(path: Path) -> None:
    """Remove the damaged files that were put aside: nobody can tell whom they still speak of.

    Raises:
        OSError: one is still there.
    """
    for part in path.parent.glob(f"{glob.escape(path.stem)}{_ASIDE}*"):
        part.unlink(missing_ok=True)
        log.warning("Damaged outbox removed: somebody was erased", removed=str(part))


def _look_through(db: sqlite3.Connection) -> None:
    (found,) = db.execute("PRAGMA quick_check(1)").fetchone()
    if found != "ok":
        raise DamagedError(found)
    for table, column in (("outbox", "queued_at"), ("rejected", "rejected_at"), ("late", "queued_at")):
        for row in db.execute(f"SELECT body, {column} FROM {table}"):  # noqa: S608
            _sound(*row)


def _sound(body: str, when: float) -> tuple[str, str, float]:
    if not isinstance(when, float):
        raise DamagedError("a row holds no time")
    return event_of(body)["type"], body, when


def _begin_anew(path: Path, reason: str) -> sqlite3.Connection:
    """Puts nothing aside before what was read of it is on the disk once more."""
    saved = _readable(path)
    new = _new(path)
    for part in _files(new):
        part.unlink(missing_ok=True)
    with contextlib.closing(connect(new)) as db:
        db.execute("BEGIN")
        db.executemany("INSERT INTO outbox (type, body, queued_at) VALUES (?, ?, ?)", saved)
        db.execute("COMMIT")
    aside = path.with_suffix(f"{_ASIDE}{int(time.time())}")
    _move(path, aside)
    _move(new, path)
    log.error("Outbox damaged: put aside, and a new one begun", reason=reason, kept=str(aside), saved_events=len(saved))
    return connect(path)


def _readable(path: Path) -> list[tuple[str, str, float]]:
    """The undelivered events that can be read of a damaged file, in order: from either end up to the damage."""
    found: dict[int, tuple[str, str, float]] = {}
    with contextlib.suppress(sqlite3.Error), contextlib.closing(connect(path)) as db:
        for order in ("ASC", "DESC"):
            with contextlib.suppress(sqlite3.Error):
                rows = db.execute(f"SELECT position, body, queued_at FROM outbox ORDER BY position {order}")  # noqa: S608
                for position, body, queued_at in rows:
                    if position in found:
                        break  # from here on the other way has been; in one way, pages that lead in a circle
                    with contextlib.suppress(DamagedError):
                        found[position] = _sound(body, queued_at)
    return [found[position] for position in sorted(found)]


def _new(path: Path) -> Path:
    return path.with_suffix(".new")


def _files(path: Path) -> list[Path]:
    """The database and, before it, what SQLite keeps beside it."""
    return [path.with_name(path.name + ending) for ending in ("-wal", "-shm", "")]


def _move(path: Path, to: Path) -> None:
    for part, place in zip(_files(path), _files(to), strict=True):
        with contextlib.suppress(FileNotFoundError):
            part.replace(place)


def _code(error: sqlite3.Error) -> int:
    """What SQLite calls it, without its word on where it was; 0 when it is not SQLite that has raised it."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def _text(data: bytes) -> str:
    """Of a text that is none (the file is damaged) as much as there is: to read it is no error by itself."""
    return data.decode("utf-8", "replace")
