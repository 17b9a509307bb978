"""Where snapshots are kept: a folder, or an object store. Nothing but what is named as they are is ever touched."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from facematch.protocol.snapshot_names import is_snapshot_name, snapshot_of_draft

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

LARGEST: Final = 32 * 1024 * 1024
"""Bytes of a snapshot; what is larger is none."""


@dataclass(frozen=True, slots=True)
class SnapshotFile:
    """One snapshot."""

    written_at: float
    """Wall-clock seconds, of whoever wrote it."""
    size: int
    """Bytes."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What is in it."""

    data: bytes
    tag: str
    """Another when the data are others; no quotes."""


class SnapshotStorage(Protocol):
    """See the module. Every method raises `OSError` when the place cannot be reached, or does not do it now."""

    takes_uploads: bool
    """Whether recognizers send snapshots here: then an event may come before its snapshot."""
    look_seconds: float
    """How far apart looks at everything are, at least: they cost something."""

    def open(self) -> None:
        """Make it ready, before anything else is asked of it."""
        ...

    async def files(self) -> Mapping[str, SnapshotFile]:
        """Every snapshot by its name, and what is left of those that were not finished."""
        ...

    async def read(self, name: str) -> Snapshot | None:
        """A snapshot; None: there is none of this name."""
        ...

    async def write(self, name: str, data: bytes) -> bool:
        """Keep a snapshot, whole or not at all. Returns False when there is another one of this name."""
        ...

    async def remove(self, names: Iterable[str]) -> int:
        """Remove snapshots. Returns how many of them there were. When it raises, those that could go have gone."""
        ...

    async def holds(self, names: Iterable[str]) -> bool:
        """Whether any of them is there, looked up anew."""
        ...

    async def check(self) -> str:
        """What there is to say of its health."""
        ...


def is_ours(name: str) -> bool:
    """Whether what is called like this is a snapshot, or one that was not finished."""
    return is_snapshot_name(name) or snapshot_of_draft(name) is not None
