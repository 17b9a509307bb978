"""What a participant's very large camera costs the recognizer in memory: `python -m bench.large [--help]`.

A real publisher, in a process of its own, sends 7680x4320 through its encoder to a real server, with default settings:
announced as what it is; announced as 640x360 (nobody checks what a client says of its track); and in layers, of which a
smaller one is asked for. Peaks are the kernel's own
(`VmHWM`), each of a recognizer that saw nothing else.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from pathlib import Path
from typing import Final

from livekit import rtc

from bench.live import let_pass, live_stack
from bench.report import Row, report
from tests.rig.photographs import Scene
from tests.rig.publishing import join_token

CASES: Final = {
    "nobody": (0, 0, 0, 0, False),
    "1280x720": (1280, 720, 1280, 720, False),
    "8K": (7680, 4320, 7680, 4320, False),
    "8K said to be 640x360": (7680, 4320, 640, 360, False),
    "8K in layers": (7680, 4320, 7680, 4320, True),
}
"""Size of the frames, size that is announced, whether there are layers."""


async def publish(url: str, token: str, case: str) -> None:
    """Send a case's camera until the process is ended."""
    width, height, said_width, said_height, layers = CASES[case]
    [picture] = Scene(width=width, height=height, face=height // 4).frames(1)
    frame = rtc.VideoFrame(width, height, rtc.VideoBufferType.RGBA, picture.convert("RGBA").tobytes())
    frame = frame.convert(rtc.VideoBufferType.I420)
    room = rtc.Room()
    await room.connect(url, token, rtc.RoomOptions(auto_subscribe=False))
    source = rtc.VideoSource(said_width, said_height)
    track = rtc.LocalVideoTrack.create_video_track("camera", source)
    options = rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_CAMERA, simulcast=layers)
    options.video_encoding.max_bitrate = 20_000_000
    options.video_encoding.max_framerate = 5
    await room.local_participant.publish_track(track, options)
    while True:
        source.capture_frame(frame)
        await asyncio.sleep(0.2)


def peak_mb(pid: int) -> float:
    """Most memory that the process has had resident."""
    status = Path(f"/proc/{pid}/status").read_text("ascii")
    [line] = [line for line in status.splitlines() if line.startswith("VmHWM:")]
    return int(line.split()[1]) * 1024 / 1e6


async def main(args: argparse.Namespace) -> list[Row]:
    """One recognizer for each case, so that none has the memory of another."""
    rows: list[Row] = []
    for case in args.cases:
        async with live_stack() as stack:
            pid = stack.recognizer.pid
            before = peak_mb(pid)
            publisher = None
            if case != "nobody":
                token = join_token(stack.room, case.replace(" ", "-"))
                command = [
                    sys.executable,
                    "-m",
                    "bench.large",
                    "--publish",
                    stack.environment["LIVEKIT_URL"],
                    token,
                    case,
                ]
                publisher = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.DEVNULL)
            try:
                await let_pass(args.seconds)
                heartbeat = await stack.heartbeat() or {"tracks": [], "counters": {"frames": 0}}
            finally:
                if publisher is not None:
                    publisher.kill()
                    await publisher.wait()
            [outcome] = [track["last_outcome"] for track in heartbeat["tracks"]] or ["-"]
            frames = heartbeat["counters"]["frames"]
            rows.append(
                {"case": case, "before_mb": before, "peak_mb": peak_mb(pid), "outcome": outcome, "frames": frames}
            )
    return rows


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=30, help="of each case")
    parser.add_argument("--cases", nargs="+", default=list(CASES), choices=list(CASES))
    parser.add_argument(
        "--publish", nargs=3, metavar=("URL", "TOKEN", "CASE"), help="be the publisher (used by itself)"
    )
    arguments = parser.parse_args()
    if arguments.publish:
        asyncio.run(publish(*arguments.publish))
        os._exit(0)
    report("large", asyncio.run(main(arguments)))
