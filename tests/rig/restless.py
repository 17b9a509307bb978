"""A client that pauses and resumes every track it sees, all the time: `python -m tests.rig.restless URL TOKEN`.

A process of its own, because what it looks for would end the process: a track that goes in the very moment of it.
Prints the number of requests, a line a second.
"""

from __future__ import annotations

import asyncio
import itertools
import sys

from livekit import rtc

from facematch.recognizer.room import forwarding

PAUSE_SECONDS = 0.004
WIDTH = 640


async def main(url: str, token: str) -> None:
    """For ever."""
    room = rtc.Room()
    received: set[rtc.RemoteTrackPublication] = set()
    room.on("track_published", lambda publication, _participant: forwarding.subscribe(publication, WIDTH))
    room.on("track_subscribed", lambda _track, publication, _participant: received.add(publication))
    room.on("track_unsubscribed", lambda _track, publication, _participant: received.discard(publication))
    await room.connect(url, token, rtc.RoomOptions(auto_subscribe=False))
    print("connected", flush=True)  # noqa: T201
    loop = asyncio.get_running_loop()
    requests, told = 0, loop.time()
    for turn in itertools.count():
        for publication in tuple(received):
            if turn % 2:
                forwarding.resume(publication, WIDTH)
            else:
                forwarding.pause(publication)
            requests += 1
        if loop.time() - told > 1:
            told = loop.time()
            print("requests", requests, flush=True)  # noqa: T201
        await asyncio.sleep(PAUSE_SECONDS)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
