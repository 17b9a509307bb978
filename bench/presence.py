"""Presence of a day of which everybody was looked at all the time: `python -m bench.presence [--help]`.

Makes the Checks of so many cameras, brings them into a log as a recognizer would after a break, and asks the web
process for the day as a client does: over HTTP, as JSON and as an attendance list, of everybody, one room and one
participant. *cpu* is the web process's own for each, which other work blurs least.
People come and go, are not seen now and then, and mute their cameras.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import aiohttp

from bench.live import Meter
from bench.report import Row, percentile, report
from facematch.protocol.events import Check
from facematch.server.events.store import SqlEventLog
from facematch.server.presence.fold import PresenceFold
from facematch.server.storage.database import Database, sqlite_url
from tests.rig.web import WebProcess

if TYPE_CHECKING:
    from collections.abc import Iterator

DAY = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=1)
"""Yesterday: what is older than STATISTICS_MAX_AGE_DAYS goes."""
PAUSE_SECONDS = 10.16
"""Between two looks: 8,500 a day for each camera."""
TOGETHER = 256


def looks(camera: int, chance: random.Random) -> Iterator[Check]:
    """A camera's day: stays of some ten minutes before it, with a look that misses the face in every fortieth."""
    state, until, when = "match", 0.0, chance.uniform(0, PAUSE_SECONDS)
    while when < 86_400:
        if when >= until:
            state = chance.choices(["match", "no_face", "muted", "no_match"], [60, 25, 10, 5])[0]
            until = when + chance.expovariate(1 / 600)
        outcome = "no_face" if state == "match" and chance.random() < 1 / 40 else state
        began, ended = DAY + timedelta(seconds=when), DAY + timedelta(seconds=when + 0.2)
        yield Check.model_validate(
            {
                "participant_id": f"PA_{camera}",
                "participant_name": f"Participant {camera}",
                "participant_identity": f"participant-{camera}",
                "track_sid": f"TR_{camera}",
                "room": f"room {camera % 4}",
                "source": "bench",
                "timestamp": ended,
                "event_id": UUID(int=chance.getrandbits(128)),
                "match_found": outcome == "match",
                "outcome": outcome,
                "frames": 1,
                "looked_from": began,
                "looked_until": ended,
                "uptime_from": when,
                "uptime_until": when + 0.2,
                "reference_id": "9f86d081884c7d65",
            }
        )
        when += PAUSE_SECONDS


async def fill(file: Path, cameras: int) -> int:
    """Store the day. Returns how many Checks it has."""
    chance = random.Random(7)  # noqa: S311  (the same day each time)
    day = sorted(
        (check for camera in range(cameras) for check in looks(camera, chance)), key=lambda check: check.timestamp
    )
    log = SqlEventLog(Database(sqlite_url(file)), PresenceFold())
    await log.open()
    for start in range(0, len(day), TOGETHER):
        await log.append(day[start : start + TOGETHER])
    await log.aclose()
    return len(day)


async def _count(file: Path) -> int:
    """Of the log that was made before."""
    log = SqlEventLog(Database(sqlite_url(file)), PresenceFold())
    await log.open()
    count = await log.count()
    await log.aclose()
    return count


async def ask(web: WebProcess, what: str, query: str, times: int) -> Row:
    """One row."""
    took, size = [], 0
    meter = Meter(web.process.pid)
    async with aiohttp.ClientSession() as session:
        for number in range(times + 1):
            if number == 1:
                meter.start()
            begun = time.perf_counter()
            async with session.get(f"{web.base_url}{query}") as answer:
                size = len(await answer.read())
                answer.raise_for_status()
            took.append(time.perf_counter() - begun)
    return {
        "asked": what,
        "first_ms": took[0] * 1000,
        "p50_ms": percentile(took[1:], 0.5) * 1000,
        "worst_ms": max(took[1:]) * 1000,
        "cpu_ms": 1000 * meter.cpu / times,
        "kB": size // 1000,
    }


async def main(args: argparse.Namespace) -> tuple[list[Row], dict[str, Any]]:
    """Rows, and what they are of."""
    with tempfile.TemporaryDirectory(prefix="face-match-bench-", dir=args.folder) as own:
        folder = args.kept or Path(own)
        file = folder / "data" / "events.db"
        begun, made = time.process_time(), not file.exists()
        checks = await fill(file, args.cameras) if made else await _count(file)
        spent = time.process_time() - begun
        web = WebProcess(folder, log_level="WARNING")
        try:
            await web.start()
            asked = {
                "everybody": f"/api/presence?day={DAY:%Y-%m-%d}",
                "everybody, 10,000": f"/api/presence?day={DAY:%Y-%m-%d}&limit=10000",
                "everybody, CSV": f"/api/presence?day={DAY:%Y-%m-%d}&limit=10000&format=csv",
                "by person": f"/api/presence?day={DAY:%Y-%m-%d}&by=person",
                "one room": f"/api/presence?day={DAY:%Y-%m-%d}&room=room%201",
                "one participant": f"/api/presence?day={DAY:%Y-%m-%d}&identity=participant-3",
                "statistics": "/api/participants/statistics?identity=participant-3",
            }
            rows = [await ask(web, what, query, args.times) for what, query in asked.items()]
        finally:
            web.end()
        return rows, {"checks": checks, **({"stored_cpu_ms_each": round(1000 * spent / checks, 3)} if made else {})}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cameras", type=int, default=40)
    parser.add_argument("--times", type=int, default=9, help="that each question is asked after the first")
    parser.add_argument("--folder", type=Path, default=None, help="on the disk to measure; default: the temporary one")
    parser.add_argument(
        "--kept", type=Path, help="a folder for the log, which is made when it is not there (yesterday's)"
    )
    found, of = asyncio.run(main(parser.parse_args()))
    report("presence", found, **of)
