"""What rooms cost, with nobody in them or with people before cameras: `python -m bench.rooms [--help]`.

One recognizer, or several, given 10, 25, 50 and 100 rooms by a web server of the bench; memory and processor time
are the recognizers' own (read from outside, over the whole span), against those without any room. The LiveKit server
shares the machine and is not counted.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from bench.live import Meter
from bench.report import Row, report
from tests.rig.livekit_server import LiveKitServer
from tests.rig.photographs import REFERENCE
from tests.rig.publishing import Publishers
from tests.rig.room_giver import RoomGiver
from tests.rig.room_watchers import RoomWatchers
from tests.rig.stack import Stack

if TYPE_CHECKING:
    from collections.abc import Sequence

MB = 1024 * 1024
JOIN_SECONDS = 120.0


async def measured(counts: Sequence[int], processes: int, args: argparse.Namespace) -> list[Row]:
    """One row for each count of rooms, shared evenly."""
    with tempfile.TemporaryDirectory() as folder:
        livekit = LiveKitServer(Path(folder))
        livekit.start()
        stacks: list[Stack] = []
        try:
            async with (
                RoomGiver() as giver,
                RoomWatchers(livekit.url) as rooms,
                Publishers(livekit.url, Path(folder) / "publishers.log") as people,
            ):
                names: tuple[str, ...] = ()
                for number in range(processes):
                    home = Path(folder) / str(number)
                    home.mkdir()
                    stacks.append(Stack(home, livekit, api_base_url=giver.url, rooms="bench-*"))
                    stacks[-1].put_reference(REFERENCE)
                    stacks[-1].recognizer.start()
                    names += (await giver.worker(but=names),)
                rows = []
                for before, count in pairwise([0, 0, *counts]):
                    for number in range(before, count):  # who is in a room stays there from row to row
                        for who in range(args.cameras):
                            await people.on_air(f"bench-{number}", f"person-{who}", fps=args.fps)
                    rows.append(await _row(count, names, stacks, giver, rooms, args))
                return rows
        finally:
            for stack in stacks:
                stack.end()
            livekit.stop()


async def _row(
    count: int,
    names: tuple[str, ...],
    stacks: list[Stack],
    giver: RoomGiver,
    rooms: RoomWatchers,
    args: argparse.Namespace,
) -> Row:
    wanted = [f"bench-{number}" for number in range(count)]
    for number, room in enumerate(wanted):
        await rooms.open(room)
        giver.give(names[number % len(names)], room, 1)
    begun = asyncio.get_running_loop().time()
    await giver.until(lambda: sum(len(giver.held(name)) for name in names) == count, "all held", within=JOIN_SECONDS)
    joined = asyncio.get_running_loop().time() - begun
    await asyncio.sleep(args.settle)
    processes = [psutil.Process(stack.recognizer.pid) for stack in stacks]
    meters = [Meter(process.pid) for process in processes]
    await asyncio.sleep(args.seconds)
    return {
        "rooms": count,
        "processes": len(names),
        "cameras": count * args.cameras,
        "all_held_s": round(joined, 1),
        "memory_MB": round(sum(process.memory_info().rss for process in processes) / MB, 1),
        "core_%": round(100 * sum(meter.share for meter in meters), 2),
        "descriptors": sum(process.num_fds() for process in processes),
    }


def _each(rows: Sequence[Row]) -> list[Row]:
    """With what a room costs, against none."""
    none = rows[0]
    return [
        row
        | {
            "MB_a_room": round((row["memory_MB"] - none["memory_MB"]) / row["rooms"], 2) if row["rooms"] else None,
            "core_%_a_room": round((row["core_%"] - none["core_%"]) / row["rooms"], 3) if row["rooms"] else None,
        }
        for row in rows
    ]


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rooms", type=int, nargs="+", default=[10, 25, 50, 100])
    parser.add_argument("--processes", type=int, nargs="+", default=[1])
    parser.add_argument("--cameras", type=int, default=0, help="in each room; their encoders share the machine")
    parser.add_argument("--fps", type=float, default=10.0, help="of each camera")
    parser.add_argument("--seconds", type=float, default=20.0, help="measured for each row")
    parser.add_argument("--settle", type=float, default=25.0, help="after the last room was entered")
    args = parser.parse_args()
    rows = [row for count in args.processes for row in _each(asyncio.run(measured(args.rooms, count, args)))]
    report("rooms", rows)


if __name__ == "__main__":
    main()
