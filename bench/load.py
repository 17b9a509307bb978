"""Many cameras on one recognizer: `python -m bench.load GENERATOR [--help]`.

GENERATOR is the folder of a Go program that publishes a pre-encoded file, looped, as any number of participants. No
encoder runs, so the machine's cores are left to what is measured. It is built when it is called for the first time.

A case is `NUMBER:FILE`, such as `300:obama2.ivf`, or `NUMBER:silent` for cameras that are published and send nothing;
cases joined by `+` share a room: `1:obama2.ivf+100:silent`. `8:obama2.ivf:burst` publishes them at the same moment, as
far as eight processes manage that; the others come one by one. Each is a row: from publishing until `--seconds` after
every camera that sends anything has been looked at twice.

  first_*   seconds from publishing to a camera's first Check
  match_*   seconds from publishing to a camera's first Match
  gap_*     seconds between the Checks of one camera, from its second on
  core      the recognizer's processor time as a share of one core, over the same time
  mb_each   what a camera adds to the recognizer's resident memory, in MB
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import subprocess
import tempfile
import time
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from bench.live import Meter, let_pass, live_stack
from bench.report import Row, percentile, report
from tests.rig.listener import is_check, is_match
from tests.rig.livekit_server import KEY, SECRET
from tests.rig.waiting import wait_until_true

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.rig.listener import Listener
    from tests.rig.stack import Stack

BUILD_SECONDS = 600
FIRST_SECONDS = 300
"""How long the last camera may take until it has been looked at twice."""
SETTLE_SECONDS = 3
"""After which an empty room's memory is read."""
SILENT_FPS = 0.001
"""One frame, long before anybody asks for it, and the next after a quarter of an hour."""
STOP_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Cameras:
    """One kind of camera in a case."""

    prefix: str
    count: int
    file: str
    silent: bool
    burst: bool

    @property
    def generators(self) -> list[tuple[str, int]]:
        """The name's beginning and the number of each generator's cameras."""
        if not self.burst:
            return [(self.prefix, self.count)]
        return [(f"{self.prefix}{number}-", 1) for number in range(self.count)]


@dataclass(slots=True)
class Publishing:
    """What the generators of one kind of camera have done so far."""

    at: dict[str, float] = field(default_factory=dict)
    """When each camera was published, on this process's monotonic clock."""

    async def follow(self, process: asyncio.subprocess.Process) -> None:
        """Read what one of them says until it ends."""
        assert process.stdout is not None
        between = time.monotonic() - time.time()
        async for line in process.stdout:
            word, *rest = line.decode().split()
            if word == "published":
                self.at[rest[0]] = float(rest[1]) + between


def built(folder: Path, into: Path) -> Path:
    """The generator, built from its source unless this source has been built before."""
    program = into / "camera-generator"
    newest = max(file.stat().st_mtime for file in folder.glob("*.go"))
    if not program.exists() or program.stat().st_mtime < newest:
        into.mkdir(parents=True, exist_ok=True)
        subprocess.run(["go", "build", "-o", program, "."], cwd=folder, check=True, timeout=BUILD_SECONDS)
    return program


@asynccontextmanager
async def publishing(program: Path, folder: Path, stack: Stack, cameras: Cameras) -> AsyncIterator[Publishing]:
    """The cameras, for as long as this is open."""
    published = Publishing()
    async with AsyncExitStack() as running:
        for prefix, count in cameras.generators:
            process = await _generator(program, folder, stack, cameras, prefix, count)
            running.push_async_callback(_stop, process, asyncio.create_task(published.follow(process)))
        yield published


async def _generator(
    program: Path, folder: Path, stack: Stack, cameras: Cameras, prefix: str, count: int
) -> asyncio.subprocess.Process:
    fps = ["-fps", str(SILENT_FPS)] if cameras.silent else []
    return await asyncio.create_subprocess_exec(
        program,
        *("-url", stack.environment["LIVEKIT_URL"], "-key", KEY, "-secret", SECRET, "-room", stack.room),
        *("-n", str(count), "-prefix", prefix, "-file", str(folder / cameras.file), *fps),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )


async def _stop(process: asyncio.subprocess.Process, following: asyncio.Task[None]) -> None:
    if process.returncode is None:
        os.kill(process.pid, signal.SIGINT)
    try:
        async with asyncio.timeout(STOP_SECONDS):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
    await following


