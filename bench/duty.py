"""What the recognizer costs in its states, with the default settings: `python -m bench.duty [--help]`.

CPU is the recognizer process's own (user and system, read from outside), over whole cycles. The publishers, the
LiveKit server and the web process share the machine but are not counted.

  idle        nobody in the room
  match       eight 640x360 cameras, all matching: PROBE and HOLD in turn
  match-720p  one 1280x720 camera, matching
  hold-720p   the same during HOLD alone
  strangers   eight 640x360 cameras with a stranger: PROBE and WAIT in turn, and how late each probe comes
"""

from __future__ import annotations

import argparse
import asyncio
from itertools import pairwise
from statistics import median
from typing import TYPE_CHECKING

from bench.live import Meter, let_pass, live_stack
from bench.report import Row, percentile, report
from tests.rig.listener import is_check
from tests.rig.photographs import SAME_PERSON, STRANGER, Scene

if TYPE_CHECKING:
    from tests.rig.listener import Listener
    from tests.rig.stack import Stack

EIGHT = [f"person-{number}" for number in range(8)]
ONE = EIGHT[:1]

WAIT_SECONDS = 10.0
FIRST_SECONDS = 30.0
SETTLE_SECONDS = 3.0
CHECKS_WINDOW_SECONDS = 45.0
"""In which the Checks of strangers are counted."""


async def idle(args: argparse.Namespace) -> Row:
    """The SDK, the heartbeat and the watchdog, with nobody in the room."""
    async with live_stack() as stack:
        meter = Meter(stack.recognizer.pid)
        await let_pass(min(args.seconds, 30))
        return {"case": "idle", "seconds": round(meter.seconds, 1), "core_%": round(100 * meter.share, 2)}


async def matching(args: argparse.Namespace, names: list[str], scene: Scene, case: str) -> Row:
    """Whole cycles of tracks that all match: from one Check of the first track to a later one of the same."""
    async with live_stack() as stack, stack.listen() as events, stack.publishers() as publishers:
        for name in names:
            await publishers.on_air(stack.room, name, scene, fps=args.fps, simulcast=args.simulcast)
        await events.each(*(is_check(name, "match") for name in names), within=FIRST_SECONDS)
        await events.next(is_check(names[0]), within=FIRST_SECONDS)
        meter = Meter(stack.recognizer.pid)
        before = len(events.received)
        while meter.seconds < args.seconds:
            await events.next(is_check(names[0]), within=FIRST_SECONDS)
        cpu, seconds = meter.cpu, meter.seconds
        checks = [received for received in events.received[before:] if is_check()(received.event)]
        assert all(check["match_found"] for check in checks), "not every batch matched"
        return {
            "case": case,
            "tracks": len(names),
            "seconds": round(seconds, 1),
            "checks": len(checks),
            "cpu_s_per_track_minute": round(cpu / (seconds / 60) / len(names), 3),
            "core_%": round(100 * cpu / seconds, 2),
            "memory_mb": round(meter.megabytes),
        }


async def holding(args: argparse.Namespace) -> Row:
    """HOLD alone."""
    async with (
        live_stack(hold_seconds=args.seconds + 60) as stack,
        stack.listen() as events,
        stack.publishers() as publishers,
    ):
        scene = Scene(SAME_PERSON, width=1280, height=720, face=220)
        await publishers.on_air(stack.room, "Alice", scene, fps=args.fps, simulcast=args.simulcast)
        await events.next(is_check("Alice", "match"), within=FIRST_SECONDS)
        await let_pass(SETTLE_SECONDS)
        meter = Meter(stack.recognizer.pid)
        await let_pass(min(args.seconds, 30))
        share = meter.share
        assert (await stack.track("Alice") or {})["state"] == "hold"
        return {
            "case": "hold-720p",
            "tracks": 1,
            "seconds": round(meter.seconds, 1),
            "core_%": round(100 * share, 2),
        }


async def strangers(args: argparse.Namespace) -> list[Row]:
    """The period of each track's Checks, of one stranger alone (the ideal) and of eight at once."""
    rows: list[Row] = []
    ideal = WAIT_SECONDS
    for names in (ONE, EIGHT):
        async with live_stack() as stack:
            row, periods = await _strangers(stack, names, args)
        if names is ONE:
            ideal = median(periods)
        rows.append(row | {"worst_period_to_ideal": round(max(periods) / ideal, 3)})
    return rows


async def _strangers(stack: Stack, names: list[str], args: argparse.Namespace) -> tuple[Row, list[float]]:
    scene = Scene(STRANGER, width=640, height=360, face=110)
    async with stack.listen() as events, stack.publishers() as publishers:
        people = [await publishers.join(stack.room, name) for name in names]
        published = await asyncio.gather(
            *(person.publish(scene, fps=args.fps, simulcast=args.simulcast) for person in people)
        )
        started = published[0].called_at
        await events.each(*(is_check(name) for name in names), within=FIRST_SECONDS)
        meter = Meter(stack.recognizer.pid)
        while meter.seconds < max(args.seconds, CHECKS_WINDOW_SECONDS):
            await events.next(is_check(names[0]), within=FIRST_SECONDS)
        cpu, seconds = meter.cpu, meter.seconds
        await events.each(*(is_check(name) for name in names), within=FIRST_SECONDS)
    periods = _periods(events, names)
    in_window = [check for check in events.of(is_check()) if check.at - started <= CHECKS_WINDOW_SECONDS]
    row: Row = {
        "case": "strangers" if len(names) > 1 else "stranger",
        "tracks": len(names),
        "seconds": round(seconds, 1),
        "cpu_s_per_track_minute": round(cpu / (seconds / 60) / len(names), 3),
        "period_p50_s": round(percentile(periods, 0.5), 2),
        "period_worst_s": round(max(periods), 2),
        f"checks_in_{CHECKS_WINDOW_SECONDS:.0f}_s": len(in_window),
    }
    return row, periods


def _periods(events: Listener, names: list[str]) -> list[float]:
    periods = []
    for name in names:
        checks = events.of(is_check(name))
        assert not any(check["match_found"] for check in checks)
        periods += [after.at - before.at for before, after in pairwise(checks)]
    return periods


async def measure(args: argparse.Namespace) -> list[Row]:
    """The rows of the cases asked for."""
    rows: list[Row] = []
    for case in args.cases:
        match case:
            case "idle":
                rows.append(await idle(args))
            case "match":
                rows.append(await matching(args, EIGHT, Scene(SAME_PERSON, face=110), case))
            case "match-720p":
                rows.append(await matching(args, ONE, Scene(SAME_PERSON, width=1280, height=720, face=220), case))
            case "hold-720p":
                rows.append(await holding(args))
            case "strangers":
                rows += await strangers(args)
    return rows


def main() -> None:
    cases = ["idle", "match", "match-720p", "hold-720p", "strangers"]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", nargs="*", choices=cases, default=cases)
    parser.add_argument("--seconds", type=float, default=60, help="least length of a measurement")
    parser.add_argument("--fps", type=float, default=25, help="of every camera")
    parser.add_argument("--simulcast", action="store_true", help="publish in layers, as browsers do")
    args = parser.parse_args()
    rows = asyncio.run(measure(args))
    report("duty", rows, fps=args.fps, simulcast=args.simulcast)


if __name__ == "__main__":
    main()
