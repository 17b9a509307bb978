"""Who may have a connection, and whose gives way."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from facematch.server.web import admission
from facematch.server.web.admission import Admission, Bounds, Connection

if TYPE_CHECKING:
    from facematch.server.web.admission import Reason

BOUNDS = Bounds(most=8, for_known=2, of_stranger=3)


class Gate:
    """The account, with what it said and what it closed."""

    def __init__(self, bounds: Bounds = BOUNDS) -> None:
        self.said: list[tuple[str, Reason]] = []
        self.dropped: list[Connection] = []
        self.admission = Admission(bounds, lambda connection, reason: self.said.append((connection.client, reason)))

    def asks(self, client: str, *, here: bool = False) -> tuple[Connection, bool]:
        connection = Connection(client, here, lambda: self.dropped.append(connection))
        return connection, self.admission.admit(connection)

    def comes(self, client: str, *, here: bool = False, works: bool = False) -> Connection:
        connection, admitted = self.asks(client, here=here)
        assert admitted
        if works:
            self.admission.works(connection)
        return connection


@pytest.fixture
def gate() -> Gate:
    return Gate()


def test_of_one_strangers_idle_connections_the_oldest_gives_way(gate: Gate) -> None:
    first, second, _third = (gate.comes("a") for _ in range(3))
    gate.comes("a")
    gate.comes("a")
    assert gate.dropped == [first, second]
    assert gate.said == [("a", "too many of one client")] * 2
    assert gate.admission.open == 3


def test_a_stranger_who_is_served_on_all_that_he_may_have_is_refused_more(gate: Gate) -> None:
    served = [gate.comes("a", works=True) for _ in range(3)]
    connection, admitted = gate.asks("a")
    assert not admitted
    assert gate.said == [("a", "too many of one client")]
    gate.admission.closed(connection)  # the server tells of its end, too
    gate.admission.waits(served[1])
    gate.comes("a")
    assert gate.dropped == [served[1]]


def test_an_answered_connection_gives_way_after_one_that_never_asked(gate: Gate) -> None:
    old = gate.comes("a")
    gate.admission.works(old)
    old.answered = True
    gate.admission.waits(old)
    silent = [gate.comes("a"), gate.comes("a")]
    gate.comes("a")
    gate.comes("a")
    assert gate.dropped == silent


def test_strangers_leave_places_for_those_who_are_known(gate: Gate) -> None:
    for client in ("a", "a", "b", "b", "c", "c"):
        gate.comes(client, works=True)
    assert gate.asks("d")[1] is False
    assert gate.said == [("d", "too many")]
    gate.comes("127.0.0.1", here=True, works=True)
    gate.comes("127.0.0.1", here=True, works=True)
    assert gate.asks("127.0.0.1", here=True)[1] is False
    assert gate.admission.open == 8


def test_strangers_idle_connections_give_way_to_anybody_and_known_ones_to_no_stranger(gate: Gate) -> None:
    kept = [gate.comes("127.0.0.1", here=True) for _ in range(2)]
    strange = [gate.comes(client) for client in ("a", "a", "b", "b", "c", "c")]
    gate.comes("127.0.0.1", here=True)
    gate.comes("d")
    assert gate.dropped == strange[:2]
    for client in ("d", "e", "e", "f"):
        gate.comes(client, works=True)
    assert not set(kept) & set(gate.dropped)


def test_among_the_known_the_oldest_idle_one_gives_way() -> None:
    gate = Gate(Bounds(most=4, for_known=4, of_stranger=1))
    first = gate.comes("127.0.0.1", here=True)
    for _ in range(3):
        gate.comes("127.0.0.1", here=True, works=True)
    gate.comes("127.0.0.1", here=True)
    assert gate.dropped == [first]


def test_whoever_has_shown_a_key_is_known_from_then_on(gate: Gate) -> None:
    one = gate.comes("a", works=True)
    gate.admission.vouch(one)
    gate.admission.vouch(one)
    others = [gate.comes("a") for _ in range(3)]
    assert gate.dropped == []
    gate.comes("a")
    assert gate.dropped == [others[0]]  # half of all places
    for connection in (one, *others):
        gate.admission.closed(connection)
    for client in ("b", "b", "c", "c", "d", "d"):
        gate.comes(client, works=True)
    gate.comes("a", works=True)
    assert gate.asks("d")[1] is False


def test_those_known_longest_ago_are_forgotten(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admission, "MOST_REMEMBERED", 2)
    for client in ("a", "b", "c"):
        connection = gate.comes(client)
        gate.admission.vouch(connection)
        gate.admission.closed(connection)
    for _ in range(3):
        gate.comes("a", works=True)
        gate.comes("c", works=True)
    assert gate.asks("a")[1] is False
    assert gate.asks("c")[1] is True


def test_nothing_is_left_of_those_who_leave(gate: Gate) -> None:
    for _ in range(100):
        connection = gate.comes("a")
        gate.admission.works(connection)
        gate.admission.closed(connection)
        gate.admission.closed(connection)
        gate.admission.works(connection)
        gate.admission.waits(connection)
    assert gate.admission.open == 0
    assert not gate.dropped
    assert not gate.said
