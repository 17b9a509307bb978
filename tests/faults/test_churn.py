"""People come and go in every way there is: nothing of them stays, and nobody else notices."""

from __future__ import annotations

import asyncio
import random
import time
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from tests.rig.crowd import SMALL
from tests.rig.figures import total
from tests.rig.listener import between, is_check, is_match
from tests.rig.photographs import STRANGER, Scene
from tests.rig.waiting import wait_until

if TYPE_CHECKING:
    from tests.faults.conftest import Scale
    from tests.rig.livekit_server import LiveKitServer
    from tests.rig.publishing import Publishers
    from tests.rig.stack import Stack
    from tests.rig.stacks import MakeStack

SEED = 20250926
FIRST = 30
AT_ONCE = 4
STEADY_HOLD = 1.0
STEADY_GAP = 8.0
"""Longest time between two Checks of the one who stays: a hold, a batch, and a busy machine."""
BACK_SECONDS = 15.0
SETTLED_SECONDS = 45.0
"""Whenever the SDK connects to LiveKit anew, as it does when a busy machine has kept it from answering, it asks for the
addresses of STUN servers: some thirty sockets to port 53, which go with the answers, or after 10 to 20 s without.
"""
POOL = 5
"""Threads that may begin later: one has, by then."""
UNNOTICED_SECONDS = 40.0
"""How long LiveKit may take to notice that a killed client has gone."""
STRANGER_SMALL = Scene(STRANGER, width=320, height=180, face=90)


@dataclass(frozen=True)
class Footprint:
    """What the recognizer holds: as it says itself, as the machine sees it, and as LiveKit does (subscriptions)."""

    tracks: int
    tasks: int
    streams: int
    subscriptions: int
    files: dict[int, str] = field(repr=False)
    threads: int
    memory_mb: float

    @classmethod
    async def at_rest(cls, stack: Stack, livekit: LiveKitServer) -> Footprint | None:
        """None while a batch is at work, or one was when the recognizer last said something."""
        heartbeat = await stack.heartbeat()
        if heartbeat is None or [track["state"] for track in heartbeat["tracks"]] != ["hold"]:
            return None
        process = psutil.Process(stack.recognizer.pid)
        return cls(
            tracks=len(heartbeat["tracks"]),
            tasks=heartbeat["counters"]["tasks"],
            streams=heartbeat["counters"]["streams_open"],
            subscriptions=round(await total(livekit.figures_url, "livekit_track_subscribed_total")),
            files=_open_files(process),
            threads=process.num_threads(),
            memory_mb=round(process.memory_info().rss / 2**20),
        )

    def as_small_as(self, other: Footprint) -> bool:
        """Connections to the API and threads of the SDK's pool come and go by themselves; the event loop's own pool has
        a thread more whenever all are busy, six at most."""
        same = ("tracks", "tasks", "streams", "subscriptions")
        return (
            all(getattr(self, name) <= getattr(other, name) for name in same)
            and len(self.files) <= len(other.files) + 2
            and self.threads <= other.threads + 1 + POOL
        )

    def opened_since(self, other: Footprint) -> dict[int, str]:
        """Files and sockets that were not there then."""
        return {number: name for number, name in self.files.items() if name != other.files.get(number)}


