"""A log whose alarms are raised, and what is told that raises them."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import sqlalchemy as sa

from facematch.protocol.events import AlarmChange
from facematch.server.alarms.fold import AlarmFold
from facematch.server.alarms.store import AlarmStore, Asked
from facematch.server.storage.schema import alarms
from tests.rig.event_logs import match
from tests.rig.identities import Identities
from tests.rig.rooms_told import at

if TYPE_CHECKING:
    from facematch.protocol.events import Event, Match
    from facematch.server.alarms.store import Shown

QUIET = 300.0


class Alarms(Identities):
    """The same, with alarms."""

    def __init__(self, url: str) -> None:
        self.alarm_fold = AlarmFold(timedelta(seconds=QUIET))
        super().__init__(url, self.alarm_fold)
        self.alarms = AlarmStore(self.database)

    async def hear(self, *told: Event) -> list[AlarmChange]:
        """Append events; returns what is told of alarms."""
        followed = await self.following(*told)
        return [AlarmChange.model_validate_json(entry.text) for entry in followed if entry.type == "alarm"]

    async def all(self, **asked: Any) -> list[Shown]:
        return await self.alarms.page(Asked(**asked))

    async def table(self) -> list[tuple[Any, ...]]:
        return await self.database.rows(sa.select(alarms).order_by(alarms.c.cursor))


def sight(when: float, person: str | None = "p_1", **fields: Any) -> Match:
    """A Match on Alice's camera; `when` in seconds after noon."""
    who = {"participant_id": "PA_1", "participant_name": "Alice", "participant_identity": "alice"}
    return match(**{**who, "room": "red", "timestamp": at(when), "person_id": person, **fields})


def answer(alarm: AlarmChange, change: str, by: str, when: float, verdict: str | None = None) -> AlarmChange:
    """What somebody says of an alarm."""
    said = {"change": change, "by": by, "timestamp": at(when), "verdict": verdict}
    return alarm.model_copy(update={**said, "event_id": uuid4(), "cause": None})
