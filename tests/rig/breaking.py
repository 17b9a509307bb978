"""Whatever can be broken of a fleet is, at random moments that a seed repeats; and how long each may be felt.

Breaks overlap as they come. What a room may go without anybody is the sum of what each break allows that was felt
then, and the time for which nobody could have watched it: all recognizers, all web processes, PostgreSQL or LiveKit
were gone.
"""

from __future__ import annotations

import asyncio
import random
import signal
import time
from collections import Counter
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, TypeVar

import aiohttp

from tests.rig.waiting import unwatch

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from tests.rig.livekit_server import LiveKitServer
    from tests.rig.postgres import Postgres
    from tests.rig.running_fleet import Fleet
    from tests.rig.watch_record import Spell
    from tests.rig.web import WebProcess

_STEP_SECONDS = 0.05
_LOOK_SECONDS = 0.2
_SAMPLES_APART = 0.2
"""A gap looks longer than it was by as much."""

T = TypeVar("T")


class Part(Enum):
    """What may be broken; how many there are, `Breaking` knows."""

    RECOGNIZER = "recognizer"
    WEB = "web process"
    POSTGRESQL = "PostgreSQL"
    LIVEKIT = "LiveKit"


@dataclass
class Break:
    """One; times are `time.monotonic`."""

    name: str
    part: Part
    allows: float
    """Seconds without anybody in a room, after the break or after it was mended."""
    began: float
    target: object
    ended: float | None = None
    """None: it is not mended yet."""

    @property
    def moves_rooms(self) -> bool:
        """What web processes and PostgreSQL suffer moves none; it delays what moves others."""
        return self.part in (Part.RECOGNIZER, Part.LIVEKIT)

    def lasts(self, at: float) -> bool:
        return self.began <= at and (self.ended is None or at <= self.ended)

    def is_felt(self, spell: Spell) -> bool:
        return self.began <= spell.ended and (self.ended is None or self.ended + self.allows >= spell.began)


