"""The memory watchdog at work: warns, sheds load, and stops the process before the kernel does."""

from __future__ import annotations

import asyncio
import gc
from typing import TYPE_CHECKING

import structlog

from facematch.recognizer.process.memory import SAMPLE_SECONDS, MemoryRule, MemorySampler, Verdict
from facematch.runtime.exit_codes import ExitCode
from facematch.runtime.freed_memory import return_freed_memory

if TYPE_CHECKING:
    from facematch.recognizer.batch_slots import BatchSlots
    from facematch.recognizer.process.shutdown import Shutdown

log = structlog.get_logger(__name__)

SHED_TO = 4
"""While memory is short, one batch place in this many is handed out (at least one)."""


class Watchdog:
    """Samples memory every second.

    Near the limit (the warn ratio) it first sheds: fewer batches at once, and memory that is only kept for reuse is
    given back. At the exit ratio it asks for a graceful stop; whoever supervises starts the process again.

    Args:
        sampler: reads the figures.
        warn_ratio: fraction of the limit.
        exit_ratio: fraction of the limit.
        slots: the batch slots.
        shutdown: asked to stop the process.
    """

    def __init__(
        self, sampler: MemorySampler, *, warn_ratio: float, exit_ratio: float, slots: BatchSlots, shutdown: Shutdown
    ) -> None:
        self._sampler = sampler
        self._warn_ratio = warn_ratio
        self._exit_ratio = exit_ratio
        self._rule = MemoryRule(warn_ratio, exit_ratio)
        self._slots = slots
        self._shutdown = shutdown

    async def run(self) -> None:
        """Watch, for ever."""
        while True:
            self.look()
            await asyncio.sleep(SAMPLE_SECONDS)

    def look(self) -> None:
        """Take one sample and act on it."""
        ratio = self._sampler.sample().ratio
        match self._rule.judge(ratio):
            case Verdict.WARN:
                log.warning(f"Memory usage {ratio:.1%} >= warn ratio {self._warn_ratio:.1%}; fewer batches at once")
                self._slots.limit = self._slots.count // SHED_TO
                give_memory_back()
            case Verdict.EXIT:
                log.error(f"Memory usage {ratio:.1%} >= exit ratio {self._exit_ratio:.1%}; stopping")
                self._shutdown.request(ExitCode.MEMORY_LIMIT)
            case Verdict.OK if not self._rule.short and self._slots.limit < self._slots.count:
                log.info(f"Memory usage {ratio:.1%}: back to {self._slots.count} batches at once")
                self._slots.limit = self._slots.count


def give_memory_back() -> None:
    """Collect garbage, and return what was freed to the system."""
    gc.collect()
    return_freed_memory()
