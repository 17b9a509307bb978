"""What a beat costs: `python -m bench.beats [--help]`.

Recognizers that only beat, each once a second, and hold rooms that are shared out among them; no LiveKit. Processor
time is the web process's own, read from outside, with the look at everybody that it has twice a second whether or not
anybody beats; the time is from before the POST to the answer. PostgreSQL's own work is not counted.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from contextlib import ExitStack, suppress
from pathlib import Path

import aiohttp

from bench.live import Meter
from bench.report import Row, percentile, report
from facematch.protocol.beat import BEAT_SECONDS, BeatAnswer
from facematch.runtime.clock import wall_clock
from facematch.server.assignment.book import book_of
from facematch.server.storage.database import Database
from facematch.server.storage.migrate import migrate
from tests.rig.event_logs import new_database
from tests.rig.fleet import FakeWorker
from tests.rig.postgres import Postgres
from tests.rig.waiting import wait_until_true
from tests.rig.web import WebProcess

SHARED_SECONDS = 60.0


class Beating:
    """Recognizers that beat at a web process.

    Args:
        url: its address.
        workers: how many.
    """

    def __init__(self, url: str, workers: int) -> None:
        self._url = url
        self._workers = [FakeWorker(f"bench-{number}") for number in range(workers)]
        self.took: list[float] = []

    @property
    def held(self) -> int:
        """Rooms, by all of them."""
        return sum(len(worker.holds) for worker in self._workers)

    async def run(self) -> None:
        """For ever, spread over the second."""
        async with aiohttp.ClientSession() as session, asyncio.TaskGroup() as tasks:
            for number, worker in enumerate(self._workers):
                tasks.create_task(self._beat(session, worker, number / len(self._workers)))

    async def _beat(self, session: aiohttp.ClientSession, worker: FakeWorker, after: float) -> None:
        next_at = time.perf_counter() + after * BEAT_SECONDS
        while True:
            await asyncio.sleep(max(0.0, next_at - time.perf_counter()))
            next_at += BEAT_SECONDS
            body, begun = worker.beat(wall_clock()).model_dump_json(), time.perf_counter()
            headers = {"Content-Type": "application/json"}
            async with session.post(f"{self._url}/api/beat", data=body, headers=headers) as answer:
                answer.raise_for_status()
                said = BeatAnswer.model_validate_json(await answer.read())
            self.took.append(time.perf_counter() - begun)
            worker.hear(said.rooms)


async def measured(kind: str, server: Postgres | None, workers: int, rooms: int, seconds: float) -> Row:
    """One row: a database, a web process, recognizers and rooms."""
    with tempfile.TemporaryDirectory() as folder:
        url = await new_database(kind, Path(folder), server)
        await _prepare(url, rooms)
        named = {"database_url": url.replace("+asyncpg", "")} if server else {}
        web = WebProcess(Path(folder), rooms="exam-*", **named)
        try:
            await web.start()
            return await _row(web, workers, rooms, seconds) | {"database": kind}
        finally:
            web.end()


async def _prepare(url: str, rooms: int) -> None:
    await migrate(url)
    database = Database(url)
    database.open()
    book = book_of(database)
    await book.open()
    await book.found([f"exam-{number}" for number in range(rooms)], whole=False)
    await book.aclose()
    await database.aclose()


async def _row(web: WebProcess, workers: int, rooms: int, seconds: float) -> Row:
    beating = Beating(web.base_url, workers)
    task = asyncio.create_task(beating.run())
    try:
        await wait_until_true(lambda: beating.held == rooms, within=SHARED_SECONDS, what="all rooms are held")
        await asyncio.sleep(2)  # they have told that they are in
        beating.took.clear()
        meter = Meter(web.process.pid)
        await asyncio.sleep(seconds)
        cpu, took = meter.cpu, list(beating.took)
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
    return {
        "recognizers": workers,
        "rooms": rooms,
        "beats": len(took),
        "p50_ms": round(percentile(took, 0.5) * 1000, 1),
        "p99_ms": round(percentile(took, 0.99) * 1000, 1),
        "cpu_ms_a_beat": round(cpu / len(took) * 1000, 2),
        "core_%": round(100 * cpu / seconds, 1),
    }


async def _run(arguments: argparse.Namespace) -> list[Row]:
    rows = []
    with ExitStack() as parts:
        server = None
        if "postgresql" in arguments.databases:
            server = Postgres()
            parts.callback(server.remove)
            server.start()
        for kind in arguments.databases:
            used = server if kind == "postgresql" else None
            for workers, rooms in zip(arguments.recognizers, arguments.rooms, strict=True):
                rows.append(await measured(kind, used, workers, rooms, arguments.seconds))
    return rows


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--databases", nargs="+", default=["sqlite", "postgresql"], choices=["sqlite", "postgresql"])
    parser.add_argument("--recognizers", type=int, nargs="+", default=[1, 2, 10, 10])
    parser.add_argument("--rooms", type=int, nargs="+", default=[10, 20, 100, 500], help="one for each of these")
    parser.add_argument("--seconds", type=float, default=10.0, help="measured for each row")
    report("beats", asyncio.run(_run(parser.parse_args())))


if __name__ == "__main__":
    main()