async def measure(case: str, program: Path, folder: Path, args: argparse.Namespace) -> list[Row]:
    """One row for each kind of camera of a case."""
    kinds = [_cameras(number, part) for number, part in enumerate(case.split("+"))]
    async with live_stack(**dict(args.settings)) as stack, stack.listen() as events:
        await let_pass(SETTLE_SECONDS)
        meter = Meter(stack.recognizer.pid)
        empty = meter.megabytes
        published: dict[str, Publishing] = {}
        async with asyncio.TaskGroup() as running:
            over = asyncio.Event()
            for cameras in kinds:
                started: asyncio.Future[Publishing] = asyncio.get_running_loop().create_future()
                running.create_task(_on_air(program, folder, stack, cameras, started, over))
                published[cameras.prefix] = await started
            try:
                await _until_looked_at_twice(events, kinds)
                begun = time.monotonic()
                meter.start()
                await let_pass(args.seconds)
                share, memory = meter.share, meter.megabytes
            finally:
                over.set()
        total = sum(cameras.count for cameras in kinds)
        figures = {"core": share, "memory_mb": memory, "mb_each": (memory - empty) / total}
        return [
            {"case": case, "cameras": cameras.count, "of": "silent" if cameras.silent else cameras.file}
            | _times(events, published[cameras.prefix].at, begun)
            | figures
            for cameras in kinds
            if not cameras.silent or len(kinds) == 1
        ]


async def _on_air(
    program: Path,
    folder: Path,
    stack: Stack,
    cameras: Cameras,
    started: asyncio.Future[Publishing],
    over: asyncio.Event,
) -> None:
    async with publishing(program, folder, stack, cameras) as published:
        if cameras.silent:  # they are all there before anybody else comes
            await wait_until_true(
                lambda: len(published.at) == cameras.count, within=FIRST_SECONDS, what="all are published"
            )
        started.set_result(published)
        await over.wait()


async def _until_looked_at_twice(events: Listener, kinds: list[Cameras]) -> None:
    wanted = sum(cameras.count for cameras in kinds if not cameras.silent)
    sending = tuple(cameras.prefix for cameras in kinds if not cameras.silent)

    def enough() -> bool:
        checks: dict[str, int] = {}
        for received in events.of(is_check()):
            identity = received["participant_identity"]
            if identity.startswith(sending):
                checks[identity] = checks.get(identity, 0) + 1
        return sum(count >= 2 for count in checks.values()) == wanted

    if wanted:
        await wait_until_true(enough, within=FIRST_SECONDS, what="every camera has been looked at twice")


def _times(events: Listener, published: dict[str, float], begun: float) -> Row:
    first: list[float] = []
    match: list[float] = []
    gaps: list[float] = []
    for identity, at in published.items():
        checks = events.of(is_check(identity))
        matches = events.of(is_match(identity))
        first += [check.at - at for check in checks[:1]]
        match += [one.at - at for one in matches[:1]]
        gaps += [later.at - earlier.at for earlier, later in pairwise(checks) if later.at >= begun]
    row: Row = {"gaps": len(gaps)}
    for name, values, shares in (("first", first, (0.5, 1)), ("match", match, (0.5, 1)), ("gap", gaps, (0.5, 0.95, 1))):
        for share in shares:
            label = "worst" if share == 1 else f"p{share * 100:.0f}"
            row[f"{name}_{label}_s"] = round(percentile(values, share), 2) if values else None
    return row


def _cameras(number: int, part: str) -> Cameras:
    count, file, *how = part.split(":")
    silent = file == "silent"
    return Cameras(f"camera-{number}-", int(count), "empty.ivf" if silent else file, silent, "burst" in how)


def _setting(text: str) -> tuple[str, str]:
    name, _, value = text.partition("=")
    return name.lower(), value


async def main(args: argparse.Namespace) -> list[Row]:
    """The rows of all cases, each with processes of its own."""
    return [row for case in args.cases for row in await measure(case, args.program, args.generator, args)]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("generator", type=Path, help="folder of the generator: its source and its files")
    parser.add_argument("--cases", nargs="+", default=["30:obama2.ivf", "100:obama2.ivf", "300:obama2.ivf"])
    parser.add_argument("--seconds", type=float, default=60, help="how long a case is measured")
    parser.add_argument(
        "--settings", nargs="*", type=_setting, default=[], metavar="NAME=VALUE", help="that differ from the defaults"
    )
    ARGS = parser.parse_args()
    ARGS.program = built(ARGS.generator, Path(tempfile.gettempdir()) / "face-match-bench")
    report("load", asyncio.run(main(ARGS)), seconds=ARGS.seconds, settings=dict(ARGS.settings))
