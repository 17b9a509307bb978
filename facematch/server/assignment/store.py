"""Rooms and workers in the database."""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa

from facematch.server.assignment.reconciling import RoomState, WorkerState
from facematch.server.assignment.sharing import LIVES_SECONDS
from facematch.server.storage.database import insert_into
from facematch.server.storage.schema import deployment, room_arrivals, rooms, workers

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from datetime import datetime

    from sqlalchemy.ext.asyncio import AsyncConnection

    from facematch.server.assignment.reconciling import Move, Outcome

KEPT: Final = timedelta(days=30)
"""How long a room that is gone is remembered, and who had it: events of it may wait in an outbox."""
FORGOTTEN: Final = timedelta(hours=1)
"""How long a worker that is silent is shown."""

_ONLY: Final = 1
_AGE: Final = sa.extract("epoch", sa.func.clock_timestamp() - workers.c.beat)


async def deployment_name(connection: AsyncConnection) -> str:
    """This installation's; made up when there is none yet."""
    made = insert_into(connection, deployment).values(id=_ONLY, name=secrets.token_hex(4))
    await connection.execute(made.on_conflict_do_nothing())
    name: str = (await connection.execute(sa.select(deployment.c.name))).scalar_one()
    return name


async def all_rooms(connection: AsyncConnection) -> dict[str, RoomState]:
    """Those that are there."""
    found = await connection.execute(sa.select(rooms).where(rooms.c.gone_at.is_(None)))
    return {row["room"]: _room(row) for row in found.mappings()}


async def all_workers(connection: AsyncConnection) -> dict[str, WorkerState]:
    """Those of the last hour. PostgreSQL only."""
    found = await connection.execute(sa.select(workers, _AGE.label("age")))
    return {row["name"]: _worker(row) for row in found.mappings()}


async def keep_worker(connection: AsyncConnection, worker: WorkerState) -> None:
    """That it was heard of now. PostgreSQL only."""
    row = {
        "boot": worker.boot,
        "beat": sa.func.clock_timestamp(),
        "rounds": worker.rounds,
        "capacity": worker.capacity,
        "draining": worker.draining,
        "sent_at": worker.sent_at,
        "clock_ahead": worker.clock_ahead,
        "settings_differ": json.dumps(worker.settings_differ),
        "version": worker.version,
    }
    kept = insert_into(connection, workers).values(name=worker.name, **row)
    await connection.execute(kept.on_conflict_do_update(index_elements=[workers.c.name], set_=row))


async def still_so(connection: AsyncConnection, outcome: Outcome, before: Mapping[str, RoomState]) -> set[str]:
    """Of the rooms that a beat changes those that nobody else has changed or is changing; they are locked for it.

    Nobody waits for a lock here, so nobody can wait for another who waits for them. PostgreSQL only.
    """
    silent = {move.room.name for move in outcome.claims if move.reason == "silent"}
    names = {room.name for room in outcome.rooms} | {move.room.name for move in (*outcome.freed, *outcome.claims)}
    if not names:
        return set()
    asked = sa.select(rooms.c.room, rooms.c.epoch, rooms.c.owner, rooms.c.gone_at, _AGE.label("age"))
    joined = asked.select_from(rooms.outerjoin(workers, workers.c.name == rooms.c.owner))
    locked = joined.where(rooms.c.room.in_(names)).with_for_update(of=rooms, skip_locked=True)
    found = (await connection.execute(locked)).all()
    return {
        row.room
        for row in found
        if (row.epoch, row.owner) == (before[row.room].epoch, before[row.room].owner)
        and row.gone_at is None
        and not (row.room in silent and row.age is not None and row.age <= LIVES_SECONDS)  # it has spoken meanwhile
    }


async def write(connection: AsyncConnection, outcome: Outcome, now: datetime) -> None:
    """What a beat changes in rooms."""
    moved = [move.room for move in (*outcome.freed, *outcome.claims)]
    changed = {room.name: room for room in (*outcome.rooms, *moved)}  # a room that is freed and claimed is claimed
    if changed:
        rows = [_row(room, now) for room in changed.values()]
        values: dict[str, Any] = {name: sa.bindparam(f"new_{name}") for name in rows[0]}
        update = sa.update(rooms).where(rooms.c.room == sa.bindparam("which")).values(values)
        told = [
            {"which": room, **{f"new_{name}": value for name, value in row.items()}}
            for room, row in zip(changed, rows, strict=True)
        ]
        await connection.execute(update, told)
    if outcome.arrivals:
        arrived = [{"room": room.name, "epoch": room.epoch, "at": now} for room in outcome.arrivals]
        await connection.execute(insert_into(connection, room_arrivals).on_conflict_do_nothing(), arrived)


