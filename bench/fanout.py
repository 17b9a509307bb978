"""Events to many WebSocket listeners, some of which have stopped reading: `python -m bench.fanout [--help]`.

Those who have stopped reading ask for a backlog first (`--backlog`), so that every buffer on their way is full at once;
sent away, they come back and stop again. The clock starts when an event is handed to the web process (before its POST)
and stops when a listener has it, so storing it is part of the figure. The listeners share this process: on a small
machine their own work is in it, too. A listener that is sent away comes back with its last cursor; what it then still
lacks at the end is lost.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp

from bench.live import Meter
from bench.report import Row, percentile, report
from tests.rig.figures import total
from tests.rig.waiting import wait_until
from tests.rig.web import WebProcess, bulky_check, stalled_listener

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

STALL_SECONDS = 15
"""Longer than the server bears it."""
BACKLOG_SEQ = 10**9
BACKLOG_AT_ONCE = 250
PATIENCE_SECONDS = 20
"""How long after the last event the slowest listener may take to have it."""


class Listeners:
    """What all listeners have received."""

    def __init__(self, base_url: str, events: int, *, compressed: bool) -> None:
        self.sent_at: dict[int, float] = {}
        self.seconds: list[float] = []
        self.lost = 0
        self.duplicates = 0
        self.sent_away = 0
        self._url = f"{base_url}/ws/matches"
        self._events = events
        self._window_bits = 15 if compressed else 0

    async def listen(self, session: aiohttp.ClientSession) -> None:
        """One listener, until it has every event or is cancelled."""
        seen: set[int] = set()
        cursor: int | None = None
        try:
            while len(seen) < self._events:
                after = "" if cursor is None else f"?after={cursor}"
                async with session.ws_connect(self._url + after, compress=self._window_bits) as socket:
                    async for message in socket:
                        now = time.monotonic()
                        event = json.loads(message.data)
                        cursor = event["cursor"]
                        self._count(event["seq"], now, seen)
                        if len(seen) == self._events:
                            return
                self.sent_away += 1
        finally:
            self.lost += self._events - len(seen)

    def _count(self, seq: int, now: float, seen: set[int]) -> None:
        self.duplicates += seq in seen
        seen.add(seq)
        self.seconds.append(now - self.sent_at[seq])


async def post_all(
    session: aiohttp.ClientSession, base_url: str, listeners: Listeners, events: int, rate: float, *, bulky: bool
) -> None:
    """Events at a steady pace; a slow answer does not hold up the next one."""
    make = bulky_check if bulky else event
    begun = time.monotonic()

    async def post(seq: int) -> None:
        listeners.sent_at[seq] = time.monotonic()
        async with session.post(f"{base_url}/api/check", json=make(seq)) as response:
            assert response.status == 200, await response.text()

    async with asyncio.TaskGroup() as posts:
        for seq in range(1, events + 1):
            await asyncio.sleep(max(0.0, begun + seq / rate - time.monotonic()))
            posts.create_task(post(seq))


def event(seq: int) -> dict[str, Any]:
    """A Check of ordinary size."""
    return {
        **bulky_check(seq),
        "participant_id": "PA_4t5zTqzHhKbN",
        "participant_name": "Alice42",
        "participant_identity": "Alice42",
        "track_sid": "TR_VCb9kQm4n2x7Wd",
        "cycle_id": f"TR_VCb9kQm4n2x7Wd-{seq}",
        "room": "face-recognition-room",
    }


async def fill(session: aiohttp.ClientSession, base_url: str, count: int) -> None:
    """A log with so many events of 3 kB. Their numbers are far from those of the events that are measured."""
    for first in range(0, count, BACKLOG_AT_ONCE):
        numbers = range(first, min(count, first + BACKLOG_AT_ONCE))
        many = [{**bulky_check(BACKLOG_SEQ + number), "type": "check"} for number in numbers]
        async with session.post(f"{base_url}/api/events", json={"events": many}) as response:
            assert response.status == 200, await response.text()


@contextlib.asynccontextmanager
async def stalled(port: int, count: int) -> AsyncIterator[None]:
    """Listeners that never read; each has been sent away by the time it comes back."""

    async def stall() -> None:
        while True:
            with stalled_listener(port, after=0):
                await asyncio.sleep(STALL_SECONDS)

    tasks = [asyncio.create_task(stall()) for _ in range(count)]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def measure(web: WebProcess, clients: int, args: argparse.Namespace) -> Row:
    """One row: that many listeners, and `args.stalled` that do not read."""
    events = round(args.seconds * args.rate)
    listeners = Listeners(web.base_url, events, compressed=args.compressed)
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector) as session:

        async def connected() -> bool:
            async with session.get(f"{web.base_url}/api/status") as response:
                return bool((await response.json())["websocket_clients"] == clients + args.stalled)

        await fill(session, web.base_url, args.backlog)
        async with stalled(web.port, args.stalled):
            tasks = [asyncio.create_task(listeners.listen(session)) for _ in range(clients)]
            await wait_until(connected, within=60, what="all listeners are connected")
            meter = Meter(web.process.pid)
            await post_all(session, web.base_url, listeners, events, args.rate, bulky=args.bulky)
            share = meter.share
            _, late = await asyncio.wait(tasks, timeout=PATIENCE_SECONDS)
            for task in late:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        dropped = int(await total(f"{web.base_url}/metrics", "facematch_websocket_dropped_total"))
    return {
        "listeners": clients,
        "stalled": args.stalled,
        "events": events,
        "deliveries": len(listeners.seconds),
        "p50_ms": percentile(listeners.seconds, 0.5) * 1000,
        "p99_ms": percentile(listeners.seconds, 0.99) * 1000,
        "max_ms": max(listeners.seconds) * 1000,
        "lost": listeners.lost,
        "twice": listeners.duplicates,
        "sent_away": listeners.sent_away,
        "stalled_sent_away": dropped - listeners.sent_away,
        "cpu_share": share,
        "memory_mb": meter.megabytes,
    }


async def main(args: argparse.Namespace) -> list[Row]:
    """One fresh web process for each number of listeners."""
    rows = []
    for clients in args.clients:
        with tempfile.TemporaryDirectory(prefix="face-match-bench-") as folder:
            web = WebProcess(Path(folder), log_level="WARNING")
            try:
                await web.start()
                rows.append(await measure(web, clients, args))
            finally:
                web.end()
    return rows


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, nargs="+", default=[10, 100, 500], help="listeners, one row each")
    parser.add_argument("--stalled", type=int, default=20, help="listeners besides them that never read")
    parser.add_argument("--backlog", type=int, default=2_500, help="events of 3 kB that they ask for")
    parser.add_argument("--rate", type=float, default=10, help="events a second")
    parser.add_argument("--seconds", type=float, default=20, help="of events")
    parser.add_argument("--bulky", action="store_true", help="events of 3 kB")
    parser.add_argument("--compressed", action="store_true", help="listeners ask for compression, as browsers do")
    arguments = parser.parse_args()
    report(
        "fanout",
        asyncio.run(main(arguments)),
        rate=arguments.rate,
        bulky=arguments.bulky,
        compressed=arguments.compressed,
    )
