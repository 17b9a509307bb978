"""Where it stands which recognizer has which room.

In PostgreSQL all of it stands in the database, whose clock says who is silent: any web process takes any beat, each in
one transaction. Beside a SQLite file there is one web process, and it has the beats in memory: what is written is only
who is given a room, and who has come into it.
"""

from __future__ import annotations

import asyncio
import math
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

import sqlalchemy as sa

from facematch.runtime.clock import wall_clock
from facematch.server.assignment import store
from facematch.server.assignment.reconciling import Outcome, RoomState, Round, WorkerState, reconcile
from facematch.server.storage.database import Database, is_sqlite

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from datetime import datetime

    from sqlalchemy.ext.asyncio import AsyncConnection

    from facematch.protocol.beat import Beat


@dataclass(frozen=True, slots=True)
class Ruling:
    """What is said of a beat before it is reconciled."""

    judges: bool
    """Whether the silent may be taken for dead."""
    refusal: str | None = None
    settings_differ: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Standing:
    """Everybody and everything at one moment."""

    workers: Mapping[str, WorkerState]
    rooms: Mapping[str, RoomState]

    def planned(self, worker: str | None = None) -> float:
        """Frames a second that rooms need: those of a worker, or all."""
        return math.fsum(room.cost or 0.0 for room in self.rooms.values() if worker in (None, room.owner))

    def is_watched(self, room: RoomState) -> bool:
        """Whether its owner is in it, and was heard of just now."""
        owner = self.workers.get(room.owner or "")
        return room.arrived and owner is not None and owner.alive

    def boots(self) -> dict[str, str]:
        """Of each room that has an owner that is known, the owner's boot."""
        owned = ((room.name, self.workers.get(room.owner or "")) for room in self.rooms.values())
        return {room: owner.boot for room, owner in owned if owner is not None}


class Book(Protocol):
    """See the module. Every method raises `LogUnavailableError` when the database is away; nothing has changed then."""

    async def open(self) -> str:
        """Make it ready. Returns the deployment's name. May be tried again, and asked again."""
        ...

    async def aclose(self) -> None:
        """Let go of everything."""
        ...

    async def take(self, beat: Beat, ruling: Ruling) -> tuple[Outcome, Mapping[str, RoomState]]:
        """Reconcile a beat. Returns what came of it, and the rooms as they are now."""
        ...

    async def standing(self) -> Standing:
        """How it stands now."""
        ...

    async def found(self, names: Collection[str], *, whole: bool) -> store.Found:
        """Take rooms that LiveKit has; `whole`: there are no others."""
        ...

    async def forget(self) -> None:
        """Remove what is of no use any more."""
        ...

    async def clocks(self, connection: AsyncConnection, boots: Collection[str]) -> Mapping[str, float]:
        """Seconds by which workers' clocks are ahead of ours, by boot."""
        ...


def book_of(database: Database, monotonic: Callable[[], float] = time.monotonic) -> Book:
    """The one for a database.

    Args:
        database: of the event log.
        monotonic: seconds; injected by tests.
    """
    return MemoryBook(database, monotonic) if is_sqlite(database.url) else SqlBook(database.url)


class SqlBook:
    """On PostgreSQL, over two connections of its own: a beat waits for no event, and for nobody who reads the log.

    Args:
        url: of the database.
    """

    def __init__(self, url: str) -> None:
        self._database = Database(url, readers=1)
        self._open = False

    async def open(self) -> str:
        """See `Book`."""
        if not self._open:
            self._database.open()
            self._open = True
        return await self._database.write(store.deployment_name)

    async def aclose(self) -> None:
        """See `Book`."""
        self._open = False
        await self._database.aclose()

    async def take(self, beat: Beat, ruling: Ruling) -> tuple[Outcome, Mapping[str, RoomState]]:
        """See `Book`."""

        async def work(connection: AsyncConnection) -> tuple[Outcome, Mapping[str, RoomState]]:
            now = await _now(connection)
            workers, rooms = await store.all_workers(connection), await store.all_rooms(connection)
            outcome = reconcile(beat, _round(workers, rooms, now, ruling))
            if outcome.heard is not None:
                await store.keep_worker(connection, outcome.heard)
            outcome = store.kept_claims(outcome, await store.still_so(connection, outcome, rooms))
            await store.write(connection, outcome, now)
            return outcome, after(rooms, outcome)

        return await self._database.write(work)

    async def standing(self) -> Standing:
        """See `Book`."""

        async def work(connection: AsyncConnection) -> Standing:
            return Standing(await store.all_workers(connection), await store.all_rooms(connection))

        return await self._database.read(work)

    async def found(self, names: Collection[str], *, whole: bool) -> store.Found:
        """See `Book`."""

        async def work(connection: AsyncConnection) -> store.Found:
            return await store.found(connection, names, await _now(connection), whole=whole)

        return await self._database.write(work)

    async def forget(self) -> None:
        """See `Book`."""

        async def work(connection: AsyncConnection) -> None:
            await store.forget(connection, await _now(connection))

        await self._database.write(work)

    async def clocks(self, connection: AsyncConnection, boots: Collection[str]) -> Mapping[str, float]:
        """See `Book`."""
        return await store.clocks(connection, boots)


