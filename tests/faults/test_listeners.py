"""Hundreds of listeners, some of which have stopped reading."""

from __future__ import annotations

import asyncio
from argparse import Namespace
from typing import TYPE_CHECKING

import pytest

from bench.fanout import BACKLOG_SEQ, measure
from tests.rig.listener import Listener
from tests.rig.web import WebProcess

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.faults.conftest import Scale

P99_MS = 250
RATE = 10
BACKLOG = 2_500
"""Events that the stalled ones ask for first: more than all buffers on the way hold."""
BACK_SECONDS = 20
_FIGURES = ("listeners", "stalled", "stalled_sent_away", "events", "p50_ms", "p99_ms", "max_ms")


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
        web,
        clients,
        Namespace(seconds=seconds, rate=RATE, stalled=stalled, backlog=BACKLOG, bulky=False, compressed=False),
    )

    figure.update({name: row[name] for name in _FIGURES})
    assert (row["lost"], row["twice"]) == (0, 0)
    assert row["deliveries"] == clients * seconds * RATE
    everything = [*range(BACKLOG_SEQ, BACKLOG_SEQ + BACKLOG), *range(1, seconds * RATE + 1)]
    back = await asyncio.gather(*(come_back(web.base_url, len(everything)) for _ in range(stalled)))
    # In the log's order, for all the same: on a busy machine a post may overtake the one before it.
    assert sorted(back[0]) == sorted(everything)
    assert back == [back[0]] * stalled
    if scale(False, True):  # in the whole form only: a busy machine is no fault, and being sent away takes a while
        p99 = row["p99_ms"]
        assert isinstance(p99, float)
        assert p99 <= P99_MS
        sent_away = row["stalled_sent_away"]
        assert isinstance(sent_away, int)
        assert sent_away >= stalled


async def come_back(base_url: str, events: int) -> list[int]:
    """The numbers of the events that somebody gets who had read nothing."""
    async with Listener(base_url, after=0) as listener:
        return [(await listener.next(lambda _: True, within=BACK_SECONDS))["seq"] for _ in range(events)]
