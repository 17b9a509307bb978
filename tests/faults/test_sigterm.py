"""SIGTERM to the end, with listeners that do not read and in the middle of a detection: at most five seconds."""

from __future__ import annotations

import asyncio
import signal
from contextlib import ExitStack
from typing import TYPE_CHECKING

from tests.rig.listener import is_check
from tests.rig.photographs import STRANGER, Scene
from tests.rig.web import stalled_listener

if TYPE_CHECKING:
    from tests.faults.conftest import Scale
    from tests.rig.stacks import MakeStack

FIRST = 30
END_SECONDS = 5.0
STALLED = 5


async def test_both_end_in_time_whatever_they_are_at(
    make_stack: MakeStack, scale: Scale, figure: dict[str, object]
) -> None:
    stack = make_stack(hold_seconds=0, wait_seconds=0)
    port = int(stack.base_url.rpartition(":")[2])
    ends: dict[str, list[float]] = {"api": [], "recognizer": []}
    async with stack.publishers() as publishers:
        for number in range(4):  # strangers: each batch looks at all its frames, and the next follows at once
            await publishers.on_air(stack.room, f"bird-{number}", Scene(STRANGER), fps=8)
        for _ in range(scale(3, 20)):
            await stack.start()
            async with stack.listen() as events:
                with ExitStack() as closing:
                    for _ in range(STALLED):
                        closing.enter_context(stalled_listener(port))
                    await events.next(is_check(), within=FIRST)
                    both = (stack.api, stack.recognizer)
                    ended = await asyncio.gather(*(process.terminate(within=10) for process in both))
            for process, (code, seconds) in zip(both, ended, strict=True):
                assert code in ({0} if process is stack.recognizer else {0, -signal.SIGTERM}), process.tail()
                ends[process.name].append(seconds)
    figure.update({name: f"at most {max(seconds):.2f} s" for name, seconds in ends.items()})
    assert max(max(seconds) for seconds in ends.values()) <= END_SECONDS
