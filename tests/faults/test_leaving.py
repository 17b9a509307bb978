"""Tracks that go in the very moment in which they are paused or resumed, as every HOLD begins and ends."""

from __future__ import annotations

import asyncio
import os
import re
import sys
import time
from typing import TYPE_CHECKING

from tests.rig.crowd import SMALL
from tests.rig.process import Process
from tests.rig.publishing import Publishers, join_token

if TYPE_CHECKING:
    from pathlib import Path

    from tests.faults.conftest import Scale
    from tests.rig.livekit_server import LiveKitServer

ROOM = "leaving"
AT_ONCE = 4
FIRST = 30
ENDS = 5
REQUESTS = 100
"""A second, of which a quarter is enough: with the SDK's own request for it the process ended within the first ten
visits."""
LAST = 20
"""Times as long, where a machine is too busy for as many."""


async def test_a_track_that_goes_while_it_is_paused_or_resumed_ends_nothing(
    livekit: LiveKitServer, tmp_path: Path, scale: Scale, figure: dict[str, object]
) -> None:
    command = [sys.executable, "-m", "tests.rig.restless", livekit.url, join_token(ROOM, "restless")]
    restless = Process(
        "restless", command, env={"PATH": os.environ["PATH"]}, log=tmp_path / "restless.log", prepared=True
    )
    restless.start()
    try:
        await restless.says("connected", within=FIRST)
        seconds, visits = scale(8, 120), 0
        wanted = REQUESTS * seconds / 4

        def requests() -> int:
            told = re.findall(r"requests (\d+)\n", restless.output())
            return int(told[-1]) if told else 0

        began = time.monotonic()

        def goes_on() -> bool:
            passed = time.monotonic() - began
            return passed < seconds or (requests() < wanted and passed < LAST * seconds)

        async with Publishers(livekit.url, tmp_path / "publishers.log") as publishers:

            async def come_and_go(name: str) -> None:
                nonlocal visits
                while goes_on():
                    person = await publishers.on_air(ROOM, name, SMALL, fps=8)
                    await asyncio.sleep(0.5)  # what is tested: that it is in view for some requests
                    await person.leave()
                    visits += 1

            await asyncio.gather(*(come_and_go(f"guest-{n}") for n in range(AT_ONCE)))
        assert restless.alive, restless.tail()
        made = requests()
        await restless.terminate(within=ENDS)
    finally:
        restless.end()
    figure.update(visits=visits, requests=made)
    assert visits >= AT_ONCE
    assert made >= wanted
