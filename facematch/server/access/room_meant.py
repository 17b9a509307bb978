"""Which room a request means that may name one."""

from __future__ import annotations

from facematch.server.web.errors import invalid

ROOM_HELP = "Default: ROOM_NAME, which has to be set for that beside ROOMS"
"""Of the field `room`, in the description of requests."""
SAY_WHICH = "say which: several rooms are watched (ROOMS), and ROOM_NAME is not set"


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
