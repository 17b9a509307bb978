"""Which rooms are watched: ROOMS, ROOMS_EXCEPT and ROOM_NAME together."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Container

_MOST_NAMED: Final = 5
"""Patterns in a sentence: there may be a thousand."""


@dataclass(frozen=True, slots=True)
class WatchedRooms:
    """By pattern, and one by its name."""

    patterns: tuple[str, ...]
    """Globs (`*`, `?`, `[…]`), in which case counts."""
    exceptions: tuple[str, ...] = ()
    always: str | None = None
    """A room that is watched whatever the patterns say, also while nobody is in it."""

    def __contains__(self, room: object) -> bool:
        """Whether a room of this name is to be watched."""
        if self.always is not None and room == self.always:
            return True
        return isinstance(room, str) and _fits(room, self.patterns) and not _fits(room, self.exceptions)

    def __str__(self) -> str:
        """The patterns, within a sentence."""
        words = f"{_named(self.patterns)} (ROOMS)"
        return f"{words} and not {_named(self.exceptions)} (ROOMS_EXCEPT)" if self.exceptions else words


@dataclass(frozen=True, slots=True)
class JoinableRooms:
    """Those that are named, and those that are watched."""

    named: Container[str]
    watched: Container[str]

    def __contains__(self, room: object) -> bool:
        """Whether somebody may join a room of this name."""
        return room in self.named or room in self.watched


def split_patterns(value: Any) -> Any:
    """Patterns as they stand in a setting: one a line, or with commas in between."""
    if not isinstance(value, str):
        return value
    return tuple(part.strip() for part in value.replace("\n", ",").split(",") if part.strip())


def _named(patterns: tuple[str, ...]) -> str:
    more = len(patterns) - _MOST_NAMED
    named = patterns if more <= 0 else (*patterns[:_MOST_NAMED], f"{more} more")
    return " or ".join(filter(None, (", ".join(named[:-1]), named[-1])))


def _fits(room: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatchcase(room, pattern) for pattern in patterns)