@dataclass(frozen=True, slots=True)
class Found:
    """What a look at LiveKit's rooms has changed."""

    come: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()


async def found(connection: AsyncConnection, names: Collection[str], now: datetime, *, whole: bool) -> Found:
    """Take rooms that LiveKit has.

    Args:
        connection: of a transaction.
        names: theirs.
        now: the time.
        whole: there are no others.
    """
    there = set((await connection.execute(sa.select(rooms.c.room).where(rooms.c.gone_at.is_(None)))).scalars())
    come, gone = sorted({*names} - there), sorted(there - {*names}) if whole else []
    if come:
        fresh = [{"room": name, "epoch": 0, "arrived": False, "offered": False} for name in come]
        there_again = insert_into(connection, rooms).on_conflict_do_update(
            index_elements=[rooms.c.room], set_={"gone_at": None}, where=rooms.c.gone_at.is_not(None)
        )
        await connection.execute(there_again, fresh)
    if gone:
        leave = {"gone_at": now, "owner": None, "since": None, "arrived": False, "offered": False, "cost": None}
        await connection.execute(sa.update(rooms).where(rooms.c.room.in_(gone)).values(leave))
    return Found((*come,), (*gone,))


async def forget(connection: AsyncConnection, now: datetime) -> None:
    """What is of no use any more."""
    await connection.execute(sa.delete(rooms).where(rooms.c.gone_at < now - KEPT))
    await connection.execute(sa.delete(room_arrivals).where(room_arrivals.c.at < now - KEPT))
    if connection.dialect.name == "postgresql":
        owners = sa.select(rooms.c.owner).where(rooms.c.owner.is_not(None))
        silent = workers.c.beat < sa.func.clock_timestamp() - FORGOTTEN
        await connection.execute(sa.delete(workers).where(silent, workers.c.name.not_in(owners)))


async def arrivals_after(
    connection: AsyncConnection, stays: Iterable[tuple[str, int]]
) -> Sequence[tuple[str, int, datetime]]:
    """When the owners of rooms arrived: room, epoch, time.

    Args:
        connection: of a transaction.
        stays: rooms and epochs; those of later epochs are wanted.
    """
    oldest: dict[str, int] = {}
    for room, epoch in stays:
        oldest[room] = min(epoch, oldest.get(room, epoch))
    asked = sa.select(room_arrivals.c.room, room_arrivals.c.epoch, room_arrivals.c.at)
    later = asked.where(room_arrivals.c.room.in_(oldest), room_arrivals.c.epoch > min(oldest.values()))
    return [(row.room, row.epoch, row.at) for row in await connection.execute(later)]


async def clocks(connection: AsyncConnection, boots: Collection[str]) -> dict[str, float]:
    """Seconds by which workers' clocks are ahead, by boot. PostgreSQL only."""
    found = await connection.execute(sa.select(workers.c.boot, workers.c.clock_ahead).where(workers.c.boot.in_(boots)))
    return {row.boot: row.clock_ahead for row in found}


def kept_claims(outcome: Outcome, names: Collection[str]) -> Outcome:
    """The outcome as far as it is about these rooms."""

    def of_them(moves: Iterable[Move]) -> tuple[Move, ...]:
        return tuple(move for move in moves if move.room.name in names)

    return replace(
        outcome,
        rooms=tuple(room for room in outcome.rooms if room.name in names),
        arrivals=tuple(room for room in outcome.arrivals if room.name in names),
        freed=of_them(outcome.freed),
        claims=of_them(outcome.claims),
    )


def _room(row: sa.RowMapping) -> RoomState:
    return RoomState(
        name=row["room"],
        epoch=row["epoch"],
        owner=row["owner"],
        since=row["since"],
        arrived=row["arrived"],
        offered=row["offered"],
        cost=row["cost"],
    )


def _row(room: RoomState, now: datetime) -> dict[str, Any]:
    return {
        "epoch": room.epoch,
        "owner": room.owner,
        "since": room.since,
        "arrived": room.arrived,
        "offered": room.offered,
        "cost": room.cost,
        "gone_at": None if room.there else now,
    }


def _worker(row: sa.RowMapping) -> WorkerState:
    return WorkerState(
        name=row["name"],
        boot=row["boot"],
        age=max(0.0, float(row["age"])),
        rounds=row["rounds"],
        capacity=row["capacity"],
        draining=row["draining"],
        sent_at=row["sent_at"],
        clock_ahead=row["clock_ahead"],
        settings_differ=tuple(json.loads(row["settings_differ"])),
        version=row["version"],
    )
