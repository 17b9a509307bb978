"""Pages of a large log: `python -m bench.log_pages [--events 1000000]`.

Fills a log as 40 cameras of 8 rooms would in 30 days, a Match and a Check a time, of 20 people in turn, and asks the
web process for pages of it as a client does, over HTTP; then for tables of it as CSV: a day, everything, everything to
readers that are slow, and everything while the older half is removed. It says how much memory each took.
"""

from __future__ import annotations

import argparse
import asyncio
import math
import sqlite3
import tempfile
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode
from uuid import UUID

import aiohttp

from bench.live import Meter
from bench.report import Row, percentile, report
from facematch.server.events.log import body_text
from facematch.server.events.store import SqlEventLog
from facematch.server.presence.fold import PresenceFold
from facematch.server.storage.database import Database, sqlite_url
from tests.rig.event_logs import check, match
from tests.rig.web import WebProcess

if TYPE_CHECKING:
    from collections.abc import Iterator

    from facematch.protocol.events import Event

DAYS = 30
CAMERAS, ROOMS, PEOPLE = 40, 8, 20
NOW = datetime.now(UTC).replace(microsecond=0)
AT_ONCE = 20_000
SLOW = 200_000
"""Bytes a second."""
LEAVES_SECONDS = 20
COLUMNS = (
    *("cursor", "event_id", "type", "room", "participant_identity", "participant_id", "track_sid", "source", "seq"),
    *("timestamp", "received_at", "body"),
)


