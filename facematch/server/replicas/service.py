"""Settings that have to be alike and are not: told in the log, in the status and on the page, for as long as it is so.

Recognizers are compared with this process; web processes with each other.
"""

from __future__ import annotations

import asyncio
import socket
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Final
from uuid import uuid4

import structlog

from facematch.runtime.meanwhile import meanwhile
from facematch.server.assignment import agreement
from facematch.server.recognizers.registry import ONLINE_SECONDS
from facematch.server.replicas.store import ReplicaStore
from facematch.server.web.shutdown import running_uvicorn

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence

    from facematch.server.assignment.service import Assignment
    from facematch.server.recognizers.registry import Recognizers
    from facematch.server.replicas.store import Replica
    from facematch.server.storage.database import Database

log = structlog.get_logger(__name__)

LOOK_SECONDS: Final = 5.0
_GOODBYE_SECONDS: Final = 1.0


class Agreement:
    """See the module.

    Args:
        database: of the event log.
        alike: how this process is set, of what web processes have to have alike. Asked once: it takes its time.
        agreed: the same of what recognizers have to have alike with it.
        recognizers: what they say of themselves, where each has a room of its own.
        assignment: the same where rooms are given to them.
    """

    def __init__(
        self,
        database: Database,
        alike: Callable[[], Mapping[str, str]],
        agreed: Mapping[str, str],
        recognizers: Recognizers,
        assignment: Assignment,
    ) -> None:
        self._store = ReplicaStore(database, uuid4().hex)
        self._alike = alike
        self._agreed = agreed
        self._recognizers = recognizers
        self._assignment = assignment
        self._others: Sequence[Replica] = ()
        self._here: Mapping[str, str] = {}
        self._told: frozenset[str] = frozenset()

    def differing(self) -> list[str]:
        """A sentence for each setting and process."""
        return sorted({*self._of_recognizers(), *self._of_others()})

    def of(self, settings: Mapping[str, str]) -> list[str]:
        """In which of these a recognizer differs."""
        return [*agreement.differences(settings, self._agreed).values()]

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Look while this is open."""
        try:
            async with meanwhile(("settings of other processes", self._run())):
                yield
        finally:
            with suppress(OSError, TimeoutError):
                async with asyncio.timeout(_GOODBYE_SECONDS):
                    await self._store.leave()

    async def _run(self) -> None:
        server = running_uvicorn()
        name = socket.gethostname() + (f":{server.config.port}" if server is not None else "")
        if self._store.shared:  # nobody else is asked otherwise
            self._here = await asyncio.to_thread(self._alike)
        while True:
            try:
                self._others = await self._store.others(name, self._here)
            except OSError as error:
                log.debug("It cannot be read which web processes there are", reason=str(error))
            except Exception:
                log.exception("It cannot be read which web processes there are")
            self.tell()
            await asyncio.sleep(LOOK_SECONDS)

    def tell(self) -> None:
        """One line for each that is new, and one when none is left."""
        now = frozenset(self.differing())
        for sentence in sorted(now - self._told):
            log.warning("Settings differ that have to be alike", what=sentence)
        if self._told and not now:
            log.info("Settings that have to be alike are again")
        self._told = now

    def _of_recognizers(self) -> Iterator[str]:
        for worker in self._assignment.latest.workers.values():
            if worker.age <= ONLINE_SECONDS:
                yield from worker.settings_differ
        for heartbeat, age in self._recognizers.all():
            if age <= ONLINE_SECONDS:
                yield from self.of(heartbeat.agreed)

    def _of_others(self) -> Iterator[str]:
        for other in self._others:
            for name in sorted(other.settings.keys() & self._here.keys()):
                if other.settings[name] != self._here[name]:
                    yield agreement.sentence_of_others(name, other.name, other.settings[name], self._here[name])
