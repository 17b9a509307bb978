"""The wall clock is set back and forth by an hour under the recognizer: its cycles do not notice."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.rig.listener import is_check, is_match

if TYPE_CHECKING:
    from tests.rig.stacks import MakeStack

FIRST = 30
HOLD, COOLDOWN = 1.0, 3.0
CHECKS = 4
LONGEST_GAP = 4.0
"""Seconds between two Checks: a hold, a batch, and a busy machine."""


def libfaketime() -> Path:
    found = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
    if not found:
        pytest.skip("libfaketime is not here: apt-get install faketime")
    return found[0]


async def test_neither_cadence_nor_cooldown_follows_the_wall_clock(
    make_stack: MakeStack, tmp_path: Path, figure: dict[str, object]
) -> None:
    offset = tmp_path / "offset"
    stack = make_stack(hold_seconds=HOLD, match_cooldown_seconds=COOLDOWN)
    stack.recognizer.set(
        LD_PRELOAD=str(libfaketime()),
        FAKETIME_TIMESTAMP_FILE=str(offset),
        FAKETIME_CACHE_DURATION="1",
        FAKETIME_DONT_FAKE_MONOTONIC="1",
        DONT_FAKE_MONOTONIC="1",
    )
    offset.write_text("+0")
    await stack.start()
    async with stack.publishers() as publishers, stack.listen() as events:
        await publishers.on_air(stack.room, "Alice")
        await events.next(is_match("Alice"), within=FIRST)
        for _ in range(CHECKS):  # what the machine can do, before anything is set
            await events.next(is_check("Alice"), within=FIRST)
        undisturbed = len(events.of(is_check("Alice")))
        jumps = []
        for step in ("-1h", "+1h"):
            before = datetime.fromisoformat(events.received[-1]["timestamp"])
            offset.write_text(step)
            for _ in range(CHECKS):
                last = await events.next(is_check("Alice"), within=FIRST)
            jumps.append(datetime.fromisoformat(last["timestamp"]) - before)
            await events.next(is_match("Alice"), within=COOLDOWN + LONGEST_GAP)
    assert jumps[0] < timedelta(minutes=-55)  # the step was real
    assert jumps[1] > timedelta(minutes=115)
    checks = [check.at for check in events.of(is_check("Alice"))]
    matches = [match.at for match in events.of(is_match("Alice"))]
    gaps = [later - earlier for earlier, later in pairwise(checks)]
    figure["seconds between checks"] = ", ".join(f"{gap:.1f}" for gap in gaps)
    figure["of which before the first step"] = undisturbed - 1
    longest = max(LONGEST_GAP, 2 * max(gaps[: undisturbed - 1]))
    assert max(gaps) <= longest
    assert min(later - earlier for earlier, later in pairwise(matches)) >= COOLDOWN - 0.3
    assert max(later - earlier for earlier, later in pairwise(matches)) <= COOLDOWN + longest
