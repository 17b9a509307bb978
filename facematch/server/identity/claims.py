"""Who participants are supposed to be, by what their tokens say: the attribute `facematch.person`.

A recognizer tells it with each heartbeat, and only where the participant cannot change it. It binds as an admin does,
but takes back and replaces only what it made itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import structlog

from facematch.server.events.writer import TooBusyError
from facematch.server.identity.bindings import ATTRIBUTE, BindingsFullError, BoundToAnotherError
from facematch.server.identity.store import Wanted
from facematch.server.people.refusals import NoSuchPersonError

if TYPE_CHECKING:
    from facematch.protocol.heartbeat import Heartbeat
    from facematch.server.identity.bindings import Bindings
    from facematch.server.identity.store import IdentityStore

log = structlog.get_logger(__name__)

MOST: Final = 20_000
"""Remembered; beyond them everything is looked up once more."""


class Claims:
    """See the module.

    Args:
        store: where bindings are read.
        bindings: where they are changed.
    """

    def __init__(self, store: IdentityStore, bindings: Bindings) -> None:
        self._store = store
        self._bindings = bindings
        self._heeded: dict[tuple[str, str], str | None] = {}
        """What each participant (room, identity) was last heard to claim; it has been seen to."""

    async def heed(self, heartbeat: Heartbeat) -> None:
        """Bind those who claim somebody else than before, and take back what is claimed no more. Cheap without news.

        Raises:
            OSError: the database is away; the next heartbeat says it again.
        """
        room = heartbeat.room
        told = {(room, track.participant_identity): track.claims_person for track in heartbeat.tracks}
        news = {who: claim for who, claim in told.items() if who not in self._heeded or self._heeded[who] != claim}
        if not news:
            return
        made = {one.identity for one in await self._store.bindings(Wanted(room=room)) if one.by == ATTRIBUTE}
        if len(self._heeded) + len(news) > MOST:
            self._heeded.clear()
        for (_, identity), claim in news.items():
            try:
                if claim is not None:
                    await self._bindings.attributed(identity, room, claim)
                elif identity in made:
                    await self._bindings.unbind(Wanted(identity, room), ATTRIBUTE)
            except TooBusyError:
                return
            except (NoSuchPersonError, BoundToAnotherError, BindingsFullError) as error:
                log.warning(
                    "A token says who its participant is supposed to be, and they are not bound",
                    identity=identity,
                    reason=type(error).__name__,
                )
            self._heeded[room, identity] = claim
