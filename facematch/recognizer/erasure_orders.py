"""What the web process orders of the recognizer: erasing the events of a participant, of a reference or of a person."""

from __future__ import annotations

import sqlite3
from datetime import datetime
from typing import TYPE_CHECKING, Any

import structlog

from facematch.protocol.heartbeat import MOST_SNAPSHOTS, EraseParticipant, ErasePerson, OrderDone
from facematch.runtime.clock import wall_clock

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from uuid import UUID

    from facematch.protocol.heartbeat import EraseReference, Order
    from facematch.recognizer.delivery.outbox import Outbox
    from facematch.recognizer.references import References

log = structlog.get_logger(__name__)


class ErasureOrders:
    """Carries out orders once, and remembers them for as long as they are given.

    The recognizer keeps no picture, and no embedding but those of the reference, of the gallery and of participants'
    last looks: what it holds besides are events on their way.

    Args:
        outbox: holds the events on their way.
        references: the one in use.
        forget: drops what is kept of a participant's looks.
        named: whether a person may be named now: the gallery in force has them.
        now: aware time; injected by tests.
    """

    def __init__(
        self,
        outbox: Outbox,
        references: References,
        forget: Callable[[str], None],
        named: Callable[[str], bool],
        now: Callable[[], datetime] = wall_clock,
    ) -> None:
        self._outbox = outbox
        self._references = references
        self._forget = forget
        self._named = named
        self._now = now
        self._done: dict[UUID, OrderDone] = {}
        self._given: dict[str, set[UUID]] = {}
        """By whom the answer was for: those who ask in vain ask again."""

    @property
    def done(self) -> list[OrderDone]:
        """What was carried out and is still ordered."""
        return list(self._done.values())

    def unasked(self, asker: str) -> None:
        """This one does not ask any more."""
        self._given.pop(asker, None)

    async def carry_out(self, orders: Sequence[Order], asker: str = "") -> bool:
        """Carry out what is new; what fails is tried again when it is ordered again. Returns whether any was done.

        Args:
            orders: all that are given now.
            asker: in answer to whose question. Each hears all of them, and none hears of the others' answers.
        """
        self._given[asker] = {order.id for order in orders}
        given = set().union(*self._given.values())
        self._done = {id_: done for id_, done in self._done.items() if id_ in given}
        before = len(self._done)
        for order in orders:
            if order.id in self._done or not self._may_be_carried_out(order):
                continue
            if isinstance(order, EraseParticipant):
                self._forget(order.participant_identity)
            try:
                erased = await self._outbox.erase(_meant(order))
            except (sqlite3.Error, OSError) as error:  # the disk: what waits in memory is gone already
                log.error("Not erased from the outbox", order=str(order.id), reason=str(error))  # noqa: TRY400
                continue
            told = sorted(erased.snapshots)[:MOST_SNAPSHOTS]
            self._done[order.id] = OrderDone(id=order.id, erased_events=erased.events, snapshots=told)
            log.info("Erased from the outbox", order=str(order.id), kind=order.kind, events=erased.events)
        return len(self._done) > before

    def _may_be_carried_out(self, order: Order) -> bool:
        """Who is still compared with brings more events: the file, or the gallery, changed a moment ago, which is seen
        soon.
        """
        if isinstance(order, EraseParticipant):
            return True
        if isinstance(order, ErasePerson):
            return not any(map(self._named, order.person_ids))
        current = self._references.current
        return current is None or current.id != order.reference_id or self._now() > order.until


def _meant(order: Order) -> Callable[[dict[str, Any]], bool]:
    if isinstance(order, EraseParticipant):
        identity = order.participant_identity
        return lambda body: body.get("participant_identity") == identity
    if isinstance(order, ErasePerson):
        return lambda body: body.get("person_id") in order.person_ids
    return lambda body: _came_of(body, order)


def _came_of(body: dict[str, Any], order: EraseReference) -> bool:
    return body.get("reference_id") == order.reference_id and datetime.fromisoformat(body["timestamp"]) <= order.until
