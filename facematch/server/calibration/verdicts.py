"""What people said of events, in the database: kept as long as the event is, and gone with it."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any, Final, Literal

import sqlalchemy as sa

from facematch.server.calibration.proposing import Judged
from facematch.server.storage.schema import events, verdicts

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from sqlalchemy.ext.asyncio import AsyncConnection

    from facematch.server.storage.database import Database

Verdict = Literal["right", "wrong"]

MOST: Final = 10_000
"""Read for one answer; the newest."""
_AS_SET: Final = "match_tolerance"
_MOST_PHOTOS: Final = 30
_NEAR_ENOUGH: Final = 0.002
"""Of a tolerance, to be that of so many photos."""


class NoSuchEventError(LookupError):
    """The log has no such event (any more)."""


class NotJudgedError(ValueError):
    """It says nothing that can be right or wrong."""


class Verdicts:
    """See the module. Every method raises `LogUnavailableError` when the database cannot be used now.

    Args:
        database: opened by whoever opens the event log.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def put(self, event_id: UUID, verdict: Verdict | None, by: str, at: datetime) -> None:
        """Say something of an event, in place of what was said before; None: nothing any more.

        Raises:
            NoSuchEventError: there is none of this id.
            NotJudgedError: it is neither a Match nor a Check that compared faces and named nobody.
        """

        async def work(connection: AsyncConnection) -> None:
            found = await connection.execute(
                sa.select(events.c.cursor, events.c.type, events.c.body).where(events.c.event_id == event_id)
            )
            if (row := found.one_or_none()) is None:
                raise NoSuchEventError
            if row.type != "match" and not (row.type == "check" and json.loads(row.body).get("outcome") == "no_match"):
                raise NotJudgedError
            await connection.execute(sa.delete(verdicts).where(verdicts.c.cursor == row.cursor))
            if verdict is not None:
                values = {"cursor": row.cursor, "verdict": verdict, "by": by, "at": at}
                await connection.execute(sa.insert(verdicts).values(values))

        await self._database.write(work)

    async def counts(self) -> dict[str, int]:
        """How many of each."""
        found = sa.select(verdicts.c.verdict, sa.func.count()).group_by(verdicts.c.verdict)
        return dict.fromkeys(("right", "wrong"), 0) | {name: int(n) for name, n in await self._database.rows(found)}

    async def judged(self, tolerance: float) -> Judged:
        """The newest of them, as far as they say something of a MATCH_TOLERANCE that is `tolerance` now."""
        found = sa.select(verdicts.c.verdict, events.c.body).join(events, events.c.cursor == verdicts.c.cursor)
        rows = await self._database.rows(found.order_by(verdicts.c.cursor.desc()).limit(MOST))
        sorted_in: dict[str, list[float]] = {"right": [], "wrong": [], "missed": [], "strangers": []}
        others = 0
        for verdict, body in rows:
            event = json.loads(body)
            which, near = verdict, event
            if event["type"] == "check":
                which = "missed" if verdict == "wrong" else "strangers"
                near = {**next(iter(event.get("people") or ()), {}), "threshold_reason": event.get("threshold_reason")}
            if (one := _of_one_photo(near, tolerance)) is None:
                others += 1
            else:
                sorted_in[which].append(one)
        return Judged(**sorted_in, others=others)


def _of_one_photo(near: dict[str, Any], tolerance: float) -> float | None:
    """A distance in the measure of one photo; None: another tolerance was in force."""
    distance, threshold = near.get("distance"), near.get("threshold")
    if distance is None or not threshold or near.get("threshold_reason") not in (None, _AS_SET):
        return None
    of_photos = (tolerance * math.sqrt(0.81 + 0.19 / photos) for photos in range(1, _MOST_PHOTOS + 1))
    if not any(abs(threshold - one) <= _NEAR_ENOUGH for one in of_photos):
        return None
    return float(distance * tolerance / threshold)