class MemoryBook:
    """Beside a SQLite file.

    Args:
        database: of the event log, opened with it.
        monotonic: seconds.
        now: aware time; injected by tests.
    """

    def __init__(
        self, database: Database, monotonic: Callable[[], float], now: Callable[[], datetime] = wall_clock
    ) -> None:
        self._database = database
        self._monotonic = monotonic
        self._now = now
        self._workers: dict[str, tuple[WorkerState, float]] = {}
        """And when each was heard of last."""
        self._rooms: dict[str, RoomState] = {}
        self._open = False
        self._one_at_a_time = asyncio.Lock()

    async def open(self) -> str:
        """See `Book`. Who has what is in the file; whether they are still there, their next beats say."""
        name = await self._database.write(store.deployment_name)
        async with self._one_at_a_time:
            if not self._open:
                self._rooms = await self._database.read(store.all_rooms)
                self._open = True
        return name

    async def aclose(self) -> None:
        """See `Book`."""
        self._open = False

    async def take(self, beat: Beat, ruling: Ruling) -> tuple[Outcome, Mapping[str, RoomState]]:
        """See `Book`."""
        async with self._one_at_a_time:
            now = self._now()
            outcome = reconcile(beat, _round(self._known(), self._rooms, now, ruling))
            if outcome.freed or outcome.claims or outcome.arrivals:

                async def work(connection: AsyncConnection) -> None:
                    await store.write(connection, outcome, now)

                await self._database.write(work)
            if outcome.heard is not None:
                # Another one: `clocks` may read it in the thread of a transaction at this moment.
                self._workers = {**self._workers, outcome.heard.name: (outcome.heard, self._monotonic())}
            self._rooms = after(self._rooms, outcome)
            return outcome, self._rooms

    async def standing(self) -> Standing:
        """See `Book`."""
        return Standing(self._known(), self._rooms)

    async def found(self, names: Collection[str], *, whole: bool) -> store.Found:
        """See `Book`. Nothing is asked of the file when nothing is new."""
        async with self._one_at_a_time:
            if self._rooms.keys() >= {*names} and not (whole and self._rooms.keys() - {*names}):
                return store.Found()

            async def work(connection: AsyncConnection) -> tuple[store.Found, dict[str, RoomState]]:
                found = await store.found(connection, names, self._now(), whole=whole)
                return found, await store.all_rooms(connection)

            found, rooms = await self._database.write(work)
            self._rooms = {name: self._rooms.get(name, room) for name, room in rooms.items()}
            return found

    async def forget(self) -> None:
        """See `Book`."""

        async def work(connection: AsyncConnection) -> None:
            await store.forget(connection, self._now())

        await self._database.write(work)
        owners = {room.owner for room in self._rooms.values()}
        oldest = self._monotonic() - store.FORGOTTEN.total_seconds()
        self._workers = {name: one for name, one in self._workers.items() if one[1] >= oldest or name in owners}

    async def clocks(self, connection: AsyncConnection, boots: Collection[str]) -> Mapping[str, float]:  # noqa: ARG002
        """See `Book`."""
        return {one.boot: one.clock_ahead for one, _ in self._workers.values() if one.boot in boots}

    def _known(self) -> dict[str, WorkerState]:
        now = self._monotonic()
        return {name: replace(one, age=max(0.0, now - at)) for name, (one, at) in self._workers.items()}


def after(rooms: Mapping[str, RoomState], outcome: Outcome) -> dict[str, RoomState]:
    """The rooms as they are once all of an outcome has been written."""
    changed = (*outcome.rooms, *(move.room for move in (*outcome.freed, *outcome.claims)))
    now = {**rooms, **{room.name: room for room in changed}}
    return {name: room for name, room in now.items() if room.there}


def _round(workers: Mapping[str, WorkerState], rooms: Mapping[str, RoomState], now: datetime, ruling: Ruling) -> Round:
    return Round(workers, rooms, now, ruling.judges, ruling.refusal, ruling.settings_differ)


async def _now(connection: AsyncConnection) -> datetime:
    """The database's clock, which all web processes have in common."""
    now: datetime = (await connection.execute(sa.select(sa.func.clock_timestamp()))).scalar_one()
    return now
