"""What a beat says, what comes of its answer, and what comes of none."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest
from structlog.testing import capture_logs

from facematch.protocol.beat import AssignedRoom, Beat, BeatAnswer, HeldRoom
from facematch.recognizer.delivery.api_client import Answer, ApiUnreachableError
from facematch.recognizer.room.cycle import CycleRules
from facematch.recognizer.stays.beats import HANG_SECONDS, Beats, Listeners, Worker
from facematch.recognizer.stays.stay import planned
from facematch.recognizer.wakeup import Wakeup
from tests.rig.virtual_time import now, run

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

WORKER = Worker("here-1", "boot", 50, {"CONSENT": "off"})


class Giving:
    """Stands in for the web process, the stays and whoever else hears of an answer."""

    def __init__(self) -> None:
        self.beats: list[tuple[float, Beat]] = []
        self.answer: BeatAnswer | int | None = BeatAnswer(deployment="depl")
        """A number: that status; None: nobody is there."""
        self.held: list[tuple[list[AssignedRoom], str]] = []
        self.left: list[str] = []
        self.versions: list[int | None] = []
        self.orders: list[Any] = []
        self.rooms: list[HeldRoom] = []
        self.draining = False
        self.work = 0.0
        self.slow = 0.0
        """Seconds until an answer."""
        self.empty = asyncio.Event()
        self.changed = Wakeup()
        self.beats_of = Beats(
            cast("Any", self),
            WORKER,
            cast("Any", self),
            self.changed,
            cast("Any", Listeners(cast("Any", SimpleNamespace(told=self.versions.append)), cast("Any", self))),
            lambda: self.work,
        )
        self.done: list[Any] = []

    async def post(self, path: str, body: bytes, seconds: float) -> Answer:
        assert (path, seconds) == ("/api/beat", 0.8)
        self.beats.append((now(), Beat.model_validate_json(body)))
        answer = self.answer
        await asyncio.sleep(self.slow)
        if answer is None:
            raise ApiUnreachableError("ConnectError")
        if isinstance(answer, int):
            return Answer(answer, b'{"detail": "no"}')
        return Answer(200, answer.model_dump_json().encode())

    @property
    def told(self) -> list[HeldRoom]:
        return self.rooms

    @property
    def count(self) -> int:
        return len(self.rooms)

    def hold(self, rooms: list[AssignedRoom], deployment: str) -> None:
        self.held.append((rooms, deployment))

    def leave_all(self, reason: str) -> None:
        self.left.append(reason)

    async def emptied(self) -> None:
        await self.empty.wait()

    async def carry_out(self, orders: list[Any], asker: str) -> bool:
        assert asker == "beat"
        self.orders += orders
        return False


def while_beating(act: Callable[[Giving], Awaitable[None]]) -> Giving:
    """What came of it."""

    async def whole() -> Giving:
        giving = Giving()
        beating = asyncio.create_task(giving.beats_of.run())
        await act(giving)
        beating.cancel()
        await asyncio.wait([beating])
        return giving

    return run(whole())


def test_the_first_beat_that_is_not_answered_is_sent_again_at_once() -> None:
    async def act(giving: Giving) -> None:
        await asyncio.sleep(0.5)
        giving.answer = None
        await asyncio.sleep(3.0)

    assert [at for at, _ in while_beating(act).beats] == [0.0, 1.0, 1.25, 2.25, 3.25]


def test_once_a_second_and_soon_after_a_change() -> None:
    async def act(giving: Giving) -> None:
        await asyncio.sleep(2.5)
        giving.rooms = [HeldRoom(room="a", epoch=1, arrived=True)]
        giving.changed.notify()
        await asyncio.sleep(1.0)

    giving = while_beating(act)
    assert [at for at, _ in giving.beats] == [0.0, 1.0, 2.0, 2.5]
    first, last = giving.beats[0][1], giving.beats[-1][1]
    assert (first.worker, first.boot, first.capacity, first.settings) == ("here-1", "boot", 50, {"CONSENT": "off"})
    assert [beat.first for _, beat in giving.beats] == [True, False, False, False]
    assert [(one.room, one.arrived) for one in last.rooms] == [("a", True)]


def test_an_answer_is_carried_out_whole() -> None:
    async def act(giving: Giving) -> None:
        room = AssignedRoom(room="a", epoch=3)
        giving.answer = BeatAnswer(
            deployment="depl", rooms=[room], gallery_version=7, settings_differ=["HOLD_SECONDS differs"]
        )
        await asyncio.sleep(1.5)

    with capture_logs() as lines:
        giving = while_beating(act)
    assert giving.held == [([AssignedRoom(room="a", epoch=3)], "depl")] * 2
    assert giving.versions == [7, 7]
    assert [line["event"] for line in lines] == ["HOLD_SECONDS differs"]  # once


@pytest.mark.parametrize("answer", [None, 500, 503, 401, 404])
def test_without_an_answer_everything_stays_as_it_is(answer: int | None) -> None:
    async def act(giving: Giving) -> None:
        giving.answer = answer
        await asyncio.sleep(4.5)

    with capture_logs() as lines:
        giving = while_beating(act)
    assert not giving.held
    assert not giving.left
    assert [at for at, _ in giving.beats] == [0.0, 0.25, 1.25, 2.25, 3.25, 4.25]
    assert len([line for line in lines if "every room is kept" in line["event"]]) == 1
    said = [line["event"] for line in lines if line["log_level"] == "error"]
    assert len(said) == (answer in (401, 404))


def test_a_recognizer_that_must_not_watch_leaves_all_rooms_and_says_why_once() -> None:
    async def act(giving: Giving) -> None:
        giving.answer = BeatAnswer(deployment="depl", refused="CONSENT differs")
        await asyncio.sleep(1.5)

    with capture_logs() as lines:
        giving = while_beating(act)
    assert giving.left == ["CONSENT differs"] * 2
    assert not giving.held
    assert [line["event"] for line in lines] == ["CONSENT differs"]


def test_while_face_work_hangs_beside_a_healthy_loop_no_beat_is_sent() -> None:
    async def act(giving: Giving) -> None:
        await asyncio.sleep(0.5)
        giving.work = HANG_SECONDS + 1
        await asyncio.sleep(10)
        giving.work = 0.1
        await asyncio.sleep(0.6)

    with capture_logs() as lines:
        giving = while_beating(act)
    assert [at for at, _ in giving.beats] == [0.0, pytest.approx(10.6, abs=0.2)]
    assert len([line for line in lines if line["event"].startswith("Face work hangs")]) == 1


ENDS = ["taken over", "nobody takes over", "nobody is there", "the API is away", "the API comes back", "no rooms"]


@pytest.mark.parametrize("case", ENDS)
def test_the_end_waits_for_the_next_owners_and_for_nobody_else(case: str) -> None:
    took = []

    async def act(giving: Giving) -> None:
        giving.rooms = [] if case == "no rooms" else [HeldRoom(room="a", epoch=1, arrived=True)]
        await asyncio.sleep(0.5)
        if case.startswith("the API"):
            answer, giving.answer = giving.answer, None
        if case == "the API comes back":  # and its answer has the rooms given to another, who is there soon
            asyncio.get_running_loop().call_later(1.6, setattr, giving, "answer", answer)
            asyncio.get_running_loop().call_later(2.2, giving.empty.set)
        if case == "nobody is there":
            giving.answer = BeatAnswer(deployment="depl", others=0)
        if case == "taken over":
            asyncio.get_running_loop().call_later(1.0, giving.empty.set)
        before = now()
        await giving.beats_of.drain(2.5)
        took.append(now() - before)

    giving = while_beating(act)
    longest = {"taken over": 1.0, "nobody is there": 0.1, "no rooms": 0.0, "the API comes back": 2.2}.get(case, 2.5)
    assert took == [pytest.approx(longest, abs=0.11)]
    if case != "no rooms":
        assert giving.beats[-1][1].draining
        assert giving.beats[1][0] <= 0.61  # at once


@pytest.mark.parametrize("case", ["answered before", "answered meanwhile", "not answered once"])
def test_the_end_believes_only_what_is_said_of_it_now(case: str) -> None:
    """Who ends after another has begun again is not told by an answer from before that nobody could take its rooms."""
    took = []

    async def act(giving: Giving) -> None:
        giving.rooms = [HeldRoom(room="a", epoch=1, arrived=True)]
        giving.answer = alone = BeatAnswer(deployment="depl", others=0)
        if case == "answered meanwhile":
            giving.slow = 0.5
        await asyncio.sleep(1.2)
        giving.slow = 0.0
        giving.answer = None if case == "not answered once" else alone.model_copy(update={"others": 1})
        if case == "not answered once":
            asyncio.get_running_loop().call_later(0.2, lambda: setattr(giving, "answer", BeatAnswer(deployment="depl")))
        before = now()
        await giving.beats_of.drain(2.5)
        took.append(now() - before)

    while_beating(act)
    assert took == [pytest.approx(2.5, abs=0.01)]


def test_a_beat_comes_sooner_when_rooms_may_be_had_then() -> None:
    async def act(giving: Giving) -> None:
        giving.answer = BeatAnswer(deployment="depl", again_seconds=0.4)
        await asyncio.sleep(0.1)
        giving.answer = BeatAnswer(deployment="depl", again_seconds=7.0)
        await asyncio.sleep(2.0)

    assert [at for at, _ in while_beating(act).beats] == [0.0, 0.4, 1.4]


@pytest.mark.parametrize(
    ("cameras", "hold", "wait", "expected"), [(0, 10, 10, 0), (1, 10, 10, 0.476), (3, 10, 2, 6.0), (1, 0, 0, 3.333)]
)
def test_what_a_room_costs_is_planned_from_its_cameras_and_the_duty_cycle(
    cameras: int, hold: float, wait: float, expected: float
) -> None:
    rules = CycleRules(
        batch_max_frames=5,
        hold_seconds=hold,
        wait_seconds=wait,
        batch_timeout_seconds=10,
        cooldown_seconds=3,
        threshold=0.5,
    )
    assert planned(cameras, rules) == pytest.approx(expected, abs=1e-3)
