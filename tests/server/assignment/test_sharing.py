"""Whatever workers and rooms do: each room comes to one worker, shares level, and then nothing moves any more."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facematch.server.assignment.book import after
from facematch.server.assignment.reconciling import RoomState, Round, WorkerState, answer, reconcile
from facematch.server.assignment.sharing import EMPTY_ROOM, LEVEL, LIVES_SECONDS, Room, Worker, decide
from tests.rig.fleet import BEGAN, FakeWorker

if TYPE_CHECKING:
    from facematch.protocol.beat import Beat

WORKERS = "abcde"
ROOMS = [f"exam-{number}" for number in range(30)]
QUIET_ROUNDS = 80


class World:
    """Workers that beat once a second, and the book in which it stands what they have."""

    def __init__(self) -> None:
        self.workers: dict[str, FakeWorker] = {}
        self.dead: set[str] = set()
        self.known: dict[str, WorkerState] = {}
        self.heard: dict[str, int] = {}
        self.rooms: dict[str, RoomState] = {}
        self.costs: dict[str, float] = {}
        self.epochs: dict[str, int] = {}
        self.second = 0
        self.moves = 0

    def round(self) -> None:
        """A second passes, and everybody who is alive beats."""
        self.second += 1
        for worker in list(self.workers.values()):
            if worker.name not in self.dead:
                worker.costs = self.costs
                self._take(worker, worker.beat(BEGAN + timedelta(seconds=self.second)))

    def _take(self, worker: FakeWorker, beat: Beat) -> None:
        aged = {name: replace(one, age=float(self.second - self.heard[name])) for name, one in self.known.items()}
        outcome = reconcile(beat, Round(aged, self.rooms, BEGAN + timedelta(seconds=self.second), judges=True))
        assert outcome.heard is not None
        self.known[worker.name], self.heard[worker.name] = outcome.heard, self.second
        self.moves += len(outcome.claims)
        self.rooms = after(self.rooms, outcome)
        for room in self.rooms.values():
            assert room.epoch >= self.epochs.get(room.name, 0), "an epoch never falls"
            self.epochs[room.name] = room.epoch
        told = answer(beat, self.rooms)
        assert len({one.room for one in told}) == len(told)
        worker.hear(told)
        if worker.draining and not worker.holds:
            self.dead.add(worker.name)

    def holders(self, room: str) -> list[str]:
        return [name for name, one in self.workers.items() if name not in self.dead and room in one.holds]

    def rounds(self, count: int) -> None:
        for _ in range(count):
            self.round()

    def load(self, name: str) -> float:
        return sum(EMPTY_ROOM + self.costs.get(room, 0.0) for room in self.workers[name].holds)


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("joins"), st.sampled_from(WORKERS), st.sampled_from([10.0, 50.0, 100.0])),
        st.tuples(st.just("dies"), st.sampled_from(WORKERS), st.none()),
        st.tuples(st.just("drains"), st.sampled_from(WORKERS), st.none()),
        st.tuples(st.just("comes"), st.sampled_from(ROOMS), st.sampled_from([0.0, 0.0, 0.5, 2.0])),
        st.tuples(st.just("goes"), st.sampled_from(ROOMS), st.none()),
        st.tuples(st.just("passes"), st.none(), st.integers(1, 5)),
    ),
    max_size=40,
)


def play(world: World, steps: list[tuple[str, str | None, float | None]]) -> None:
    for what, name, value in steps:
        match what:
            case "joins" if name is not None and (name not in world.workers or name in world.dead):
                worker = world.workers.setdefault(name, FakeWorker(name))
                worker.restart()
                worker.capacity = value or 1.0
                world.dead.discard(name)
            case "dies" if name in world.workers:
                world.dead.add(name)
                world.workers[name].holds = {}
            case "drains" if name in world.workers:
                world.workers[name].draining = True
            case "comes" if name is not None and name not in world.rooms:
                world.rooms[name] = RoomState(name, world.epochs.get(name, 0))
                world.costs[name] = value or 0.0
            case "goes":
                world.rooms.pop(name or "", None)
            case "passes":
                world.rounds(int(value or 1))
            case _:
                pass


@settings(max_examples=150, deadline=None)
@given(STEPS)
def test_after_any_deaths_and_joins_each_room_has_one_worker_and_shares_are_level(
    steps: list[tuple[str, str | None, float | None]],
) -> None:
    world = World()
    play(world, [*steps, ("joins", "a", 50.0)])
    world.rounds(QUIET_ROUNDS)
    alive = [name for name in world.workers if name not in world.dead and not world.workers[name].draining]
    if not alive:
        return  # whoever could is draining
    for room in world.rooms:
        assert len(world.holders(room)) == 1
        assert world.workers[world.rooms[room].owner or ""].holds[room] == world.rooms[room].epoch
    assert all(set(one.holds) <= set(world.rooms) for name, one in world.workers.items() if name not in world.dead)
    total = sum(map(world.load, alive))
    capacity = sum(world.workers[name].capacity for name in alive)
    for name in alive:
        share = total * world.workers[name].capacity / capacity
        lightest = min((EMPTY_ROOM + world.costs[room] for room in world.workers[name].holds), default=0.0)
        assert world.load(name) <= share * (1 + LEVEL) + lightest / 2 * max(1, len(alive) - 1) + 1e-6
    moves = world.moves
    world.rounds(10)
    assert world.moves == moves, "what is level stays so"


def test_rooms_that_open_at_once_are_shared_at_once() -> None:
    world = World()
    play(world, [("joins", "a", 50.0), ("joins", "b", 50.0), ("passes", None, 3)])
    for number in range(100):
        world.rooms[f"room-{number}"] = RoomState(f"room-{number}")
    world.rounds(2)
    shares = sorted(len(worker.holds) for worker in world.workers.values())
    assert sum(shares) == 100
    assert shares[0] >= 40


def test_who_begins_together_shares_from_the_beginning() -> None:
    world = World()
    for number in range(20):
        world.rooms[f"room-{number}"] = RoomState(f"room-{number}")
    play(world, [("joins", "a", 50.0), ("joins", "b", 50.0), ("passes", None, 1)])
    assert [worker.holds for worker in world.workers.values()] == [{}, {}]
    world.round()
    assert sorted(len(worker.holds) for worker in world.workers.values()) == [10, 10]


def test_who_joins_a_loaded_fleet_has_its_share_within_a_minute() -> None:
    world = World()
    for number in range(100):
        world.rooms[f"room-{number}"] = RoomState(f"room-{number}")
        world.costs[f"room-{number}"] = 0.5
    play(world, [("joins", "a", 50.0), ("passes", None, 5), ("joins", "b", 50.0)])
    world.rounds(60)
    assert all(40 <= len(worker.holds) <= 60 for worker in world.workers.values())


def test_a_room_that_is_given_away_is_watched_all_the_time() -> None:
    world = World()
    for number in range(40):
        world.rooms[f"room-{number}"] = RoomState(f"room-{number}")
    play(world, [("joins", "a", 50.0), ("passes", None, 3), ("joins", "b", 50.0)])
    for _ in range(60):
        world.round()
        assert all(world.holders(room) for room in world.rooms)
    play(world, [("drains", "a", None)])
    for _ in range(5):
        world.round()
        assert all(world.holders(room) for room in world.rooms)
    assert "a" in world.dead
    assert len(world.workers["b"].holds) == 40


def test_the_silent_are_taken_for_dead_after_three_seconds() -> None:
    world = World()
    world.rooms["exam"] = RoomState("exam")
    play(world, [("joins", "a", 50.0), ("passes", None, 3), ("joins", "b", 50.0), ("passes", None, 2)])
    [holder] = world.holders("exam")
    other = {"a": "b", "b": "a"}[holder]
    world.dead.add(holder)
    for _ in range(int(LIVES_SECONDS)):
        world.round()
        assert "exam" not in world.workers[other].holds
    world.round()
    assert "exam" in world.workers[other].holds
    world.dead.discard(holder)  # it was only frozen
    world.rounds(2)
    assert world.holders("exam") == [other]


def test_nobody_is_taken_for_dead_by_who_has_been_away() -> None:
    workers = {
        "a": WorkerState("a", "a-1", age=60.0, rounds=9, capacity=10.0),
        "b": WorkerState("b", "b-1", age=0.5, rounds=9, capacity=10.0),
    }
    rooms = {"exam": RoomState("exam", 3, "a", arrived=True)}
    beat = FakeWorker("b", answered=True, boots=1).beat()
    workers["b"] = replace(workers["b"], boot=beat.boot)
    assert not reconcile(beat, Round(workers, rooms, BEGAN, judges=False)).claims
    [claim] = reconcile(beat, Round(workers, rooms, BEGAN, judges=True)).claims
    assert (claim.room.epoch, claim.source, claim.reason) == (4, "a", "silent")


@pytest.mark.parametrize(
    ("age", "draining", "others", "overdue"),
    [
        (0.5, False, 1, None),
        (2.2, False, 1, 0.85),  # it has missed a beat: come again as soon as it may be taken for dead
        (2.2, True, 0, 0.85),
        (4.0, False, 1, None),  # dead, but perhaps about to be back
        (60.0, False, 0, None),
    ],
)
def test_a_beat_is_told_who_else_is_there_now_and_when_rooms_may_be_had(
    age: float, draining: bool, others: int, overdue: float | None
) -> None:
    beat = FakeWorker("b", answered=True).beat()
    workers = {
        "a": WorkerState("a", "a-1", age=age, rounds=9, capacity=10.0, draining=draining),
        "b": WorkerState("b", beat.boot, age=2.9, rounds=9, capacity=10.0),
    }
    rooms = {"exam": RoomState("exam", 3, "a", arrived=True), "own": RoomState("own", 3, "b", arrived=True)}
    outcome = reconcile(beat, Round(workers, rooms, BEGAN, judges=True))
    assert outcome.others == others
    assert outcome.overdue == (None if overdue is None else pytest.approx(overdue))
    del rooms["exam"]
    assert reconcile(beat, Round(workers, rooms, BEGAN, judges=True)).overdue is None, "nothing is to be had"


def test_a_fleet_that_is_too_small_watches_all_rooms_all_the_same() -> None:
    rooms = [Room(f"room-{number}", cost=10.0) for number in range(20)]
    assert len(decide("a", [Worker("a", 5.0, alive=True)], rooms).claims) == 20
