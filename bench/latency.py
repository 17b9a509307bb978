"""From publishing a camera to the Match on the WebSocket: `python -m bench.latency [--help]`.

The people have joined before; the clock starts at their call to publish, in their own process, and stops when a
WebSocket client has the Match. The engine is idle, the settings are the defaults, and every camera shows the
enrolled person on another photograph than the enrolled one.
"""

from __future__ import annotations

import argparse
import asyncio
import secrets
from typing import TYPE_CHECKING

from bench.live import live_stack
from bench.report import Row, percentile, report
from tests.rig.listener import is_match
from tests.rig.photographs import SAME_PERSON, Scene
from tests.rig.waiting import wait_until

if TYPE_CHECKING:
    from tests.rig.listener import Listener
    from tests.rig.publishing import Person, Publishers
    from tests.rig.stack import Stack

SMALL = Scene(SAME_PERSON, width=640, height=360, face=110)
LARGE = Scene(SAME_PERSON, width=1280, height=720, face=220)

GIVE_UP_SECONDS = 30


async def publish_and_match(
    stack: Stack, publishers: Publishers, events: Listener, tracks: int, scene: Scene, args: argparse.Namespace
) -> list[float]:
    """`tracks` people publish at once; seconds to each one's Match."""
    people = [await publishers.join(stack.room, f"person-{secrets.token_hex(3)}") for _ in range(tracks)]
    published = await asyncio.gather(
        *(person.publish(scene, fps=args.fps, simulcast=args.simulcast) for person in people)
    )
    matches = await events.each(*(is_match(person.identity) for person in people), within=GIVE_UP_SECONDS)
    times = [match.at - track.called_at for match, track in zip(matches, published, strict=True)]
    await _all_gone(stack, people)
    return times


async def _all_gone(stack: Stack, people: list[Person]) -> None:
    for person in people:
        await person.leave()

    async def nothing_watched() -> bool:
        heartbeat = await stack.heartbeat()
        return heartbeat is not None and not heartbeat["tracks"]

    await wait_until(nothing_watched, within=GIVE_UP_SECONDS, what="the room is empty")


async def measure(args: argparse.Namespace) -> list[Row]:
    """One row for each number of tracks, and one for a single 720p track."""
    cases = [(tracks, SMALL) for tracks in args.tracks] + ([(1, LARGE)] if not args.no_720p else [])
    rows: list[Row] = []
    async with live_stack() as stack, stack.listen() as events, stack.publishers() as publishers:
        await publish_and_match(stack, publishers, events, 1, SMALL, args)  # warm
        for tracks, scene in cases:
            times: list[float] = []
            rounds = max(3, round(args.samples / tracks))
            for _ in range(rounds):
                times += await publish_and_match(stack, publishers, events, tracks, scene, args)
            rows.append(
                {
                    "tracks": tracks,
                    "size": f"{scene.width}x{scene.height}",
                    "samples": len(times),
                    "p50_s": round(percentile(times, 0.5), 3),
                    "p95_s": round(percentile(times, 0.95), 3),
                    "worst_s": round(max(times), 3),
                }
            )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tracks", type=int, nargs="*", default=[1, 4, 8, 16], help="cameras that publish at once")
    parser.add_argument("--samples", type=int, default=20, help="least Matches per row (three rounds at least)")
    parser.add_argument("--fps", type=float, default=25, help="of every camera")
    parser.add_argument("--simulcast", action="store_true", help="publish in layers, as browsers do")
    parser.add_argument("--no-720p", action="store_true", help="leave out the single 1280x720 camera")
    args = parser.parse_args()
    rows = asyncio.run(measure(args))
    report("latency", rows, fps=args.fps, simulcast=args.simulcast)


if __name__ == "__main__":
    main()
