"""Events over several web processes on one PostgreSQL: `python -m bench.replicas [--help]`.

Events go to the processes in turn, listeners are spread over them. The clock starts when an event is handed to a
process (before its POST) and stops when a listener has it, whichever process that one listens to. Everybody comes with
a key, as where there are several web processes, and events come over a few connections that stay, as recognizers' do.
Senders and listeners share this process: on a small machine their own work is in the figures, too. PostgreSQL is a
server of its own, from the machine's packages.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import tempfile
import time
from pathlib import Path

import aiohttp

from bench.live import Meter
from bench.report import Row, percentile, report
from tests.rig.event_logs import new_database
from tests.rig.postgres import Postgres
from tests.rig.replicas import Replicas, check_body

KEYS = {"admin_key": "admin-key-0123456789", "recognizer_key": "recognizer-key-0123456789"}
SENDERS = 32
"""Connections to each process over which events come."""
PATIENCE_SECONDS = 30
"""How long after the last event the slowest listener may take to have it."""

_CURSOR = re.compile(r'"cursor":\s*(\d+)')
_SEQ = re.compile(r'"seq":\s*(\d+)')


class Listeners:
    """What all listeners have received."""

    def __init__(self) -> None:
        self.sent_at: dict[int, tuple[float, int]] = {}
        """By number: when, and to which process."""
        self.own: list[float] = []
        self.across: list[float] = []
        """Seconds of events that the listener's own process, and another one, took."""
        self.disordered = 0

    async def listen(self, session: aiohttp.ClientSession, url: str, which: int, events: int) -> None:
        """One listener, until it has every event."""
        cursor = 0
        async with session.ws_connect(f"{url}/ws/matches") as socket:
            for _ in range(events):
                event = await socket.receive_str()  # read whole it would take as long as it took to come here
                before, cursor = cursor, _number(_CURSOR, event)
                sent, to = self.sent_at[_number(_SEQ, event)]
                (self.own if to == which else self.across).append(time.perf_counter() - sent)
                self.disordered += cursor <= before


def _number(field: re.Pattern[str], event: str) -> int:
    found = field.search(event)
    assert found is not None, event
    return int(found[1])


async def measure(replicas: Replicas, listeners: int, rate: int, seconds: int) -> Row:
    """One run."""
    heard, events, number = Listeners(), rate * seconds, len(replicas.processes)
    listener, recognizer = ({"Authorization": f"Bearer {KEYS[of]}"} for of in ("admin_key", "recognizer_key"))
    async with (
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), headers=listener) as session,
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit_per_host=SENDERS), headers=recognizer) as sender,
    ):
        urls = [web.base_url for web in replicas.processes]
        listening = [
            asyncio.create_task(heard.listen(session, urls[n % number], n % number, events)) for n in range(listeners)
        ]
        await asyncio.sleep(2)  # all are connected

        async def post(seq: int) -> None:
            to = seq % number
            heard.sent_at[seq] = time.perf_counter(), to
            async with sender.post(f"{urls[to]}/api/check", json=check_body(source="bench", seq=seq)) as answer:
                answer.raise_for_status()

        meters = [Meter(web.process.pid) for web in replicas.processes]
        begun, posts = time.perf_counter(), []
        for seq in range(1, events + 1):
            await asyncio.sleep(max(0.0, begun + seq / rate - time.perf_counter()))
            posts.append(asyncio.create_task(post(seq)))
        await asyncio.gather(*posts)
        shares = [meter.share for meter in meters]
        _, late = await asyncio.wait(listening, timeout=PATIENCE_SECONDS)
        for task in late:
            task.cancel()
        await asyncio.gather(*listening, return_exceptions=True)
    deliveries = len(heard.own) + len(heard.across)
    return {
        "replicas": number,
        "listeners": listeners,
        "events_per_s": rate,
        "own_p50_ms": _ms(heard.own, 0.5),
        "own_p99_ms": _ms(heard.own, 0.99),
        "across_p50_ms": _ms(heard.across, 0.5),
        "across_p99_ms": _ms(heard.across, 0.99),
        "lost": listeners * events - deliveries,
        "out_of_order": heard.disordered,
        "cpu_share": round(sum(shares), 2),
    }


def _ms(seconds: list[float], share: float) -> float | None:
    """None where there were none: with one process nothing goes across."""
    return round(percentile(seconds, share) * 1000, 1) if seconds else None


async def _run(arguments: argparse.Namespace) -> Row:
    server = Postgres()
    replicas = None
    try:
        server.start()
        with tempfile.TemporaryDirectory() as name:
            url = await new_database("postgresql", Path(name), server)
            replicas = Replicas(Path(name), url, arguments.replicas, log_level="WARNING", **KEYS)
            await replicas.start()
            return await measure(replicas, arguments.listeners, arguments.rate, arguments.seconds)
    finally:
        if replicas is not None:
            replicas.end()
        server.remove()


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--replicas", type=int, default=2, help="one: nothing goes across")
    parser.add_argument("--listeners", type=int, default=200)
    parser.add_argument("--rate", type=int, default=200, help="events a second, over all replicas")
    parser.add_argument("--seconds", type=int, default=20)
    report("replicas", [asyncio.run(_run(parser.parse_args()))])


if __name__ == "__main__":
    main()
