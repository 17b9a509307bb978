"""Which types of events the web process takes: one that is older than the recognizer knows only the first ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from facematch.protocol.events import FIRST_TYPES

if TYPE_CHECKING:
    from collections.abc import Collection

log = structlog.get_logger(__name__)


class Understanding:
    """What the answers to heartbeats say of it. Before the first one, everything is sent, and what is refused unless
    every version takes it counts as not understood.
    """

    def __init__(self) -> None:
        self._takes: frozenset[str] | None = None
        self._told = False

    def hear(self, types: Collection[str]) -> None:
        """The web process takes these."""
        self._takes = frozenset(types)

    def includes(self, type_: str) -> bool:
        """Whether an event of this type is worth sending."""
        return self._takes is None or type_ in self._takes or type_ in FIRST_TYPES

    def excuses(self, type_: str) -> bool:
        """Whether a refusal of this type may be nothing but the web process's age."""
        excused = type_ not in FIRST_TYPES and (self._takes is None or type_ not in self._takes)
        if excused and not self._told:
            self._told = True
            log.info("The API is of an older version and does not take all events; what it does not know is left out")
        return excused
