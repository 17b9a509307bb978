from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from structlog.testing import capture_logs

from facematch.recognizer.batch_slots import BatchSlots
from facematch.recognizer.process.memory import MemorySample, MemorySampler
from facematch.recognizer.process.memory_watchdog import SHED_TO, Watchdog, give_memory_back
from facematch.recognizer.process.shutdown import Shutdown
from facematch.runtime.exit_codes import ExitCode
from tests.rig.virtual_time import now, run

if TYPE_CHECKING:
    from collections.abc import Iterator


class Told(MemorySampler):
    """A sampler that is told what to see, for ever the last of it; remembers when it was asked."""

    def __init__(self, *ratios: float) -> None:
        super().__init__()
        self._ratios: Iterator[float] = iter(ratios)
        self._last = 0.0
        self.asked_at: list[float] = []

    def sample(self) -> MemorySample:
        self._last = next(self._ratios, self._last)
        return MemorySample(used=round(self._last * 1000), limit=1000, resident=1)


class Scene:
    def __init__(self, *ratios: float, slots: int = 8) -> None:
        self.slots = BatchSlots(slots)
        self.shutdown = Shutdown()
        self.sampler = Told(*ratios)
        self.watchdog = Watchdog(
            self.sampler, warn_ratio=0.80, exit_ratio=0.92, slots=self.slots, shutdown=self.shutdown
        )

    def looks(self, count: int) -> list[tuple[str, str]]:
        with capture_logs() as lines:
            for _ in range(count):
                self.watchdog.look()
        return [(line["log_level"], line["event"]) for line in lines]


def test_below_the_ratios_it_is_silent() -> None:
    scene = Scene(0.5, 0.79)
    assert scene.looks(3) == []
    assert (scene.slots.limit, scene.shutdown.requested) == (8, False)


def test_the_exit_sentence_is_the_seeds() -> None:
    scene = Scene(0.93)
    ((level, sentence),) = scene.looks(1)
    assert level == "error"
    assert sentence.startswith("Memory usage 93.0% >= exit ratio 92.0%")
    assert (scene.shutdown.requested, scene.shutdown.code) == (True, ExitCode.MEMORY_LIMIT)


def test_a_warning_is_given_once_and_fewer_batches_with_it() -> None:
    scene = Scene(0.81, 0.85, 0.9)
    ((level, sentence),) = scene.looks(3)
    assert level == "warning"
    assert sentence.startswith("Memory usage 81.0% >= warn ratio 80.0%")
    assert scene.slots.limit == 8 // SHED_TO
    assert not scene.shutdown.requested


@pytest.mark.parametrize(("slots", "shed"), [(1, 1), (3, 1), (8, 2), (100, 25)])
def test_at_least_one_batch_goes_on(slots: int, shed: int) -> None:
    scene = Scene(0.85, slots=slots)
    scene.looks(1)
    assert scene.slots.limit == shed


def test_when_memory_is_back_so_are_the_batches() -> None:
    scene = Scene(0.81, 0.79, 0.79, 0.77, 0.77)
    assert len(scene.looks(3)) == 1
    assert scene.slots.limit == 2
    ((level, _),) = scene.looks(2)
    assert level == "info"
    assert scene.slots.limit == 8


def test_it_looks_every_second() -> None:
    class Timed(Told):
        def sample(self) -> MemorySample:
            self.asked_at.append(now())
            if len(self.asked_at) == 4:
                raise ZeroDivisionError
            return super().sample()

    async def scenario() -> list[float]:
        sampler = Timed(0.5)
        watchdog = Watchdog(sampler, warn_ratio=0.8, exit_ratio=0.9, slots=BatchSlots(1), shutdown=Shutdown())
        with pytest.raises(ZeroDivisionError):
            await watchdog.run()
        return sampler.asked_at

    assert run(scenario()) == [0.0, 1.0, 2.0, 3.0]


def test_giving_memory_back_harms_nothing() -> None:
    give_memory_back()
