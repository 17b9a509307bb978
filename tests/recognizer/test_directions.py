"""What the web process says of participants, as it is known between two answers."""

from __future__ import annotations

from typing import Any

from facematch.protocol.heartbeat import HeartbeatAnswer
from facematch.recognizer.directions import SILENT_SECONDS, Directions


def hear(directions: Directions, *named: str, now: float = 0.0, **said: Any) -> None:
    directions.hear(HeartbeatAnswer(**said), frozenset(named), now)


def test_who_is_bound_and_who_is_not_compared() -> None:
    directions = Directions()
    assert directions.compared("alice")
    hear(directions, "alice", "bob", bindings={"alice": "p_1"}, not_compared=["bob"])
    assert [directions.bound_person(one) for one in ("alice", "bob")] == ["p_1", None]
    assert [directions.compared(one) for one in ("alice", "bob", "carol")] == [True, False, True]
    hear(directions, "alice", "bob", bindings={}, not_compared=[])
    assert directions.bound_person("alice") is None
    assert directions.compared("bob")


def test_an_answer_that_says_nothing_changes_nothing() -> None:
    directions = Directions()
    hear(directions, "bob", bindings={"bob": "p_1"}, not_compared=["bob"])
    hear(directions, "bob")
    assert directions.bound_person("bob") == "p_1"
    assert not directions.compared("bob")


def test_nobody_is_known_before_something_was_said_of_them() -> None:
    directions = Directions()
    assert not directions.known("alice")
    hear(directions, "alice", not_compared=[])
    assert directions.known("alice")
    assert not directions.known("bob")
    hear(directions, "bob", not_compared=[])
    assert not directions.known("alice")  # who went and came back may have been put there meanwhile


def test_where_everybody_may_be_looked_at_nobody_new_waits() -> None:
    directions = Directions()
    changes: list[bool] = []
    directions.subscribe(lambda: changes.append(directions.known("carol")))
    hear(directions, "alice", not_compared=[], all_compared=True)
    assert directions.known("bob")
    hear(directions, "alice", not_compared=[])  # somebody has been put there
    assert not directions.known("bob")
    assert changes == [True, False]


def test_without_a_web_process_nobody_waits_for_its_word() -> None:
    directions = Directions()
    directions.unheard(0.0)
    assert directions.known("alice")  # it has never been there
    hear(directions, "bob", now=1.0, not_compared=["bob"])
    assert not directions.known("alice")
    directions.unheard(1.0 + SILENT_SECONDS - 0.1)
    assert not directions.known("alice")  # one lost heartbeat
    directions.unheard(1.0 + SILENT_SECONDS)
    assert directions.known("alice")
    assert not directions.compared("bob")  # what it said, it said


def test_an_older_web_process_has_no_word() -> None:
    directions = Directions()
    hear(directions, "alice")
    assert directions.known("alice")
    directions.unheard(1.0)
    assert directions.known("alice")  # a lost heartbeat makes no other of it, and nobody is dropped meanwhile


def test_a_look_that_is_asked_for_again_is_another_one() -> None:
    directions = Directions()
    hear(directions, "alice", look_now=["alice"])
    first = directions.look_asked("alice")
    assert first > directions.look_asked("bob") == 0
    hear(directions, "alice")
    assert directions.look_asked("alice") == first
    hear(directions)  # gone
    hear(directions, "alice", look_now=["alice"])
    assert directions.look_asked("alice") > first


def test_somebody_has_seen_to_a_swap_when_its_number_rises() -> None:
    acknowledged: list[str] = []
    directions = Directions(acknowledged.append)
    hear(directions, "alice", "bob", acknowledged={"bob": 5})  # of a time before this process
    hear(directions, "alice", "bob")  # an answer without a word of it
    assert acknowledged == []
    hear(directions, "alice", "bob", acknowledged={"alice": 7, "bob": 5})
    assert acknowledged == ["alice"]
    hear(directions, "bob", acknowledged={"bob": 9})  # alice is gone
    hear(directions, "alice", "bob", acknowledged={"alice": 11, "bob": 9})
    assert acknowledged == ["alice", "bob"]
    hear(directions, "alice", "bob", acknowledged={"bob": 9})  # alice was erased
    assert acknowledged == ["alice", "bob"]


def test_who_listens_is_told_of_changes_only() -> None:
    directions, told = Directions(), []
    listener = lambda: told.append(True)  # noqa: E731
    directions.subscribe(listener)
    for _ in range(3):
        hear(directions, "alice", bindings={"alice": "p_1"}, not_compared=[])
    assert len(told) == 1
    hear(directions, "alice", bindings={"alice": "p_1"}, not_compared=[], look_now=["alice"])
    assert len(told) == 2
    directions.unsubscribe(listener)
    hear(directions, "alice", bindings={}, not_compared=[])
    assert len(told) == 2


def test_where_heartbeats_are_seldom_one_that_is_lost_says_nothing_either() -> None:
    directions = Directions()
    hear(directions, "alice", not_compared=["bob"], now=0.0)
    directions.unheard(30.0)
    assert not directions.known("bob")
    directions.unheard(32.0)
    assert not directions.known("bob")
    directions.unheard(34.0)  # as after three where they come every two seconds
    assert directions.known("bob")
