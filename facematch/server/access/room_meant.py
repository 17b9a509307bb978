"""Which room a request means that may name one, and whether it may."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from facematch.server.web.errors import ApiError, Code, invalid

if TYPE_CHECKING:
    from collections.abc import Container

ROOM_HELP = "Default: ROOM_NAME, which has to be set for that beside ROOMS"
"""Of the field `room`, in the description of requests."""
SAY_WHICH = "say which: several rooms are watched (ROOMS), and ROOM_NAME is not set"
NOT_ALLOWED: Final = "Tokens are not given for this room. Add it to ALLOWED_ROOMS to allow it."
_NOT_WATCHED: Final = (
    "Nobody watches a room of this name. The names that are watched fit {}. "
    "Others may be joined if ALLOWED_ROOMS has them."
)


@dataclass(frozen=True, slots=True)
class RoomsOffered:
    """The rooms that tokens and invitations are given for."""

    default: str | None
    """When none is named; None: one has to be."""
    joinable: Container[str]
    fitting: str = ""
    """Which names are watched by pattern, in words; empty: none are."""

    def meant(self, asked: str | None) -> str:
        """The room of a request; None or empty: the default one.

        Raises:
            ApiError: 403, nobody may join it; 422, it is not said which.
        """
        room = room_meant(asked, self.default)
        if room not in self.joinable:
            sentence = _NOT_WATCHED.format(self.fitting) if self.fitting else NOT_ALLOWED
            raise ApiError(403, Code.ROOM_NOT_ALLOWED, sentence)
        return room


def room_meant(asked: str | None, default: str | None) -> str:
    """The room of a request.

    Args:
        asked: None or empty: the default one.
        default: None: where several are watched, none of them is meant before the others.

    Raises:
        ApiError: 422, it does not say which.
    """
    room = (asked or "").strip() or default
    if room is None:
        raise invalid([{"loc": ("room",), "msg": SAY_WHICH}])
    return room
