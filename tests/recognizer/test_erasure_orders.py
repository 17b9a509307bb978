from __future__ import annotations

import sqlite3
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast
from uuid import UUID

import pytest
from structlog.testing import capture_logs

from facematch.protocol.heartbeat import EraseParticipant, ErasePerson, EraseReference
from facematch.recognizer.delivery.outbox import Erased
from facematch.recognizer.erasure_orders import ErasureOrders

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from facematch.recognizer.delivery.outbox import Outbox
    from facematch.recognizer.references import References

AT = datetime(2025, 9, 25, 14, 7, 8, tzinfo=UTC)
WAITING = [
    {
        "participant_identity": who,
        "reference_id": reference,
        "timestamp": (AT + timedelta(seconds=later)).isoformat(),
        "person_id": person,
    }
    for who, reference, later, person in [
        ("alice", "old", -60, "p_1"),
        ("alice", "used", -60, "default"),
        ("bob", "used", 0, None),
        ("bob", "used", 4, "p_2"),
        ("bob", None, 0, "p_3"),
    ]
]


class Erasing:
    """Stands in for the outbox, whose own tests show what its erasure does."""

    def __init__(self) -> None:
        self.erased: list[list[int]] = []
        self.forgotten: list[str] = []
        """Whose looks are not kept any more."""
        self.broken: Exception | None = None

    async def erase(self, whose: Callable[[dict[str, Any]], bool]) -> Erased:
        if self.broken:
            raise self.broken
        self.erased.append([n for n, body in enumerate(WAITING) if whose(body)])
        return Erased(len(self.erased[-1]), frozenset())


def order(number: int, identity: str) -> EraseParticipant:
    return EraseParticipant(id=UUID(int=number), participant_identity=identity)


def orders_on(
    outbox: Erasing, *, reference: str | None = None, now: datetime = AT, gallery: Collection[str] = ()
) -> ErasureOrders:
    references = cast("References", SimpleNamespace(current=reference and SimpleNamespace(id=reference)))
    return ErasureOrders(cast("Outbox", outbox), references, outbox.forgotten.append, gallery.__contains__, lambda: now)


async def test_an_order_is_carried_out_once_however_often_it_is_given() -> None:
    outbox = Erasing()
    orders = orders_on(outbox)
    assert await orders.carry_out([order(1, "alice"), order(2, "bob")])
    assert not await orders.carry_out([order(1, "alice"), order(2, "bob")])
    assert outbox.erased == [[0, 1], [2, 3, 4]]
    assert outbox.forgotten == ["alice", "bob"]
    assert [(done.id.int, done.erased_events) for done in orders.done] == [(1, 2), (2, 3)]


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
    assert outbox.erased == [[0, 1], [0, 1]]


@pytest.mark.parametrize("broken", [sqlite3.OperationalError("disk I/O error"), PermissionError("not yours")])
async def test_an_order_that_fails_is_no_end_and_is_tried_again(broken: Exception) -> None:
    outbox = Erasing()
    orders = orders_on(outbox)
    outbox.broken = broken
    with capture_logs() as lines:
        assert not await orders.carry_out([order(1, "alice")])
    assert orders.done == []
    assert [line["log_level"] for line in lines] == ["error"]
    outbox.broken = None
    assert await orders.carry_out([order(1, "alice")])


async def test_no_line_names_the_participant() -> None:
    with capture_logs() as lines:
        await orders_on(Erasing()).carry_out([order(1, "alice")])
    assert lines
    assert "alice" not in str(lines)


# A reference.

GONE = EraseReference(id=UUID(int=7), reference_id="used", until=AT + timedelta(seconds=3))


async def test_what_came_of_a_reference_goes_and_what_came_of_others_or_later_stays() -> None:
    outbox = Erasing()
    assert await orders_on(outbox).carry_out([GONE])
    assert outbox.erased == [[1, 2]]


async def test_as_long_as_the_reference_is_in_use_the_order_waits() -> None:
    outbox = Erasing()
    orders = orders_on(outbox, reference="used")
    assert not await orders.carry_out([GONE])
    assert (outbox.erased, orders.done) == ([], [])


async def test_another_reference_in_use_is_no_reason_to_wait() -> None:
    assert await orders_on(Erasing(), reference="new").carry_out([GONE])


async def test_the_same_photo_enrolled_again_is_no_reason_to_wait_for_ever() -> None:
    outbox = Erasing()
    assert await orders_on(outbox, reference="used", now=AT + timedelta(seconds=4)).carry_out([GONE])
    assert outbox.erased == [[1, 2]]


# A person.


async def test_the_matches_of_a_person_go_when_the_gallery_is_without_them() -> None:
    outbox, gallery = Erasing(), {"p_1", "p_2", "p_3"}
    orders = orders_on(outbox, gallery=gallery)
    gone = ErasePerson(id=UUID(int=8), person_ids=["p_1", "p_2"])
    assert not await orders.carry_out([gone])
    gallery.remove("p_1")
    assert not await orders.carry_out([gone])
    gallery.remove("p_2")
    assert await orders.carry_out([gone])
    assert outbox.erased == [[0, 3]]


async def test_each_room_of_a_process_asks_for_itself_and_what_is_ordered_is_done_once() -> None:
    outbox = Erasing()
    orders = orders_on(outbox)
    assert await orders.carry_out([order(1, "alice")], "room a")
    assert not await orders.carry_out([order(1, "alice")], "room b")
    assert not await orders.carry_out([], "room a")
    assert len(orders.done) == 1  # room b is still told to
    assert not await orders.carry_out([order(1, "alice")], "room b")
    assert len(outbox.erased) == 1
    orders.unasked("room b")
    assert not await orders.carry_out([], "room a")
    assert orders.done == []
