"""The memory watchdog: a pure rule, and the sampler that feeds it.

The figure is the container's where there is one (cgroup v2 or v1 with a limit), else the machine's. Page cache that
the kernel would give back does not count.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import ModuleType

psutil: ModuleType | None
try:
    import psutil
except ImportError:  # the watchdog then knows this process only
    psutil = None

SAMPLE_SECONDS = 1.0
REARM = 0.02
"""How far below the warn ratio memory must fall before the next warning is given."""


class Verdict(StrEnum):
    OK = "ok"
    WARN = "warn"
    EXIT = "exit"


class MemoryRule:
    """What a sample means. Warns once per rise, and says exit as long as it holds.

    Args:
        warn_ratio: fraction of the limit.
        exit_ratio: fraction of the limit.
    """

    def __init__(self, warn_ratio: float, exit_ratio: float) -> None:
        self._warn_ratio = warn_ratio
        self._exit_ratio = exit_ratio
        self._warned = False

    @property
    def short(self) -> bool:
        """True from a warning until memory has fallen clearly below the warn ratio."""
        return self._warned

    def judge(self, ratio: float) -> Verdict:
        """One sample: memory in use as a fraction of the limit."""
        if ratio >= self._exit_ratio:
            return Verdict.EXIT
        if ratio >= self._warn_ratio:
            first, self._warned = not self._warned, True
            return Verdict.WARN if first else Verdict.OK
        if ratio < self._warn_ratio - REARM:
            self._warned = False
        return Verdict.OK


@dataclass(frozen=True, slots=True)
class MemorySample:
    """Bytes."""

    used: int
    limit: int
    resident: int
    """Of this process."""

    @property
    def ratio(self) -> float:
        """Memory in use as a fraction of the limit."""
        return self.used / self.limit if self.limit else 0.0


class MemorySampler:
    """Reads memory figures.

    Args:
        cgroup: where control groups are mounted; injected by tests.
    """

    def __init__(self, cgroup: Path = Path("/sys/fs/cgroup")) -> None:
        self._cgroup = cgroup

    def sample(self) -> MemorySample:
        """The figures now."""
        used, limit = self._machine()
        contained = self._contained()
        if contained and contained[1] <= limit:
            used, limit = contained
        return MemorySample(used, limit, self._resident())

    def _contained(self) -> tuple[int, int] | None:
        """Used and limit of the control group; None where it has no limit."""
        for used_file, limit_file, stat_file, cache_key in (
            ("memory.current", "memory.max", "memory.stat", "inactive_file"),
            (
                "memory/memory.usage_in_bytes",
                "memory/memory.limit_in_bytes",
                "memory/memory.stat",
                "total_inactive_file",
            ),
        ):
            try:
                used = int((self._cgroup / used_file).read_text())
                limit = int((self._cgroup / limit_file).read_text())  # "max" means no limit
                stat = dict(line.split() for line in (self._cgroup / stat_file).read_text().splitlines())
            except (OSError, ValueError):
                continue
            return max(0, used - int(stat.get(cache_key, 0))), limit
        return None

    def _machine(self) -> tuple[int, int]:
        if psutil is not None:
            memory = psutil.virtual_memory()
            return memory.total - memory.available, memory.total
        return self._resident(), os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")

    def _resident(self) -> int:
        try:
            pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
        except OSError:
            return int(psutil.Process().memory_info().rss) if psutil is not None else 0
        return pages * os.sysconf("SC_PAGE_SIZE")
