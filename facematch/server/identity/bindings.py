"""Saying who participants are supposed to be. What is said is an event like any other: the table, and what follows from
it for who is in a room, is written in the transaction that stores it.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Final
from uuid import uuid4

import structlog

from facematch.faces.gallery import DEFAULT
from facematch.protocol.events import BindingChange
from facematch.runtime.clock import wall_clock
from facematch.server.events.writer import TooBusyError
from facematch.server.identity.store import MOST_BINDINGS, Binding, Wanted
from facematch.server.people.refusals import NoSuchPersonError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from facematch.server.events.writer import Writer
    from facematch.server.identity.store import IdentityStore
    from facematch.server.people.store import PeopleStore

log = structlog.get_logger(__name__)

PASS_SECONDS: Final = 5.0
"""How long a binding may outlive its time."""
REMEMBERED: Final = timedelta(days=1)
"""How long who has left is told as absent."""
_AT_ONCE: Final = 100

INVITATION: Final = "invitation"
ATTRIBUTE: Final = "attribute"
EXPIRED: Final = "expired"
ERASED: Final = "person erased"


class BindingsFullError(Exception):
    """There are as many bindings as there may be."""


class BoundToAnotherError(Exception):
    """The identity is bound to somebody else."""


class Bindings:
    """See the module. Every method raises `OSError` when the database takes nothing now, and `TooBusyError`.

    Args:
        store: where they are read.
        writer: of the event log.
        people: who there is.
        now: aware time; injected by tests.
    """

    def __init__(
        self,
        store: IdentityStore,
        writer: Writer,
        people: PeopleStore,
        now: Callable[[], datetime] = wall_clock,
    ) -> None:
        self._store = store
        self._writer = writer
        self._people = people
        self._now = now

    async def is_person(self, person_id: str) -> bool:
        """Whether participants can be bound to a person of this id; `default`: the one of the reference photo."""
        return person_id == DEFAULT or await self._people.person(person_id) is not None

    async def bind(
        self, identity: str, person_id: str, *, room: str | None, valid_until: datetime | None, by: str
    ) -> Binding:
        """Say who a participant is supposed to be; the same once more changes nothing.

        Args:
            identity: the participant's.
            person_id: who they are supposed to be; `default` the person of the reference photo.
            room: where; None: in every room without a binding of its own.
            valid_until: until when; None: until it is taken back.
            by: who says so.

        Raises:
            NoSuchPersonError: there is no such person.
            BindingsFullError: there are too many.
        """
        if not await self.is_person(person_id):
            raise NoSuchPersonError
        wanted = Wanted(identity, room or "")
        before = await self._store.bindings(wanted)
        if before and (before[0].person_id, before[0].valid_until) == (person_id, valid_until):
            return before[0]
        if not before and await self._store.count() >= MOST_BINDINGS:
            raise BindingsFullError
        await self._say("bound", identity, room, by, person_id=person_id, valid_until=valid_until)
        after = await self._store.bindings(wanted)
        if not after:  # erased meanwhile
            raise NoSuchPersonError
        return after[0]

    async def invited(self, identity: str, room: str, person_id: str, until: datetime) -> None:
        """Bind whoever comes with an invitation that names a person. It replaces no other binding.

        Raises:
            BoundToAnotherError: the identity is bound to another person.
            NoSuchPersonError, BindingsFullError: see `bind`.
        """
        bound = [one for one in await self._store.bindings(Wanted(identity)) if one.room in ("", room)]
        if any(one.person_id != person_id for one in bound):
            raise BoundToAnotherError
        if not bound:
            await self.bind(identity, person_id, room=room, valid_until=until, by=INVITATION)

    async def attributed(self, identity: str, room: str, person_id: str) -> None:
        """Bind whoever's token says so, in this room. It replaces no binding that was made otherwise.

        Raises:
            BoundToAnotherError: the identity is bound to another person, by somebody.
            NoSuchPersonError, BindingsFullError: see `bind`.
        """
        bound = [one for one in await self._store.bindings(Wanted(identity)) if one.room in ("", room)]
        if any(one.by != ATTRIBUTE and one.person_id != person_id for one in bound):
            raise BoundToAnotherError
        if all(one.by == ATTRIBUTE for one in bound):
            await self.bind(identity, person_id, room=room, valid_until=None, by=ATTRIBUTE)

    async def unbind(self, wanted: Wanted, by: str) -> int:
        """Take bindings back. Returns how many there were."""
        return await self._end(await self._store.bindings(wanted), by)

    async def release(self, people: Sequence[str]) -> int:
        """Nobody is bound to these people any more. Returns how many were."""
        count = 0
        for person in people:
            while bound := await self._store.bindings(Wanted(person_id=person)):
                count += await self._end(bound, ERASED)
        return count

    async def acknowledge(self, wanted: Wanted, by: str) -> int:
        """Somebody has seen who is there. Returns of how many participants."""
        count = await self._store.seen_to(wanted)
        if count and wanted.identity is not None:
            await self._say("acknowledged", wanted.identity, wanted.room, by)
        return count

    async def run(self) -> None:
        """End bindings whose time is over, and forget who left long ago, for ever."""
        while True:
            try:
                await self.keep_up()
            except (OSError, TooBusyError) as error:
                log.warning("Bindings cannot be ended now; tried again", reason=str(error))
            except Exception:  # a fault of ours must not end it
                log.exception("Bindings are not ended; tried again")
            await asyncio.sleep(PASS_SECONDS)

    async def keep_up(self) -> None:
        """One pass of `run`."""
        now = self._now()
        while due := await self._store.due(now, _AT_ONCE):
            await self._end(due, EXPIRED)
        await self._store.forget(now - REMEMBERED)

    async def _end(self, bound: Sequence[Binding], by: str) -> int:
        for one in bound:
            await self._say("unbound", one.identity, one.room or None, by)
        return len(bound)

    async def _say(self, change: str, identity: str, room: str | None, by: str, **more: object) -> None:
        event = {"event_id": uuid4(), "timestamp": self._now(), "room": room, "change": change, "by": by}
        await self._writer.store(BindingChange.model_validate({**event, "participant_identity": identity, **more}))
