"""Hearing the bells of the other processes on one PostgreSQL: one connection that listens, for the whole process.

Nothing is read from it but that something has changed. Whoever is rung for looks by itself every `LOOK_SECONDS`, too,
and when the connection was made anew, so that a bell that was lost is heard late and never not at all. The connection
is tried by a bell of its own: a pooler that shares connections out by transaction takes LISTEN, and passes nothing on.

On SQLite there is nobody else, and nothing is done.
"""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

import sqlalchemy as sa
import structlog
from sqlalchemy.exc import SQLAlchemyError

from facematch.runtime.backoff import full_jitter
from facematch.runtime.meanwhile import meanwhile
from facematch.server.storage.bell import CHANNEL, Bell
from facematch.server.storage.database import is_sqlite, make_engine, reason_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from sqlalchemy.ext.asyncio import AsyncConnection

log = structlog.get_logger(__name__)

LOOK_SECONDS: Final = 2.0
PROBE_SECONDS: Final = 5.0
"""How often the connection is tried, and how long its own bell may take."""
_FIRST_RETRY_SECONDS: Final = 0.2
_LAST_RETRY_SECONDS: Final = 5.0
_PROBE: Final = "probe "


class SilentError(OSError):
    """The connection passes no bell on."""


class Doorbell:
    """See the module.

    Args:
        url: of the database, as `Database` takes it, on a way without a pooler.
        is_known: of a bell and the server's process that rings it: what it says is known here already.
    """

    def __init__(self, url: str, is_known: Callable[[Bell, int], bool] = lambda _bell, _pid: False) -> None:
        self._url = url
        self._is_known = is_known
        self._answers: dict[Bell, list[Callable[[], None]]] = defaultdict(list)
        self._called: list[_Called] = []
        self._own = _PROBE + uuid4().hex
        self._back = asyncio.Event()
        self._well = True
        self.lag: float | None = None
        """Seconds that a bell of this process took to itself, the last time it was tried; None: it never came."""

    @property
    def rings(self) -> bool:
        """Whether there are other processes that may ring: on SQLite there are none."""
        return not is_sqlite(self._url)

    def answered_by(self, bell: Bell, answer: Callable[[], None]) -> None:
        """Have something called when it rings, and from time to time. It must not wait.

        Args:
            bell: which.
            answer: finds out by itself what has changed.
        """
        self._answers[bell].append(answer)

    def runs(self, bell: Bell, work: Callable[[], Awaitable[object]]) -> None:
        """The same for what takes its time: it runs one at a time, and once more when it rang meanwhile.

        Args:
            bell: which.
            work: finds out what has changed; a database that is away is no matter, it is called again.
        """
        called = _Called(bell, work)
        self._called.append(called)
        self.answered_by(bell, called.news.set)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Listen while this is open."""
        if not self.rings:
            yield
            return
        answering = ((f"answers to {called.bell}", called.run()) for called in self._called)
        async with meanwhile(*answering, ("doorbell", self._listen()), ("looks without a bell", self._look())):
            yield

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            self._answer_all()

    async def _listen(self) -> None:
        attempt = 0
        while True:
            try:
                async with self._connected() as connection:
                    self._answer_all()  # what was rung while nobody listened
                    while True:
                        await self._probe(connection)
                        attempt = 0
                        self._note(None)
                        await asyncio.sleep(PROBE_SECONDS)
            except (SQLAlchemyError, OSError) as error:  # TimeoutError is an OSError
                self.lag = None
                self._note(error)
            except Exception:
                log.exception("The doorbell failed")
            attempt += 1
            await asyncio.sleep(full_jitter(attempt, _FIRST_RETRY_SECONDS, _LAST_RETRY_SECONDS))

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[AsyncConnection]:
        engine = make_engine(self._url, writes=False, connections=1)
        try:
            async with engine.connect() as connection:
                await connection.execution_options(isolation_level="AUTOCOMMIT")
                raw: Any = (await connection.get_raw_connection()).driver_connection
                await raw.add_listener(CHANNEL, self._heard)
                try:
                    yield connection
                finally:
                    with suppress(Exception):  # it may be gone
                        raw.terminate()
                    await connection.invalidate()
        finally:
            await engine.dispose()

    async def _probe(self, connection: AsyncConnection) -> None:
        self._back.clear()
        begun = time.monotonic()
        async with asyncio.timeout(PROBE_SECONDS):
            await connection.execute(sa.select(sa.func.pg_notify(CHANNEL, self._own)))
            try:
                async with asyncio.timeout(PROBE_SECONDS - 1):
                    await self._back.wait()
            except TimeoutError:
                raise SilentError("a bell does not come back: set DATABASE_DIRECT_URL past the pooler") from None
        self.lag = time.monotonic() - begun

    def _heard(self, _connection: Any, pid: int, _channel: str, payload: str) -> None:
        if payload == self._own:
            self._back.set()
            return
        with suppress(ValueError):  # another's probe, or a bell of a newer version
            if not self._is_known(bell := Bell(payload), pid):
                self._answer(bell)

    def _answer_all(self) -> None:
        for bell in self._answers:
            self._answer(bell)

    def _answer(self, bell: Bell) -> None:
        for answer in self._answers[bell]:
            try:
                answer()
            except Exception:
                log.exception("A bell was not answered", bell=str(bell))

    def _note(self, error: BaseException | None) -> None:
        """One line when it falls silent and one when it is back."""
        if error is not None and self._well:
            reason = str(error) if isinstance(error, SilentError) else reason_of(error)
            log.warning("The other processes' bells are not heard; looking every 2 s instead", reason=reason)
        elif error is None and not self._well:
            log.info("The other processes' bells are heard again")
        self._well = error is None


class _Called:
    def __init__(self, bell: Bell, work: Callable[[], Awaitable[object]]) -> None:
        self.bell = bell
        self.news = asyncio.Event()
        self._work = work

    async def run(self) -> None:
        while True:
            await self.news.wait()
            self.news.clear()
            try:
                await self._work()
            except OSError as error:
                log.debug("What was rung for cannot be read now", bell=str(self.bell), reason=str(error))
            except Exception:
                log.exception("What was rung for failed", bell=str(self.bell))
