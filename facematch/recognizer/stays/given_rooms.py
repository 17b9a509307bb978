"""A process that watches whatever rooms it is given: beats, stays, and what becomes of others' outboxes."""

from __future__ import annotations

import asyncio
import hashlib
import platform
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

import structlog

from facematch.recognizer.stays.beats import Beats, Listeners, Worker
from facematch.recognizer.stays.stay import Stay
from facematch.recognizer.stays.stays import Stays
from facematch.recognizer.wakeup import Wakeup
from facematch.runtime.descriptors import descriptors_to_use

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from facematch.recognizer.delivery.outbox_slots import Adoption
    from facematch.recognizer.process.shutdown import Shutdown
    from facematch.recognizer.stays.stay import Ground

log = structlog.get_logger(__name__)

DRAIN_SECONDS: Final = 3.5
"""How long the end waits for the rooms' next owners."""
FRAMES_A_CORE: Final = 25.0
"""That a core looks at in a second, with decoding and all the rest: the capacity of a machine that has none set."""
DESCRIPTORS_WANTED: Final = 65_536
DESCRIPTORS_A_ROOM: Final = 60
"""At most, for some 20 s after joining; later a fifth of it."""
_MANY_ROOMS: Final = 200
"""So many at once should be possible without anybody's doing."""


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """What the process says of itself."""

    name: str
    """See `worker_name`."""
    capacity: float
    """Frames a second."""
    agreed: Mapping[str, str]
    """Settings that have to be the same everywhere."""


class GivenRooms:
    """Run it as one task, then `drain` and cancel it.

    Args:
        ground: what the stays stand on.
        worker: what the process says of itself.
        adoption: takes over what others have left behind.
        shutdown: ends the process, when LiveKit refuses its credentials.
    """

    def __init__(self, ground: Ground, worker: WorkerSettings, adoption: Adoption, shutdown: Shutdown) -> None:
        changed, engine = Wakeup(), ground.shared.engine
        self._adoption = adoption
        self._stays = Stays(partial(Stay, ground=ground, changed=changed), changed, shutdown)
        self._beats = Beats(
            ground.api,
            Worker(worker.name, ground.livekit.source, worker.capacity, dict(worker.agreed) | {"MODEL": engine.model}),
            self._stays,
            changed,
            Listeners(ground.shared.gallery, ground.orders),
            engine.longest_work,
        )

    async def run(self) -> None:
        """Hold what is given, for ever; leave all at the end."""
        _prepare_descriptors()
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._beats.run(), name="beats")
                tasks.create_task(self._adoption.run(), name="adoption")
        finally:
            await self._stays.aclose()

    async def drain(self) -> None:
        """Give the rooms back while it still runs, each when its next owner is there, in a bounded time."""
        await self._beats.drain(DRAIN_SECONDS)


def worker_name(data_dir: Path, number: int) -> str:
    """The same after each start on this machine: of the machine, its data folder, and which of those in it.

    Args:
        data_dir: DATA_DIR.
        number: of the outbox in it: 1, 2 …
    """
    folder = hashlib.sha256(str(data_dir.resolve()).encode()).hexdigest()[:8]
    return f"{platform.node()[:200] or 'recognizer'}-{folder}" + (f"-{number}" if number > 1 else "")


def _prepare_descriptors() -> None:
    found = descriptors_to_use(DESCRIPTORS_WANTED)
    if found < _MANY_ROOMS * DESCRIPTORS_A_ROOM:
        log.warning(
            "This process may open so few files that it can watch only some rooms; raise the limit (ulimit -n, or "
            "LimitNOFILE= of its unit)",
            files=found,
            rooms=found // DESCRIPTORS_A_ROOM,
            wanted=DESCRIPTORS_WANTED,
        )
