"""When somebody was looking: the time in which not having been seen says something. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from facematch.server.presence.evidence import Sight
from facematch.server.presence.intervals import cameras_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from facematch.server.presence.runs import Run

_CAN_SEE = (Sight.SEEN, Sight.NOT_SEEN)


class Looked(NamedTuple):
    """Looks one after the other, without anything between that cannot see. Moments in seconds since 1970."""

    room: str
    identity: str
    """Whose cameras; empty: any of the room."""
    begins: float
    """The first look."""
    ends: float
    """The last one."""


def looked(runs: Iterable[Run], *, by_room: bool) -> list[Looked]:
    """The stretches in which there were looks, by where and when they began.

    Args:
        runs: in any order; of a camera all of a stretch of time, and what was said of its room and participant.
        by_room: at any camera of a room, instead of those of each participant.
    """
    found: list[Looked] = []
    for chain, line in cameras_of(runs):
        identity = "" if by_room else chain.identity
        begins = ends = None
        for run in line:
            if run.sight in _CAN_SEE:
                begins, ends = run.at if begins is None else begins, run.last_at
            elif begins is not None and ends is not None:
                found.append(Looked(chain.room, identity, begins, ends))
                begins = None
        if begins is not None and ends is not None:
            found.append(Looked(chain.room, identity, begins, ends))
    return _united(found)


def _united(found: Iterable[Looked]) -> list[Looked]:
    """Those that overlap as one."""
    united: list[Looked] = []
    for one in sorted(found):
        last = united[-1] if united else None
        if last is not None and (last.room, last.identity) == (one.room, one.identity) and one.begins <= last.ends:
            united[-1] = last._replace(ends=max(last.ends, one.ends))
        else:
            united.append(one)
    return united
