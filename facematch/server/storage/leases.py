"""Work that one process does at a time: who does it stands in a row, which is good for ten seconds by the database's
clock and is renewed four times as often.

A process that stands still for longer and goes on may believe for a moment that it still does the work. So whatever
moves by such work moves by a comparison with where it stood, or is harmless when it is done twice.

On SQLite there is one process, and it does everything.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
import time
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import sqlalchemy as sa
import structlog
from sqlalchemy.dialects.postgresql import insert

from facematch.server.storage.schema import leases

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from sqlalchemy.ext.asyncio import AsyncConnection

    from facematch.server.storage.database import Database

log = structlog.get_logger(__name__)

LEASE_SECONDS: Final = 10.0
RENEW_SECONDS: Final = 2.5
TRY_SECONDS: Final = 1.0
"""How often whoever does not have a lease tries for it."""
MARGIN_SECONDS: Final = 1.0
"""How long before its end by our clock we stop: the two clocks run, and a stop takes a moment."""
LET_GO_SECONDS: Final = 2.0
"""How long an end may take to give a lease back."""


class Leases:
    """The leases of one process.

    Args:
        database: opened by whoever opens the event log.
        holder: who this process is; another for every start.
        monotonic: seconds; injected by tests.
    """

    def __init__(
        self, database: Database, holder: str | None = None, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._database = database
        self._holder = holder or f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(8)}"
        self._now = monotonic
        self._until: dict[str, float] = {}
        """Of what this process holds: until when, on its own clock."""

    @property
    def shared(self) -> bool:
        """Whether there may be other processes."""
        return self._database.shared

    def holds(self, name: str) -> bool:
        """Whether this process does that work now, as far as it knows."""
        return not self.shared or self._until.get(name, 0.0) > self._now()

    async def take(self, name: str) -> int | None:
        """Take a lease that is free or over, or renew one that this process has.

        Returns:
            Its epoch: higher by one whenever somebody else takes it. None: another process has it.

        Raises:
            LogUnavailableError: it is not known who has it.
        """
        if not self.shared:
            return 1
        begun = self._now()

        async def work(connection: AsyncConnection) -> int | None:
            row = insert(leases).values(name=name, holder=self._holder, epoch=1, until=_end())
            ours = leases.c.holder == self._holder
            taken = row.on_conflict_do_update(
                index_elements=[leases.c.name],
                set_={
                    "holder": self._holder,
                    "epoch": leases.c.epoch + sa.case((ours, 0), else_=1),
                    "until": _end(),
                },
                where=ours | (leases.c.until < sa.func.clock_timestamp()),
            )
            epoch: int | None = await connection.scalar(taken.returning(leases.c.epoch))
            return epoch

        epoch = await self._database.aside(work)
        if epoch is None:
            self._until.pop(name, None)
        else:
            self._until[name] = begun + LEASE_SECONDS - MARGIN_SECONDS
        return epoch

    async def let_go(self, name: str) -> None:
        """Give a lease back; harmless without one.

        Raises:
            LogUnavailableError: it ends by itself.
        """
        if not self.shared:
            return
        self._until.pop(name, None)
        mine = (leases.c.name == name) & (leases.c.holder == self._holder)
        over = sa.update(leases).where(mine).values(until=sa.func.clock_timestamp())

        async def work(connection: AsyncConnection) -> None:
            await connection.execute(over)

        await self._database.aside(work)

    async def while_held(self, name: str, work: Callable[[int], Awaitable[None]]) -> None:
        """Do something whenever, and for as long as, this process holds the lease: for ever. Cancel it.

        Args:
            name: of the lease.
            work: begun with the lease's epoch, and cancelled when the lease is lost. When it ends by itself it is not
                begun again as long as the lease is held.
        """
        if not self.shared:
            await work(1)
            return
        while True:
            try:
                epoch = await self.take(name)
            except OSError:
                epoch = None
            if epoch is None:
                await asyncio.sleep(TRY_SECONDS)
                continue
            log.info("This process does it from now on", work=name, epoch=epoch)
            try:
                await self._do(name, work, epoch)
            except asyncio.CancelledError:
                with suppress(OSError, TimeoutError):
                    async with asyncio.timeout(LET_GO_SECONDS):
                        await self.let_go(name)
                raise
            log.warning("This process does it no longer: it was not heard of in time", work=name, epoch=epoch)

    async def _do(self, name: str, work: Callable[[int], Awaitable[None]], epoch: int) -> None:
        task = asyncio.create_task(_logged(name, work, epoch), name=name)
        try:
            while (left := self._until.get(name, 0.0) - self._now()) > 0:
                await asyncio.sleep(min(RENEW_SECONDS, left))
                with suppress(OSError):  # tried again, for as long as it is ours
                    async with asyncio.timeout(RENEW_SECONDS):
                        await self.take(name)
        finally:
            task.cancel()
            await asyncio.wait([task])


async def _logged(name: str, work: Callable[[int], Awaitable[None]], epoch: int) -> None:
    try:
        await work(epoch)
    except Exception:
        log.exception("What one process does at a time has failed", work=name)


def _end() -> sa.ColumnElement[object]:
    return sa.func.clock_timestamp() + timedelta(seconds=LEASE_SECONDS)
