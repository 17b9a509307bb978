"""Who did what, for the record: what other domains ask of whoever keeps it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from facematch.protocol.events import Audited


class Audit(Protocol):
    """Keeps that somebody did something."""

    async def __call__(
        self, change: Audited, by: str, *, person_id: str | None = None, photos: int | None = None
    ) -> None:
        """Keep it.

        Args:
            change: what was done.
            by: the signature of a caller.
            person_id: whose photos they are, or were; None: the reference photo, or none.
            photos: how many.

        Raises:
            OSError: it cannot be kept now.
        """
        ...
