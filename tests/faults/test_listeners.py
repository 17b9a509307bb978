"""Hundreds of listeners, some of which have stopped reading."""

from __future__ import annotations

import asyncio
from argparse import Namespace
from typing import TYPE_CHECKING

import aiohttp
import pytest

from bench.fanout import measure
from tests.rig.listener import Listener
from tests.rig.web import WebProcess

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.faults.conftest import Scale

P99_MS = 250
RATE = 10
BACK_SECONDS = 20


@pytest.fixture
def web(tmp_path: Path) -> Iterator[WebProcess]:
    process = WebProcess(tmp_path, log_level="WARNING")
    yield process
    process.end()


async def test_every_listener_has_every_event_though_others_have_stopped_reading(
    web: WebProcess, scale: Scale, figure: dict[str, object]
) -> None:
    """Who is sent away comes back with its last cursor; what it lacks then is lost. So does who has stalled."""
    await web.start()
    clients, seconds, stalled = scale((50, 10, 5), (500, 120, 20))

    row = await measure(
        web, clients, Namespace(seconds=seconds, rate=RATE, stalled=stalled, bulky=True, compressed=False)
    )

    figure.update({name: row[name] for name in ("listeners", "stalled", "events", "p50_ms", "p99_ms", "max_ms")})
    assert (row["lost"], row["twice"]) == (0, 0)
    assert row["deliveries"] == clients * seconds * RATE
    back = await asyncio.gather(*(come_back(web.base_url, seconds * RATE) for _ in range(stalled)))
    assert back == [list(range(1, seconds * RATE + 1))] * stalled
    if scale(False, True):  # figures of the whole form only: a busy machine is no fault, and buffers take a while
        p99 = row["p99_ms"]
        assert isinstance(p99, float)
        assert p99 <= P99_MS
        assert await sent_away(web.base_url) == stalled


async def come_back(base_url: str, events: int) -> list[int]:
    """The numbers of the events that somebody gets who had read nothing."""
    async with Listener(base_url, after=0) as listener:
        return [(await listener.next(lambda _: True, within=BACK_SECONDS))["seq"] for _ in range(events)]


async def sent_away(base_url: str) -> float:
    """How many listeners the web process has closed because they were too slow."""
    async with aiohttp.ClientSession() as session, session.get(f"{base_url}/metrics") as response:
        lines = (await response.text()).splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith("facematch_websocket_dropped_total "))
