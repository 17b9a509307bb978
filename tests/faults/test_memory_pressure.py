"""Memory runs out inside a control group: the recognizer sheds, leaves in time, and is started again."""

from __future__ import annotations

import asyncio
import sys
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from facematch.recognizer.process.memory import MemorySampler
from tests.rig.control_group import memory_limit
from tests.rig.listener import by_another_life, is_match
from tests.rig.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.faults.conftest import Launch
    from tests.rig.control_group import ControlGroup

FIRST = 30
LIMIT = 1536 << 20
STEP = 16 << 20
WARN, EXIT = 0.80, 0.92
HOG = f"""
import sys
held = []
for line in sys.stdin:
    held.append(bytearray(b"x" * {STEP}))
    print("more", flush=True)
"""


@asynccontextmanager
async def hog(group: ControlGroup) -> AsyncIterator[asyncio.subprocess.Process]:
    """A process in the group that takes `STEP` bytes for each line it is sent."""
    command = (*group.enter(), sys.executable, "-c", HOG)
    child = await asyncio.create_subprocess_exec(
        *command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    try:
        yield child
    finally:
        child.kill()
        await child.communicate()


async def take_until(child: asyncio.subprocess.Process, sampler: MemorySampler, ratio: float) -> None:
    assert child.stdin is not None
    assert child.stdout is not None
    while sampler.sample().ratio < ratio:
        child.stdin.write(b"\n")
        await child.stdout.readline()


async def test_shedding_then_exit_3_then_a_new_start(launch: Launch, figure: dict[str, object]) -> None:
    with memory_limit(LIMIT) as group:
        stack = launch(
            before=group.enter(),
            hold_seconds=0.5,
            match_cooldown_seconds=0,
            memory_warn_ratio=WARN,
            memory_exit_ratio=EXIT,
        )
        try:
            await stack.start()
            sampler = MemorySampler(own=Path(f"/proc/{stack.launcher.pid}/cgroup"))
            assert sampler.sample().limit == LIMIT
            figure["ratio at rest"] = f"{sampler.sample().ratio:.2f}"
            async with stack.publishers() as publishers, stack.listen() as events:
                await publishers.on_air(stack.room, "Alice")
                first = await events.next(is_match("Alice"), within=FIRST)
                async with hog(group) as child:
                    await take_until(child, sampler, WARN + 0.02)
                    await stack.launcher.says("fewer batches at once", within=10)
                    await events.next(is_match("Alice"), within=FIRST)  # it goes on
                    recognizer = stack.part("recognizer")
                    assert recognizer is not None
                    await take_until(child, sampler, EXIT + 0.005)
                    await stack.launcher.says("stopped by itself with exit code 3 (memory limit reached)", within=15)
                await stack.started_again("recognizer", recognizer, within=FIRST)
                await events.next(by_another_life(first["source"]), within=FIRST)
            heartbeat = await stack.heartbeat()
            assert heartbeat is not None
            assert heartbeat["memory_ratio"] < WARN
            assert group.killed == 0
        finally:
            stack.end()

            async def all_gone() -> bool:
                return not stack.launcher.alive

            await wait_until(all_gone, within=15, what="the launcher has ended")