def happened(count: int) -> Iterator[tuple[int, Event]]:
    """Position and event, the oldest first."""
    pause = timedelta(days=DAYS) / (count // 2)
    for number in range(count // 2):
        camera = number % CAMERAS
        at = NOW - timedelta(days=DAYS) + number * pause
        person = f"p_{number // CAMERAS // 100 % PEOPLE:08}"
        whose: dict[str, Any] = {
            "participant_id": f"PA_{camera}",
            "participant_name": f"Participant {camera}",
            "participant_identity": f"participant-{camera}",
            "track_sid": f"TR_{camera}_{at:%j}",
            "room": f"room {camera % ROOMS}",
            "source": "bench",
            "timestamp": at,
        }
        cursor = 2 * number + 1
        yield (
            cursor,
            match(**whose, seq=cursor, person_id=person, event_id=UUID(int=cursor), distance=0.37),
        )
        named = {"match_found": True, "outcome": "match", "named": [person], "best_distance": 0.37}
        yield cursor + 1, check(UUID(int=cursor + 1), **whose, seq=cursor + 1, **named)


async def fill(file: Path, count: int) -> None:
    """Make the log, past the statements that would take an hour for it."""
    log = SqlEventLog(Database(sqlite_url(file)), PresenceFold())
    await log.open()
    await log.aclose()
    rows: list[tuple[Any, ...]] = []
    with closing(sqlite3.connect(file)) as database:
        added = f"INSERT INTO events ({', '.join(COLUMNS)}) VALUES ({', '.join('?' * len(COLUMNS))})"  # noqa: S608
        for cursor, event in happened(count):
            at = f"{event.timestamp:%Y-%m-%d %H:%M:%S.%f}"
            ids = (event.event_id.hex if event.event_id else "", event.type, event.room, event.participant_identity)
            track = getattr(event, "track_sid", None)
            rest = (event.participant_id, track, event.source, event.seq, at, at, body_text(event))
            rows.append((cursor, *ids, *rest))
            if len(rows) == AT_ONCE or cursor == count:
                database.executemany(added, rows)
                about = [(f"p_{(row[0] - 1) // 2 // CAMERAS // 100 % PEOPLE:08}", row[0]) for row in rows]
                database.executemany("INSERT INTO event_people (person_id, cursor) VALUES (?, ?)", about)
                database.commit()
                rows = []
        database.execute("UPDATE log_position SET latest = ?, kept = ?, folded = ?", (count, count, count))
        database.commit()


async def ask(web: WebProcess, what: str, query: dict[str, Any], times: int) -> Row:
    """One row."""
    took, size = [], 0
    async with aiohttp.ClientSession() as session:
        for _ in range(times):
            begun = time.perf_counter()
            async with session.get(f"{web.base_url}/api/events?{urlencode(query)}") as answer:
                size = len(await answer.read())
                answer.raise_for_status()
            took.append(time.perf_counter() - begun)
    return {"asked": what, "p50_ms": percentile(took, 0.5) * 1000, "worst_ms": max(took) * 1000, "kB": size // 1000}


async def as_csv(web: WebProcess, what: str, query: dict[str, Any], readers: int = 1, pace: float = math.inf) -> Row:
    """The same for a table, which is read to its end; with what it added to the memory at most.

    Args:
        web: the process.
        what: is asked.
        query: without its format.
        readers: at the same time.
        pace: bytes a second that each of them takes; one with a pace leaves after `LEAVES_SECONDS`.
    """
    meter = Meter(web.process.pid)
    before = most = meter.megabytes
    reading = asyncio.gather(*(_read(web, {**query, "format": "csv"}, pace) for _ in range(readers)))
    while not reading.done():
        most = max(most, meter.megabytes)
        await asyncio.wait([reading], timeout=0.05)
    return {
        "asked": f"CSV, {what}",
        "p50_ms": meter.seconds * 1000,
        "kB": sum(await reading) // 1000,
        "memory_MB": most - before,
        "cpu_s": meter.cpu,
    }


async def _read(web: WebProcess, query: dict[str, Any], pace: float) -> int:
    """How much came."""
    size, begun = 0, time.perf_counter()
    whole = aiohttp.ClientTimeout(total=None)
    async with (
        aiohttp.ClientSession(timeout=whole) as session,
        session.get(f"{web.base_url}/api/events?{urlencode(query)}") as answer,
    ):
        answer.raise_for_status()
        async for part in answer.content.iter_chunked(64_000):
            size += len(part)
            ahead = size / pace - (time.perf_counter() - begun)
            if pace < math.inf and size / pace > LEAVES_SECONDS:
                break
            if ahead > 0:
                await asyncio.sleep(ahead)
    return size


def queries(count: int) -> dict[str, dict[str, Any]]:
    """What is asked."""
    newest: dict[str, Any] = {"type": "match", "order": "desc", "limit": 60}
    day = {"from": (NOW - timedelta(days=20)).isoformat(), "to": (NOW - timedelta(days=19)).isoformat()}
    return {
        "newest": newest,
        "in the middle": {**newest, "before": count // 2},
        "a day": {**newest, **day},
        "a day, a room": {**newest, **day, "room": "room 3"},
        "a day, a participant": {**newest, **day, "participant": "participant-3"},
        "a person": {**newest, "person": "p_00000003"},
        "a day, a person, a room": {**newest, **day, "person": "p_00000003", "room": "room 3"},
        "the reference's person": {**newest, "person": "default"},
        "a room of nobody": {**newest, "room": "nowhere"},
        "all types, a day": {**newest, "type": "all", **day},
    }


def tables(asked: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """What is asked for as CSV."""
    return {
        "a day's Matches": {key: asked["a day"][key] for key in ("type", "from", "to")},
        "all Matches": {"type": "match"},
        "everything": {"type": "all"},
        "everything, the newest first": {"type": "all", "order": "desc"},
    }


async def main(args: argparse.Namespace) -> tuple[list[Row], dict[str, Any]]:
    """Rows, and what they are of."""
    with tempfile.TemporaryDirectory(prefix="face-match-bench-", dir=args.folder) as folder:
        file = Path(folder) / "data" / "events.db"
        await fill(file, args.events)
        web = WebProcess(Path(folder), log_level="WARNING", event_max_age_days=90)
        try:
            await web.start()
            asked = queries(args.events)
            rows = [await ask(web, what, query, args.times) for what, query in asked.items()]
            rows += [await as_csv(web, what, query) for what, query in tables(asked).items()]
            rows.append(await as_csv(web, "everything, 8 slow readers", {"type": "all"}, readers=8, pace=SLOW))
        finally:
            web.end()
        web = WebProcess(Path(folder), log_level="WARNING", event_max_age_days=DAYS / 2)
        try:
            await web.start()
            rows.append(await as_csv(web, "everything, beside retention", {"type": "all"}))
        finally:
            web.end()
        return rows, {"events": args.events, "MB": file.stat().st_size // 1_000_000}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--times", type=int, default=9, help="that each question is asked")
    parser.add_argument("--folder", type=Path, default=None, help="on the disk to measure; default: the temporary one")
    found, of = asyncio.run(main(parser.parse_args()))
    report("log_pages", found, **of)
