"""What the web process says of single participants: who they are supposed to be, who is not to be looked at, and whom
to look at now.

It comes with the answers to heartbeats, about those whom the heartbeat has named. What was said holds until something
else is said, also while the web process is away. Identities are as in `subject.Subject`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from facematch.protocol.heartbeat import HeartbeatAnswer

SILENT_SECONDS: Final = 6.0
"""After which a web process that does not answer is taken for away: one lost heartbeat says nothing."""
_USUAL_SECONDS: Final = 2.0
"""From one heartbeat to the next where there are cameras; elsewhere the last that was heard may be long ago."""


def _nothing(_identity: str) -> None:
    """Nobody keeps faces."""


class Directions:
    """One for all rooms of the process, as heartbeats are.

    Args:
        acknowledge: called with the identity of a participant whose other face somebody has seen to.
    """

    def __init__(self, acknowledge: Callable[[str], None] = _nothing) -> None:
        self._acknowledge = acknowledge
        self._acknowledged: dict[str, int] = {}
        """Of everybody who was named: the number with which it was said last that somebody has seen to it."""
        self._listeners: list[Callable[[], None]] = []
        self._bound: dict[str, str] = {}
        self._apart: frozenset[str] = frozenset()
        self._told: frozenset[str] = frozenset()
        """About whom something was said, be it that there is nothing to say."""
        self._silent = False
        """The web process does not answer, or is of a version that says nothing of participants."""
        self._all_compared = False
        """Nobody at all is not to be looked at, said the last answer."""
        self._heard_at: float | None = None
        self._unheard_at: float | None = None
        """When the first heartbeat since then was not answered."""
        self._looks: dict[str, int] = {}
        self._look = 0

    def bound_person(self, identity: str) -> str | None:
        """The id of the person whom a participant is supposed to be; None: nobody says so."""
        return self._bound.get(identity)

    def compared(self, identity: str) -> bool:
        """False when a participant is not to be looked at."""
        return identity not in self._apart

    def known(self, identity: str) -> bool:
        """Whether the web process has had its say about a participant, or has none."""
        return self._silent or self._all_compared or identity in self._told

    def look_asked(self, identity: str) -> int:
        """A number that rises when somebody wants to have a participant looked at now; 0 at first."""
        return self._looks.get(identity, 0)

    def subscribe(self, listener: Callable[[], None]) -> None:
        """Call `listener` on the event loop after every change."""
        self._listeners.append(listener)

    def unsubscribe(self, listener: Callable[[], None]) -> None:
        """Stop calling `listener`."""
        self._listeners.remove(listener)

    def hear(self, answer: HeartbeatAnswer, named: frozenset[str], now: float) -> None:
        """The answer, at `now` (monotonic seconds), to a heartbeat that named these identities."""
        before = self._state()
        self._heard_at, self._unheard_at = now, None
        if answer.bindings is not None:
            self._bound = dict(answer.bindings)
        self._silent, self._all_compared = answer.not_compared is None, answer.all_compared
        if answer.not_compared is not None:
            self._apart, self._told = frozenset(answer.not_compared), named
        if answer.acknowledged is not None:
            numbers = {identity: answer.acknowledged.get(identity, 0) for identity in named}
            for identity in sorted(numbers.keys() & self._acknowledged.keys()):
                if numbers[identity] > self._acknowledged[identity]:
                    self._acknowledge(identity)
            self._acknowledged = numbers
        self._looks = {identity: look for identity, look in self._looks.items() if identity in named}
        for identity in answer.look_now:
            self._look += 1
            self._looks[identity] = self._look
        self._tell_if_other_than(before)

    def unheard(self, now: float) -> None:
        """A heartbeat was not answered until `now`."""
        before = self._state()
        self._unheard_at = now if self._unheard_at is None else self._unheard_at
        since = self._heard_at
        if since is not None and self._unheard_at - since > SILENT_SECONDS:  # nobody had asked before
            since = self._unheard_at - _USUAL_SECONDS
        self._silent = self._silent or since is None or now - since >= SILENT_SECONDS
        self._tell_if_other_than(before)

    def _state(self) -> tuple[object, ...]:
        return self._bound, self._apart, self._told, self._silent, self._all_compared, self._look

    def _tell_if_other_than(self, before: tuple[object, ...]) -> None:
        if before != self._state():
            for listener in list(self._listeners):
                listener()
