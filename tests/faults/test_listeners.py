"""Hundreds of listeners, some of which have stopped reading."""

from __future__ import annotations

from argparse import Namespace
from typing import TYPE_CHECKING

import pytest

from bench.fanout import measure
from tests.rig.web import WebProcess

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.faults.conftest import Scale

P99_MS = 250
RATE = 10


@pytest.fixture
def web(tmp_path: Path) -> Iterator[WebProcess]:
    process = WebProcess(tmp_path, log_level="WARNING")
    yield process
    process.end()


async def test_every_listener_has_every_event_though_others_have_stopped_reading(
    web: WebProcess, scale: Scale, figure: dict[str, object]
) -> None:
    """Who is sent away comes back with its last cursor; what it lacks then is lost."""
    await web.start()
    clients, seconds, stalled = scale((50, 10, 5), (500, 120, 20))

    row = await measure(
        web, clients, Namespace(seconds=seconds, rate=10, stalled=stalled, bulky=False, compressed=False)
    )

    figure.update({name: row[name] for name in ("listeners", "stalled", "events", "p50_ms", "p99_ms", "max_ms")})
    assert (row["lost"], row["twice"]) == (0, 0)
    assert row["deliveries"] == clients * seconds * RATE
    p99 = row["p99_ms"]
    assert isinstance(p99, float)
    if scale(False, True):  # a figure of the whole form only: a busy machine is no fault
        assert p99 <= P99_MS
