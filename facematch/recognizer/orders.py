"""What the web process orders of the recognizer: erasing a participant."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

import structlog

from facematch.events import OrderDone

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from facematch.events import Order
    from facematch.recognizer.outbox import Outbox

log = structlog.get_logger(__name__)


class Orders:
    """Carries out orders once, and remembers them for as long as they are given.

    The recognizer keeps no embedding of anybody but the reference, and no picture: what it holds of a participant
    are events on their way.

    Args:
        outbox: holds the events on their way.
    """

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self._done: dict[UUID, OrderDone] = {}

    @property
    def done(self) -> list[OrderDone]:
        """What was carried out and is still ordered."""
        return list(self._done.values())

    async def carry_out(self, orders: Sequence[Order]) -> bool:
        """Carry out what is new; what fails is tried again when it is ordered again. Returns whether any was done."""
        given = {order.id for order in orders}
        self._done = {id_: done for id_, done in self._done.items() if id_ in given}
        before = len(self._done)
        for order in orders:
            if order.id in self._done:
                continue
            try:
                erased = await self._outbox.erase(order.participant_identity)
            except sqlite3.Error as error:  # the disk: what waits in memory is gone already
                log.error("Participant not erased from the outbox", order=str(order.id), reason=str(error))  # noqa: TRY400
                continue
            self._done[order.id] = OrderDone(id=order.id, erased_events=erased)
            log.info("Participant erased from the outbox", order=str(order.id), events=erased)
        return len(self._done) > before
