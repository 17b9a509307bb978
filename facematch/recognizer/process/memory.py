"""The memory watchdog: a pure rule, and the sampler that feeds it.

The figure is that of the control group (cgroup v2 or v1) with a limit that is fullest: a container, a systemd unit or
anything around them; without one the machine's. Page cache that the kernel would give back does not count.
"""

from __future__ import annotations

import contextlib
import os
import time
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import psutil

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SAMPLE_SECONDS = 1.0
GROUPS_SECONDS = 30.0
"""After which it is looked up again which control groups have a limit."""
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


class _Files(NamedTuple):
    """What a version calls its files."""

    used: str
    limit: str
    cache_key: str
    """The line of `memory.stat` with what the kernel would give back."""


_VERSION_2 = _Files("memory.current", "memory.max", "inactive_file")
_VERSION_1 = _Files("memory.usage_in_bytes", "memory.limit_in_bytes", "total_inactive_file")


_Group = tuple[Path, _Files]


def _limit(group: _Group) -> int | None:
    """Of a control group, in bytes; None where it has none or is not there."""
    folder, files = group
    try:
        return int((folder / files.limit).read_text())  # "max" means no limit
    except (OSError, ValueError):
        return None


def _figures(group: _Group) -> tuple[int, int] | None:
    """Used and limit of a control group, in bytes; None where it has no limit or is not there."""
    folder, files = group
    if (limit := _limit(group)) is None:
        return None
    try:
        used = int((folder / files.used).read_text())
        stat = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
        return max(0, used - int(stat.get(files.cache_key, 0))), limit
    except (OSError, ValueError):
        return None


class MemorySampler:
    """Reads memory figures.

    Which groups have a limit is looked up now and then: to do that every second costs more than all else that an idle
    recognizer does by itself.

    Args:
        cgroup: where control groups are mounted; injected by tests.
        own: the file that names the groups of this process; injected by tests.
        monotonic: seconds; injected by tests.
    """

    def __init__(
        self,
        cgroup: Path = Path("/sys/fs/cgroup"),
        own: Path = Path("/proc/self/cgroup"),
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._cgroup = cgroup
        self._own = own
        self._monotonic = monotonic
        self._limited: list[_Group] = []
        """The groups that have a limit below the machine's memory."""
        self._looked_up_at: float | None = None
        self._newest: tuple[float, MemorySample] | None = None

    def sample(self) -> MemorySample:
        """The figures now."""
        used, limit = self._machine()
        self._look_up(limit)
        contained = [found for found in map(_figures, self._limited) if found and found[1] <= limit]
        if contained:
            used, limit = max(contained, key=lambda found: found[0] / max(1, found[1]))
        sample = MemorySample(used, limit, self._resident())
        self._newest = self._monotonic(), sample
        return sample

    def recent(self) -> MemorySample:
        """Those of the last second: reading them anew, with each heartbeat, costs more than the heartbeat."""
        if self._newest is None or self._monotonic() - self._newest[0] > SAMPLE_SECONDS:
            return self.sample()
        return self._newest[1]

    def _look_up(self, machine: int) -> None:
        now = self._monotonic()
        if self._looked_up_at is None or now - self._looked_up_at >= GROUPS_SECONDS:
            self._looked_up_at = now
            found = ((group, _limit(group)) for group in self._groups())
            self._limited = [group for group, limit in found if limit is not None and limit <= machine]

    def _groups(self) -> Iterator[_Group]:
        """The groups whose limits hold for this process: its own and those around it, up to the mount.

        In a container that shows only its own groups, the mount is the container, and what `own` names is not there.
        """
        yield self._cgroup, _VERSION_2
        yield self._cgroup / "memory", _VERSION_1
        with contextlib.suppress(OSError, UnicodeDecodeError):
            for line in self._own.read_text().splitlines():
                number, controllers, path = [*line.split(":", 2), "", ""][:3]
                version_2 = number == "0" and not controllers
                if not version_2 and "memory" not in controllers.split(","):
                    continue
                mount, files = (self._cgroup, _VERSION_2) if version_2 else (self._cgroup / "memory", _VERSION_1)
                parts = [part for part in path.split("/") if part not in ("", "..")]
                for depth in range(len(parts), 0, -1):
                    yield mount.joinpath(*parts[:depth]), files

    def _machine(self) -> tuple[int, int]:
        memory = psutil.virtual_memory()
        return memory.total - memory.available, memory.total

    def _resident(self) -> int:
        try:
            pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
        except OSError:
            return int(psutil.Process().memory_info().rss)
        return pages * os.sysconf("SC_PAGE_SIZE")
