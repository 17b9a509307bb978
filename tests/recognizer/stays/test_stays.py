"""Rooms that are held are made equal to those that are to be held, whatever is said and in whatever order."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from facematch.protocol.beat import AssignedRoom, HeldRoom
from facematch.recognizer.process.shutdown import Shutdown
from facematch.recognizer.room.connection import CredentialsRefusedError
from facematch.recognizer.stays.stays import Stays
from facematch.recognizer.wakeup import Wakeup
from facematch.runtime.exit_codes import ExitCode
from tests.rig.virtual_time import run

if TYPE_CHECKING:
    from facematch.recognizer.room.tenure import Tenure
    from facematch.recognizer.stays.stay import Stay as RealStay

LEAVING_SECONDS = 0.2


class Watched:
    """Stands in for a stay: who is in which room, and that nobody is in one twice."""

    def __init__(self) -> None:
        self.inside: dict[str, int] = {}
        self.began: list[tuple[str, int]] = []
        self.stays: dict[tuple[str, int], Watched.Stay] = {}
        self.failing: Exception | None = None

    class Stay:
        def __init__(self, tenure: Tenure, watched: Watched) -> None:
            self.tenure = tenure
            self.ended: str | None = None
            self.over = asyncio.Event()
            self._watched = watched

        def told(self) -> HeldRoom:
            room, epoch = self.tenure.room, self.tenure.epoch
            return HeldRoom(room=room, epoch=epoch, arrived=room in self._watched.inside, ended=self.ended)

        async def run(self) -> None:
            room = self.tenure.room
            assert room not in self._watched.inside
            if self._watched.failing is not None:
                raise self._watched.failing
            self._watched.inside[room] = self.tenure.epoch
            self._watched.began.append((room, self.tenure.epoch))
            try:
                await self.over.wait()
                self.ended = "ROOM_DELETED"
            finally:
                await asyncio.sleep(LEAVING_SECONDS)
                del self._watched.inside[room]

    def make(self, tenure: Tenure) -> RealStay:
        stay = Watched.Stay(tenure, self)
        self.stays[tenure.room, tenure.epoch] = stay
        return cast("RealStay", stay)


def stays_of(watched: Watched, shutdown: Shutdown | None = None) -> Stays:
    return Stays(watched.make, Wakeup(), shutdown or Shutdown())


def rooms(**epochs: int) -> list[AssignedRoom]:
    return [AssignedRoom(room=room, epoch=epoch) for room, epoch in epochs.items()]


async def settled() -> None:
    await asyncio.sleep(LEAVING_SECONDS * 3)


def test_what_is_given_is_entered_and_what_is_not_is_left() -> None:
    async def whole() -> None:
        watched = Watched()
        stays = stays_of(watched)
        stays.hold(rooms(a=1, b=4), "depl")
        await settled()
        assert watched.inside == {"a": 1, "b": 4}
        assert {(one.room, one.epoch, one.arrived) for one in stays.told} == {("a", 1, True), ("b", 4, True)}
        stays.hold(rooms(b=4, c=2), "depl")
        await settled()
        assert watched.inside == {"b": 4, "c": 2}
        stays.hold(rooms(b=4, c=2), "depl")
        await settled()
        assert watched.began == [("a", 1), ("b", 4), ("c", 2)]  # nobody was disturbed
        await stays.aclose()
        assert not watched.inside

    run(whole())


@pytest.mark.parametrize(("epoch", "deployment"), [(2, "depl"), (1, "other")])
def test_under_another_epoch_it_is_left_before_it_is_entered_again(epoch: int, deployment: str) -> None:
    async def whole() -> None:
        watched = Watched()
        stays = stays_of(watched)
        stays.hold(rooms(a=1), "depl")
        await settled()
        stays.hold(rooms(a=epoch), deployment)
        await asyncio.sleep(LEAVING_SECONDS / 2)
        assert watched.inside == {"a": 1}
        await settled()
        assert watched.began == [("a", 1), ("a", epoch)]
        assert watched.inside == {"a": epoch}
        await stays.aclose()

    run(whole())


def test_a_room_that_is_given_away_is_kept_until_its_next_owner_is_there() -> None:
    async def whole() -> None:
        watched = Watched()
        stays = stays_of(watched)
        stays.hold(rooms(a=1), "depl")
        await settled()
        stays.hold([AssignedRoom(room="a", epoch=1, arrived_elsewhere=False)], "depl")
        await settled()
        assert watched.inside == {"a": 1}
        for _ in range(2):
            stays.hold([AssignedRoom(room="a", epoch=1, arrived_elsewhere=True)], "depl")
            await settled()
            assert not watched.inside
        assert watched.began == [("a", 1)]

    run(whole())


def test_a_stay_that_is_over_is_told_until_nobody_speaks_of_it_and_not_begun_again() -> None:
    async def whole() -> None:
        watched = Watched()
        stays = stays_of(watched)
        stays.hold(rooms(a=1), "depl")
        await asyncio.sleep(0)
        watched.stays["a", 1].over.set()
        await settled()
        stays.hold(rooms(a=1), "depl")
        await settled()
        assert [(one.room, one.ended, one.arrived) for one in stays.told] == [("a", "ROOM_DELETED", False)]
        assert watched.began == [("a", 1)]
        stays.hold(rooms(a=2), "depl")
        await settled()
        assert watched.inside == {"a": 2}
        await stays.aclose()

    run(whole())


def test_one_room_that_fails_takes_no_other_with_it() -> None:
    async def whole() -> None:
        watched = Watched()
        stays = stays_of(watched)
        stays.hold(rooms(a=1), "depl")
        await settled()
        watched.failing = RuntimeError("broken")
        with capture_logs() as lines:
            stays.hold(rooms(a=1, b=1), "depl")
            await settled()
        assert watched.inside == {"a": 1}
        assert {one.room: one.ended for one in stays.told} == {"a": None, "b": "RuntimeError"}
        assert [line["room"] for line in lines if line["log_level"] == "error"] == ["b"]
        await stays.aclose()

    run(whole())


def test_refused_credentials_end_the_process() -> None:
    async def whole() -> ExitCode:
        watched, shutdown = Watched(), Shutdown()
        watched.failing = CredentialsRefusedError("invalid API key")
        stays = stays_of(watched, shutdown)
        stays.hold(rooms(a=1), "depl")
        await settled()
        assert shutdown.requested
        await stays.aclose()
        return shutdown.code

    assert run(whole()) is ExitCode.CREDENTIALS_REFUSED


def test_whoever_is_stopping_begins_nothing_and_is_empty_when_all_is_left() -> None:
    async def whole() -> None:
        watched = Watched()
        stays = stays_of(watched)
        stays.hold(rooms(a=1), "depl")
        await settled()
        stays.draining = True
        emptied = asyncio.create_task(stays.emptied())
        stays.hold(rooms(a=1, b=1), "depl")
        await settled()
        assert watched.inside == {"a": 1}
        assert not emptied.done()
        stays.hold([], "depl")
        await emptied
        assert not watched.inside

    run(whole())


def test_each_move_is_one_line_with_its_reason() -> None:
    async def whole() -> None:
        watched = Watched()
        stays = stays_of(watched)
        stays.hold(rooms(a=1, b=1), "depl")
        await settled()
        stays.hold([*rooms(a=2), AssignedRoom(room="b", epoch=1, arrived_elsewhere=True)], "depl")
        await settled()
        watched.stays["a", 2].over.set()
        await settled()
        await stays.aclose()

    with capture_logs() as lines:
        run(whole())
    assert [(line["event"], line["room"], line["epoch"]) for line in lines] == [
        ("Room taken on", "a", 1),
        ("Room taken on", "b", 1),
        ("Room left", "a", 1),
        ("Room left", "b", 1),
        ("Room taken on", "a", 2),
        ("Room left", "a", 2),
    ]
    assert all(line["reason"] for line in lines)


def test_a_stay_that_ends_while_it_is_taken_away_is_one_line_too() -> None:
    async def whole() -> None:
        watched = Watched()
        stays = stays_of(watched)
        stays.hold(rooms(a=1), "depl")
        await settled()
        watched.stays["a", 1].over.set()
        await asyncio.sleep(LEAVING_SECONDS / 2)
        stays.hold([], "depl")
        await settled()
        await stays.aclose()

    with capture_logs() as lines:
        run(whole())
    assert [(line["event"], line.get("reason")) for line in lines] == [
        ("Room taken on", "given to this recognizer"),
        ("Room left", "it is no more"),
    ]


_ANSWERS = st.lists(
    st.dictionaries(st.sampled_from("abc"), st.integers(1, 3), max_size=3).map(
        lambda epochs: [AssignedRoom(room=room, epoch=epoch) for room, epoch in epochs.items()]
    ),
    max_size=8,
)


@given(_ANSWERS, st.lists(st.floats(0, LEAVING_SECONDS), min_size=8, max_size=8))
@settings(max_examples=100, deadline=None)
def test_whatever_was_said_before_the_last_word_counts(answers: list[list[AssignedRoom]], pauses: list[float]) -> None:
    async def whole() -> None:
        watched = Watched()  # which asserts that no room is entered twice
        stays = stays_of(watched)
        for answer, pause in zip(answers, pauses, strict=False):
            stays.hold(answer, "depl")
            await asyncio.sleep(pause)
        await asyncio.sleep(LEAVING_SECONDS * 10)
        last = {one.room: one.epoch for one in answers[-1]} if answers else {}
        assert watched.inside == last
        await stays.aclose()

    run(whole())