class Breaking:
    """Breaks one thing after another, and mends each.

    Args:
        fleet: whose processes.
        database: its server.
        livekit: its server; None: it is left alone.
        seed: of everything that is drawn.
    """

    def __init__(self, fleet: Fleet, database: Postgres, livekit: LiveKitServer | None, seed: int) -> None:
        self.breaks: list[Break] = []
        self._fleet = fleet
        self._database = database
        self._livekit = livekit
        self._draw = random.Random(seed)  # noqa: S311
        self._web = fleet.replicas.processes
        self._kinds: list[tuple[int, Callable[[], Awaitable[None]]]] = [
            (5, self._recognizer_killed),
            (4, self._recognizer_frozen),
            (4, self._recognizer_told_to_end),
            (5, self._web_killed),
            (2, self._web_frozen),
            (2, self._postgresql_restarted),
            (1 if livekit else 0, self._livekit_killed),
        ]

    @property
    def counts(self) -> dict[str, int]:
        """How often what was done."""
        return dict(Counter(one.name for one in self.breaks))

    async def run(self, seconds: float, *, apart: float) -> None:
        """Break something every now and then, `apart` seconds at most; returns when all is mended."""
        end = time.monotonic() + seconds
        async with asyncio.TaskGroup() as mending:
            while time.monotonic() < end:
                [kind] = self._draw.choices([how for _, how in self._kinds], [weight for weight, _ in self._kinds])
                mending.create_task(kind())  # type: ignore[arg-type]
                await asyncio.sleep(self._draw.uniform(0.2, apart))

    def allowed(self, gap: Spell) -> float:
        """Seconds for which nobody need have been in the room."""
        felt = [one for one in self.breaks if one.is_felt(gap)]
        if not any(one.moves_rooms for one in felt):
            return _SAMPLES_APART
        steps = int(gap.seconds / _STEP_SECONDS) + 1
        helpless = sum(self._nobody_could(felt, gap.began + step * _STEP_SECONDS) for step in range(steps))
        return sum(one.allows for one in felt) + helpless * _STEP_SECONDS + _SAMPLES_APART

    def told(self, gap: Spell) -> str:
        """A gap, and what was felt then: for a failure."""
        felt = [
            f"{one.name} {one.began - gap.began:+.1f}"
            + (f" to {one.ended - gap.began:+.1f}" if one.ended is not None else "")
            for one in self.breaks
            if one.is_felt(gap)
        ]
        return f"{gap.room}: {gap.seconds:.1f} s, allowed {self.allowed(gap):.1f}: {', '.join(felt)}"

    def _nobody_could(self, felt: list[Break], at: float) -> bool:
        gone = Counter(part for part, _ in {(one.part, one.target) for one in felt if one.lasts(at)})
        return (
            gone[Part.RECOGNIZER] == len(self._fleet.workers)
            or gone[Part.WEB] == len(self._web)
            or bool(gone[Part.POSTGRESQL] or gone[Part.LIVEKIT])
        )

    def _begin(self, name: str, part: Part, allows: float, target: object) -> Break:
        made = Break(name, part, allows, time.monotonic(), target)
        self.breaks.append(made)
        return made

    def _whole(self, part: Part, among: Iterable[T]) -> T | None:
        """One of them that is not broken now."""
        broken = [one.target for one in self.breaks if one.part is part and one.ended is None]
        found = [one for one in among if one not in broken]
        return self._draw.choice(found) if found else None

    async def _recognizer_killed(self) -> None:
        if (name := self._whole(Part.RECOGNIZER, self._fleet.workers)) is None:
            return
        broken = self._begin("recognizer SIGKILL", Part.RECOGNIZER, 5.0, name)
        self._fleet.workers[name].kill()
        await self._back(broken, name)

    async def _recognizer_told_to_end(self) -> None:
        if (name := self._whole(Part.RECOGNIZER, self._fleet.workers)) is None:
            return
        broken = self._begin("recognizer SIGTERM", Part.RECOGNIZER, 0.3, name)
        code, _ = await self._fleet.workers[name].terminate(within=30)
        assert code == 0
        await self._back(broken, name)

    async def _recognizer_frozen(self) -> None:
        if (name := self._whole(Part.RECOGNIZER, self._fleet.workers)) is None:
            return
        worker = self._fleet.workers[name]
        broken = self._begin("recognizer SIGSTOP", Part.RECOGNIZER, 6.0, name)
        worker.send(signal.SIGSTOP)
        await asyncio.sleep(self._draw.uniform(0.5, 9.0))
        worker.send(signal.SIGCONT)
        await self._fleet.beats(name, since=time.monotonic())
        broken.ended = time.monotonic()

    async def _back(self, broken: Break, name: str) -> None:
        """It begins again, sooner or later."""
        await asyncio.sleep(self._draw.uniform(0.0, 4.0))
        await self._fleet.begin(name)
        broken.ended = time.monotonic()

    async def _web_killed(self) -> None:
        if (web := self._whole(Part.WEB, self._web)) is None:
            return
        broken = self._begin("web process SIGKILL", Part.WEB, 5.0, web)
        web.process.kill()
        await asyncio.sleep(self._draw.uniform(0.0, 3.0))
        await self._start(web)
        broken.ended = time.monotonic()

    async def _web_frozen(self) -> None:
        if (web := self._whole(Part.WEB, self._web)) is None:
            return
        broken = self._begin("web process SIGSTOP", Part.WEB, 6.0, web)
        web.process.send(signal.SIGSTOP)
        await asyncio.sleep(self._draw.uniform(0.5, 8.0))
        web.process.send(signal.SIGCONT)
        broken.ended = time.monotonic()

    async def _start(self, web: WebProcess) -> None:
        """One that cannot begin while PostgreSQL is away is begun again, as systemd does."""
        while True:
            if not web.process.alive:
                web.process.start()
                unwatch(web.process)
            if await web.answers():
                return
            await asyncio.sleep(_LOOK_SECONDS)

    async def _postgresql_restarted(self) -> None:
        if self._whole(Part.POSTGRESQL, [self._database]) is None:
            return
        broken = self._begin("PostgreSQL killed", Part.POSTGRESQL, 5.0, self._database)
        await asyncio.to_thread(self._database.stop)
        await asyncio.sleep(self._draw.uniform(0.0, 3.0))
        await asyncio.to_thread(self._database.start_again)
        broken.ended = time.monotonic()

    async def _livekit_killed(self) -> None:
        """The rooms go with it; whoever was in them opens them again."""
        livekit = self._livekit
        if livekit is None or self._whole(Part.LIVEKIT, [livekit]) is None:
            return
        broken = self._begin("LiveKit SIGKILL", Part.LIVEKIT, 15.0, livekit)
        livekit.kill()
        await asyncio.sleep(self._draw.uniform(0.0, 3.0))
        await asyncio.to_thread(livekit.start)
        opened = False
        while not opened:
            try:
                await self._fleet.open_rooms()
                opened = True
            except (aiohttp.ClientError, TimeoutError):
                await asyncio.sleep(_LOOK_SECONDS)
        broken.ended = time.monotonic()
