"""Looking at alarms: what people say of them is an event like any other, with who said it."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID, uuid4

from facematch.runtime.clock import wall_clock
from facematch.server.alarms.rows import told_of
from facematch.server.calibration.verdicts import NoSuchEventError

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from facematch.server.alarms.store import AlarmStore, Shown
    from facematch.server.calibration.verdicts import Verdict, Verdicts
    from facematch.server.events.writer import Writer


class NoSuchAlarmError(LookupError):
    """There is no alarm of this id (any more)."""


class Answering:
    """See the module. Every method raises `NoSuchAlarmError`, `OSError` when the database takes nothing now, and
    `TooBusyError`.

    Args:
        store: where they are read.
        writer: of the event log.
        verdicts: what people said of events.
        now: aware time; injected by tests.
    """

    def __init__(
        self,
        store: AlarmStore,
        writer: Writer,
        verdicts: Verdicts,
        now: Callable[[], datetime] = wall_clock,
    ) -> None:
        self._store = store
        self._writer = writer
        self._verdicts = verdicts
        self._now = now

    async def acknowledge(self, id_: UUID, by: str) -> Shown:
        """Somebody has looked at it. Whoever did so first stays."""
        alarm = await self._find(id_)
        if alarm.row.acknowledged_by:
            return alarm
        await self._say("acknowledged", alarm, by)
        return await self._find(id_)

    async def judge(self, id_: UUID, verdict: Verdict, by: str) -> Shown:
        """Somebody says that it is right or wrong, in place of what was said before. That of the Match that shows it is
        said with it: calibration learns from it.
        """
        alarm = await self._find(id_)
        if alarm.match is not None:
            try:
                await self._verdicts.put(UUID(alarm.match["event_id"]), verdict, by, self._now())
            except NoSuchEventError:  # its time was over meanwhile
                raise NoSuchAlarmError from None
        await self._say("judged", alarm, by, verdict=verdict)
        return await self._find(id_)

    async def _find(self, id_: UUID) -> Shown:
        found = await self._store.one(id_)
        if found is None:
            raise NoSuchAlarmError
        return found

    async def _say(self, change: str, alarm: Shown, by: str, **more: object) -> None:
        who = {"person_id": alarm.person_id or None, "seen_person_id": alarm.seen_person_id or None}
        said = {"event_id": uuid4(), "timestamp": self._now(), "change": change, "by": by}
        await self._writer.store(told_of(alarm.row, **who, **said, **more))
