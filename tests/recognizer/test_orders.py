from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, cast
from uuid import UUID

from structlog.testing import capture_logs

from facematch.events import Order
from facematch.recognizer.orders import Orders

if TYPE_CHECKING:
    from facematch.recognizer.outbox import Outbox


class Erasing:
    """Stands in for the outbox, whose own tests show what its erasure does."""

    def __init__(self) -> None:
        self.erased: list[str] = []
        self.broken = False

    async def erase(self, identity: str) -> int:
        if self.broken:
            raise sqlite3.OperationalError("disk I/O error")
        self.erased.append(identity)
        return len(identity)


def order(number: int, identity: str) -> Order:
    return Order(id=UUID(int=number), kind="erase_participant", participant_identity=identity)


def orders_on(outbox: Erasing) -> Orders:
    return Orders(cast("Outbox", outbox))


async def test_an_order_is_carried_out_once_however_often_it_is_given() -> None:
    outbox = Erasing()
    orders = orders_on(outbox)
    assert await orders.carry_out([order(1, "alice"), order(2, "bob")])
    assert not await orders.carry_out([order(1, "alice"), order(2, "bob")])
    assert outbox.erased == ["alice", "bob"]
    assert [(done.id.int, done.erased_events) for done in orders.done] == [(1, 5), (2, 3)]


async def test_what_is_done_is_told_for_as_long_as_it_is_ordered() -> None:
    orders = orders_on(Erasing())
    await orders.carry_out([order(1, "alice"), order(2, "bob")])
    await orders.carry_out([order(2, "bob")])
    assert [done.id.int for done in orders.done] == [2]
    assert not await orders.carry_out([])
    assert orders.done == []


async def test_a_new_order_for_the_same_participant_is_a_new_order() -> None:
    outbox = Erasing()
    orders = orders_on(outbox)
    await orders.carry_out([order(1, "alice")])
    assert await orders.carry_out([order(2, "alice")])
    assert outbox.erased == ["alice", "alice"]


async def test_an_order_that_fails_is_no_end_and_is_tried_again() -> None:
    outbox = Erasing()
    orders = orders_on(outbox)
    outbox.broken = True
    with capture_logs() as lines:
        assert not await orders.carry_out([order(1, "alice")])
    assert orders.done == []
    assert [line["log_level"] for line in lines] == ["error"]
    outbox.broken = False
    assert await orders.carry_out([order(1, "alice")])


async def test_no_line_names_the_participant() -> None:
    with capture_logs() as lines:
        await orders_on(Erasing()).carry_out([order(1, "alice")])
    assert lines
    assert "alice" not in str(lines)
