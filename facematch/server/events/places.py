"""Places for listeners: how many there may be in all, of one login, of one key; and some that are kept for admins."""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from facematch.server.access.caller import By, Caller
from facematch.server.access.roles import Role

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST: Final = 1_000
"""In all."""
KEPT: Final = 100
"""Of these, how many are kept for admins, and in local mode for this user's own programs."""
OF_LOGIN: Final = 50
"""Of one login: pages that a person has open, and those that went without a word a moment ago."""
OF_KEY: Final = 500
"""Of all programs with the same key."""


@dataclass(frozen=True, slots=True)
class Holder:
    """Who listens, as far as places go."""

    name: str
    most: int
    """Places that it may hold."""
    in_kept: bool
    """Whether it may have those that are kept."""


def holder_of(caller: Caller) -> Holder:
    """Who holds the places of this caller's listeners."""
    if caller.by is By.LOCAL:
        return Holder(caller.by, MOST, in_kept=True)
    admin = Role.ADMIN in caller.roles
    if caller.session is not None:
        return Holder(f"login {caller.session.id}", OF_LOGIN, in_kept=admin)
    return Holder(f"key of {' '.join(sorted(caller.roles))}", OF_KEY, in_kept=admin)


class Places:
    """Who has how many."""

    def __init__(self) -> None:
        self._held: Counter[str] = Counter()

    def refusal(self, holder: Holder) -> str | None:
        """Why this holder cannot have one more; None: it can."""
        if self._held.total() >= MOST - (0 if holder.in_kept else KEPT):
            return "As many listeners are connected as there may be."
        if self._held[holder.name] >= holder.most:
            return f"{holder.most} listeners are connected with this login or key, and no more may be. Close some."
        return None

    @contextmanager
    def held(self, holder: Holder) -> Iterator[None]:
        """Hold one, for which there was no refusal."""
        self._held[holder.name] += 1
        try:
            yield
        finally:
            self._held[holder.name] -= 1
            if not self._held[holder.name]:
                del self._held[holder.name]