async def test_comings_and_goings_leave_nothing(
    own_livekit: LiveKitServer, make_stack: MakeStack, scale: Scale, figure: dict[str, object]
) -> None:
    stack = make_stack(own_livekit, hold_seconds=STEADY_HOLD, wait_seconds=0.5, max_active_batches=8)
    await stack.start()
    chance = random.Random(SEED)  # noqa: S311  (a course that the next run repeats, no secrets)
    visits = scale(40, 1000)
    async with stack.publishers() as home, stack.listen() as events:
        await home.on_air(stack.room, "steady", SMALL, fps=8)
        await events.next(is_match("steady"), within=FIRST)
        async with stack.publishers() as visitors:  # once through everything, so that pools have their size
            await asyncio.gather(*(_visit(visitors, stack.room, f"first-{n}", chance) for n in range(AT_ONCE)))
        await _alone(stack, within=UNNOTICED_SECONDS)

        async def in_hold() -> Footprint | None:
            found = await Footprint.at_rest(stack, own_livekit)
            return found if found is not None and found.streams == 0 else None

        before = await wait_until(in_hold, within=BACK_SECONDS, what="the one who stays is in HOLD")

        begun = time.monotonic()
        rounds = scale(1, 5)
        for number in range(rounds):
            await _crowd(stack, visits // rounds, f"visitor-{number}", chance)
        lasted = time.monotonic() - begun
        await _alone(stack, within=UNNOTICED_SECONDS)

        deadline = time.monotonic() + SETTLED_SECONDS
        while not ((after := await Footprint.at_rest(stack, own_livekit)) and after.as_small_as(before)):
            files = after and (len(after.files), len(before.files), after.opened_since(before))
            assert time.monotonic() < deadline, f"{after} instead of {before}; files, before, new: {files}"
            await asyncio.sleep(0.05)
        checks = [check for check in events.of(is_check("steady")) if check.at >= begun]
        longest = max(between(earlier, later) for earlier, later in pairwise(checks))
        seen = {event["participant_identity"] for event in events.received}
    figure.update(
        before=before, after=after, seconds=round(lasted), longest_gap=round(longest, 2), probed=len(seen) - 1
    )
    figure["files"] = f"{len(before.files)}, then {len(after.files)}"
    assert longest <= STEADY_GAP
    assert len(seen) > visits / 4  # most do not stay long enough
    assert "Traceback" not in stack.recognizer.output()


def _open_files(process: psutil.Process) -> dict[int, str]:
    """What each descriptor leads to (Linux); nothing where nobody may look but root."""
    found = {}
    try:
        sockets = {one.fd: one for one in process.net_connections("all")}
        for descriptor in Path(f"/proc/{process.pid}/fd").iterdir():
            number = int(descriptor.name)
            with suppress(FileNotFoundError):  # closed meanwhile
                found[number] = str(descriptor.readlink())
            if one := sockets.get(number):
                ends = " > ".join(f"{end.ip}:{end.port}" if end else "?" for end in (one.laddr, one.raddr))
                found[number] = f"{one.type.name} {one.status} {ends}"
    except (PermissionError, psutil.AccessDenied):
        return {}
    return found


async def _alone(stack: Stack, *, within: float) -> None:
    async def alone() -> bool:
        assert stack.recognizer.alive, stack.recognizer.tail()
        heartbeat = await stack.heartbeat()
        return heartbeat is not None and len(heartbeat["tracks"]) == 1

    await wait_until(alone, within=within, what="only the one who stays is left")


async def _crowd(stack: Stack, visits: int, name: str, chance: random.Random) -> None:
    """`AT_ONCE` side by side; at the end those who are there are killed together."""
    waiting = iter(range(visits))
    async with stack.publishers() as visitors:

        async def queue() -> None:
            for number in waiting:
                await _visit(visitors, stack.room, f"{name}-{number}", chance)

        await asyncio.gather(*(queue() for _ in range(AT_ONCE)))
        for number in range(AT_ONCE):
            await visitors.on_air(stack.room, f"{name}-killed-{number}", SMALL, fps=8)
        psutil.Process(visitors.pid).kill()


async def _visit(visitors: Publishers, room: str, identity: str, chance: random.Random) -> None:
    """Somebody joins, does something, and goes."""
    scene = chance.choice((SMALL, STRANGER_SMALL))
    person = await visitors.on_air(room, identity, scene, fps=8)
    for _ in range(chance.randrange(3)):
        await asyncio.sleep(chance.uniform(0.0, 0.6))
        match chance.choice(("mute", "republish", "rejoin", "nothing")):
            case "mute":
                await person.mute()
                await asyncio.sleep(chance.uniform(0.0, 0.3))
                await person.unmute()
            case "republish":
                await person.unpublish()
                await person.publish(scene, fps=8)
            case "rejoin":  # the same identity again: LiveKit turns the former client out
                former, person = person, await visitors.on_air(room, identity, scene, fps=8)
                await former.leave()
            case _:
                pass
    await asyncio.sleep(chance.uniform(0.0, 1.0))
    await person.leave()
