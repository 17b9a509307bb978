"""Neighbours of whom a test says whose they are: no test client has a socket that the system could know."""

from __future__ import annotations

from typing import TYPE_CHECKING

from facematch.server.access.neighbours import Neighbours, Whose

if TYPE_CHECKING:
    from starlette.types import Scope


class FakeNeighbours(Neighbours):
    """All are of one kind.

    Args:
        answer: which.
        tells: what `can_tell` says.
    """

    def __init__(self, answer: Whose = Whose.OURS, *, tells: bool = True) -> None:
        super().__init__()
        self.answer = answer
        self.tells = tells

    def can_tell(self) -> bool:
        return self.tells

    async def whose(self, _scope: Scope) -> Whose:
        return self.answer
