"""Events into the log, from POST to the answer that promises they are on the disk: `python -m bench.ingest [--help]`.

Each sender waits for its answer before it sends the next event, as a recognizer does, or the next so many, as one does
that was cut off (`--together`). One listener notes when each
event reaches it, counted from its POST. Senders and listener share this process: their work is in the figures, too.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any
from uuid import uuid4

import aiohttp

from bench.fanout import event
from bench.live import Meter
from bench.report import Row, percentile, report
from tests.rig.waiting import wait_until_true
from tests.rig.web import WebProcess

PATIENCE_SECONDS = 10
"""How long after the last answer the listener may take to have everything."""


class Run:
    """One number of senders for some seconds, each with so many events in one request."""

    def __init__(self, web: WebProcess, senders: int, together: int, seconds: float) -> None:
        self._url = f"{web.base_url}/api/{'check' if together == 1 else 'events'}"
        self._senders = senders
        self._together = together
        self._until = time.monotonic() + seconds
        self._next = 0
        self.sent_at: dict[str, float] = {}
        self.answers: list[float] = []
        self.arrivals: list[float] = []
        self.refused = 0

    async def send(self, session: aiohttp.ClientSession) -> None:
        """All senders, until the time is over."""
        async with asyncio.TaskGroup() as senders:
            for _ in range(self._senders):
                senders.create_task(self._send(session))

    async def _send(self, session: aiohttp.ClientSession) -> None:
        while (begun := time.monotonic()) < self._until:
            events = [self._event(begun) for _ in range(self._together)]
            body = events[0] if self._together == 1 else {"events": events}
            async with session.post(self._url, json=body) as response:
                await response.read()
                if response.status == 200:
                    self.answers.append(time.monotonic() - begun)
                else:
                    self.refused += 1

    def _event(self, sent_at: float) -> dict[str, Any]:
        self._next += 1
        made = {**event(self._next), "type": "check", "event_id": str(uuid4())}
        self.sent_at[made["event_id"]] = sent_at
        return made

    async def listen(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        """Note the arrival of every event."""
        async for message in socket:
            now = time.monotonic()
            self.arrivals.append(now - self.sent_at[json.loads(message.data)["event_id"]])


async def measure(web: WebProcess, senders: int, together: int, seconds: float) -> Row:
    """One row."""
    async with (
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session,
        session.ws_connect(f"{web.base_url}/ws/matches") as socket,
    ):
        run = Run(web, senders, together, seconds)
        listening = asyncio.create_task(run.listen(socket))
        meter = Meter(web.process.pid)
        begun = time.monotonic()
        await run.send(session)
        took = time.monotonic() - begun
        share = meter.share
        await wait_until_true(
            lambda: len(run.arrivals) == len(run.answers) * together,
            within=PATIENCE_SECONDS,
            what="everything has arrived",
        )
        listening.cancel()
    return {
        "senders": senders,
        "together": together,
        "events": len(run.arrivals),
        "per_second": len(run.arrivals) / took,
        "answer_p50_ms": percentile(run.answers, 0.5) * 1000,
        "answer_p99_ms": percentile(run.answers, 0.99) * 1000,
        "listener_p50_ms": percentile(run.arrivals, 0.5) * 1000,
        "listener_p99_ms": percentile(run.arrivals, 0.99) * 1000,
        "refused": run.refused,
        "cpu_share": share,
        "memory_mb": meter.megabytes,
    }


async def main(args: argparse.Namespace) -> list[Row]:
    """One web process and one log for all rows, so that the log grows from row to row."""
    with tempfile.TemporaryDirectory(prefix="face-match-bench-", dir=args.folder) as folder:
        more = {"database_url": args.database_url} if args.database_url else {}
        web = WebProcess(Path(folder), log_level="WARNING", **more)
        try:
            await web.start()
            await measure(web, 1, 1, 1)  # what is made at the first use
            return [await measure(web, senders, args.together, args.seconds) for senders in args.senders]
        finally:
            web.end()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--senders", type=int, nargs="+", default=[1, 8, 64], help="at once, one row each")
    parser.add_argument("--together", type=int, default=1, help="events of one request, 1 to 256")
    parser.add_argument("--seconds", type=float, default=10, help="of each row")
    parser.add_argument("--folder", type=Path, default=None, help="on the disk to measure; default: the temporary one")
    parser.add_argument("--database-url", default=os.environ.get("DATABASE_URL"), help="PostgreSQL instead of SQLite")
    arguments = parser.parse_args()
    report("ingest", asyncio.run(main(arguments)), database="postgresql" if arguments.database_url else "sqlite")
