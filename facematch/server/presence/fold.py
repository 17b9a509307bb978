"""Presence derived from the log: in the transaction that appends the events of which it comes.

A look costs one row that is updated; what it says is compared with what its camera said last, which is remembered. What
ends stays has the table asked once for all of a batch, and about nobody twice. What another process has appended or
erased is noticed by the position that every writer locks, and read again. Evidence that comes late, by its recognizer's
steady clock, has its camera folded anew from the log.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import sqlalchemy as sa
import structlog

from facematch.server.events.parsed import EVENT, events_after
from facematch.server.presence.evidence import NOT_LOOKS, Chain, Evidence, evidence_of
from facematch.server.presence.memory import Last, Memory, Scope, Since
from facematch.server.presence.rows import (
    IS_LOOK,
    Changes,
    markers_of,
    newest_of,
    of_chain,
    recount,
    row_of,
    runs_where,
    unsettled,
)
from facematch.server.presence.runs import day_of, folded, run_of
from facematch.server.storage.position import lock_position
from facematch.server.storage.schema import daily_figures, events, position, presence

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlalchemy.ext.asyncio import AsyncConnection

    from facematch.protocol.events import Event
    from facematch.server.storage.database import Database
    from facematch.server.storage.position import Position

log = structlog.get_logger(__name__)

PAGE: Final = 1_000
"""Events folded in one transaction, of those that others have appended."""
_AT_ONCE: Final = 500
"""Participants of one selection."""


class PresenceFold:
    """See the module. One call at a time: the log has one writer."""

    def __init__(self) -> None:
        self._memory = Memory()
        self._stands: tuple[int, int] | None = None
        """Position and erasures at the end of the last transaction, for which what is remembered is right."""
        self._changes = Changes()

    async def catch_up(self, database: Database) -> None:
        """Fold what the log holds and was never folded: that of the time before there was presence, and of others.

        Raises:
            LogUnavailableError: not all of it is folded; the next call goes on.
        """
        count = 0
        while folded_now := await database.write(self._page):
            count += folded_now
        if count:
            log.info("Presence is derived from the log", events=count)

    async def rebuild(self, database: Database) -> None:
        """Make everything anew from what the log holds. What it holds no more is gone then."""

        async def clear(connection: AsyncConnection) -> None:
            await lock_position(connection)
            await connection.execute(sa.delete(presence))
            await connection.execute(sa.delete(daily_figures))
            await connection.execute(sa.update(position).values(folded=0))

        await database.write(clear)
        self.doubt()
        await self.catch_up(database)

    def doubt(self) -> None:
        """A transaction may have come to nothing: what is remembered may never have been."""
        self._memory.clear()
        self._stands = None
        self._changes = Changes()

    async def fold(
        self, connection: AsyncConnection, before: Position, new: Sequence[tuple[int, Event]]
    ) -> Sequence[Event]:
        """See `Derived`. No event follows from presence."""
        if before.folded < before.latest:
            last = before.folded
            while page := await events_after(connection, last, before.latest, PAGE):
                await self._fold(connection, page, before, last)
                last = page[-1][0]
        await self._fold(connection, new, before, before.latest)
        return ()

    async def _page(self, connection: AsyncConnection) -> int:
        before = await lock_position(connection)
        if before.folded >= before.latest:
            return 0
        page = await events_after(connection, before.folded, before.latest, PAGE)
        await self._fold(connection, page, before, before.folded)
        last = page[-1][0] if len(page) == PAGE else before.latest
        await connection.execute(sa.update(position).values(folded=last))
        self._stands = (last, before.erased)
        return len(page)

    async def _fold(
        self, connection: AsyncConnection, new: Sequence[tuple[int, Event]], before: Position, after: int
    ) -> None:
        if self._stands != (after, before.erased):
            self.doubt()
        said = [one for cursor, event in new if (one := evidence_of(cursor, event)) is not None]
        await self._gather(connection, [one for one in said if one.sight in NOT_LOOKS])
        for evidence in said:
            if evidence.sight in NOT_LOOKS:
                await self._mark(connection, evidence)
            else:
                await self._look(connection, evidence)
        await self._changes.write(connection)
        self._memory.trim()
        if new:
            self._stands = (new[-1][0], before.erased)

    async def _look(self, connection: AsyncConnection, look: Evidence) -> None:
        last = await self._known(connection, look.chain)
        if look.ended < last.until:
            await self._anew(connection, look.chain, look.cursor, 1)
            return
        run = last.run
        if run is not None and run.continues_with(look):
            run.extend(look)
            self._changes.grow(run)
        else:
            if run is not None and run.open:
                self._changes.close(run)
            last.run = run_of(look)
            self._changes.begin(last.run)
        last.until = look.ended

    async def _mark(self, connection: AsyncConnection, marker: Evidence) -> None:
        """What ends the runs of everything that it covers, which has been gathered."""
        self._changes.begin(run_of(marker))
        for chain, last in self._memory.covered_by(marker.chain):
            if marker.ended < last.until:
                await self._anew(connection, chain, marker.cursor, 0)
                continue
            if last.run is not None and last.run.open:
                self._changes.close(last.run)
            last.until = marker.ended

    async def _gather(self, connection: AsyncConnection, markers: Sequence[Evidence]) -> None:
        """Remember every camera whose runs these may end; of whom that is known to be so, the table is not asked."""
        asked: dict[tuple[str, str], list[Evidence]] = {}
        for marker in markers:
            if not self._memory.is_whole(marker, day_of(marker.at)):
                asked.setdefault((marker.chain.source, marker.chain.room), []).append(marker)
        for (source, room), of_room in asked.items():
            since = Since(min(one.ended for one in of_room), min(day_of(one.at) for one in of_room))
            who = list({one.chain.identity for one in of_room})
            several: Iterable[list[str] | None] = (who[n : n + _AT_ONCE] for n in range(0, len(who), _AT_ONCE))
            for some in (None,) if "" in who else several:
                for run in await unsettled(connection, source, room, some, *since):
                    await self._known(connection, run.chain)
                self._memory.note_whole((Scope(source, room, one) for one in some or [""]), since)

    async def _known(self, connection: AsyncConnection, chain: Chain) -> Last:
        last = self._memory.get(chain)
        if last is None:
            if self._changes.concern(chain):
                await self._changes.write(connection)
            run = await newest_of(connection, chain)
            until = [one.ended for one in await markers_of(connection, chain)] + ([] if run is None else [run.ended])
            last = Last(run, max(until, default=float("-inf")))
            self._memory.keep(chain, last)
        return last

    async def _anew(self, connection: AsyncConnection, chain: Chain, up_to: int, late: int) -> None:
        """Fold a camera from the log. If that does not hold all of its looks any more, what is late stays untold.

        Args:
            connection: in the transaction.
            chain: the camera.
            up_to: position of the last event that counts.
            late: looks among them that are in no run yet.
        """
        await self._changes.write(connection)
        old = await runs_where(connection, *of_chain(chain), IS_LOOK)
        looks = [one for one in await _looks_of(connection, chain, up_to) if one.chain == chain]
        if len(looks) != sum(run.looks for run in old) + late:
            log.debug("A look came late, and its camera's earlier ones have expired", room=chain.room)
            return
        everything = [*looks, *await markers_of(connection, chain)]
        runs = [run for run in folded(everything) if run.chain == chain and run.sight not in NOT_LOOKS]
        await connection.execute(sa.delete(presence).where(*of_chain(chain), IS_LOOK))
        if runs:
            await connection.execute(sa.insert(presence), [row_of(run) for run in runs])
        await recount(connection, chain.identity, {run.day for run in (*old, *runs)})
        self._memory.keep(chain, Last(runs[-1] if runs else None, max(one.ended for one in everything)))


async def _looks_of(connection: AsyncConnection, chain: Chain, up_to: int) -> list[Evidence]:
    """Looks at a track, or of a sender that names none, at a participant."""
    rows = sa.select(events.c.cursor, events.c.body).where(events.c.type == "check", events.c.cursor <= up_to)
    unnamed = rows.where(events.c.track_sid.is_(None), events.c.participant_id == chain.track)
    found = [
        *await connection.execute(rows.where(events.c.track_sid == chain.track)),
        *await connection.execute(unnamed),
    ]
    evidence = (evidence_of(int(cursor), EVENT.validate_json(body)) for cursor, body in found)
    return [one for one in evidence if one is not None]
