"""What is told of somebody's face, as short as a test can say it. See `rooms_told` for the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import sqlalchemy as sa

from facematch.protocol.events import BindingChange, Check, IdentityChange
from facematch.server.events.store import SqlEventLog
from facematch.server.identity.fold import IdentityFold
from facematch.server.identity.rows import told_in
from facematch.server.identity.store import IdentityStore
from facematch.server.presence.fold import PresenceFold
from facematch.server.storage.database import Database
from facematch.server.storage.schema import events, identity_state, people
from tests.rig.rooms_told import at, look

if TYPE_CHECKING:
    from facematch.protocol.events import Event
    from facematch.server.events.log import Entry
    from facematch.server.events.store import Derived
    from facematch.server.identity.memory import Told

NEAR, FAR = 0.3, 0.7


def near(person: str, distance: float = NEAR) -> dict[str, Any]:
    return {"person_id": person, "distance": distance, "threshold": 0.46}


def seen(
    when: float, *, bound: str = "", best: str = "", looks: int = 2, stranger: bool = False, **fields: Any
) -> Check:
    """A look whose face was compared together with those before it: with whom it is `bound` to (`-p`: it is not
    them), and with everybody (`best`).
    """
    evidence = {
        "good": True,
        "looks": looks,
        "bound": near(bound.lstrip("-"), FAR if bound.startswith("-") else NEAR) if bound else None,
        "best": near(best) if best else None,
        "stranger": stranger,
        **fields.pop("evidence", {}),
    }
    return look(when, "no_match", **{"faces": 1, "unknown_faces": 1, **fields}, evidence=evidence)


def named(when: float, *names: str, **fields: Any) -> Check:
    """A look of a recognizer that compares each look by itself."""
    outcome = "match" if names else "no_match"
    told = {"named": list(names), "people": [near(name) for name in names], "faces": 1, "unknown_faces": 0}
    return look(when, outcome, **{**told, **fields})


def binding(change: str = "bound", person: str | None = "p_1", when: float = 0, **fields: Any) -> BindingChange:
    given = {"timestamp": at(when), "participant_identity": "alice", "change": change, "by": "admin"}
    return BindingChange.model_validate({**given, "person_id": person if change == "bound" else None, **fields})


def with_id(event: Event, number: int) -> Event:
    return event.model_copy(update={"event_id": UUID(int=number)})


class Identities:
    """A log, and what is derived from it."""

    def __init__(self, url: str, *more_folds: Derived) -> None:
        self.database = Database(url)
        self.fold = IdentityFold()
        self.presence = PresenceFold()
        self.log = SqlEventLog(self.database, self.fold, *more_folds, self.presence)
        self.store = IdentityStore(self.database)

    async def open(self, *persons: str, photos: int = 3) -> None:
        await self.log.open()
        for person in persons:
            row = {"id": person, "name": person.upper(), "name_key": person, "rooms": "[]", "basis": ""}
            more = {"created_at": at(0), "photos": photos, "outliers": 0}
            await self.database.execute(sa.insert(people).values({**row, **more}))

    async def tell(self, *told: Event) -> list[IdentityChange]:
        """Append events; returns what follows from them."""
        return [IdentityChange.model_validate_json(entry.text) for entry in await self.following(*told)]

    async def following(self, *told: Event) -> list[Entry]:
        """The same, of any kind."""
        given = [event if event.event_id else event.model_copy(update={"event_id": uuid4()}) for event in told]
        entries = await self.log.append(given)
        return [entry for entry in entries[len(given) :] if entry is not None]

    async def told(self) -> list[Told]:
        found = sa.select(identity_state).order_by(identity_state.c.room, identity_state.c.identity)
        return [told_in(row) for row in await self.database.rows(found)]

    async def made(self) -> list[Any]:
        """Ids of all that the log has."""
        found = sa.select(events.c.event_id).where(events.c.type == "identity").order_by(events.c.cursor)
        return [id_ for (id_,) in await self.database.rows(found)]
