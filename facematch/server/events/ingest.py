"""Events in: each gets an id, is stored once and in order, and only then goes to whoever listens."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

from facematch.server.events.writer import TooBusyError
from facematch.server.storage.errors import LogUnavailableError, OutdatedError, UnstorableError
from facematch.server.web.errors import ApiError, Code

if TYPE_CHECKING:
    from collections.abc import Callable

    from facematch.protocol.events import Event
    from facematch.server.events.writer import Writer

_SOON = {"Retry-After": "1"}


class Intake:
    """Takes events.

    Args:
        writer: stores them and hands them on.
        is_erased: whether an event is of somebody who was erased after it happened. Such a one is taken, so that its
            sender forgets it, and goes nowhere; it is not missed either.
    """

    def __init__(self, writer: Writer, is_erased: Callable[[Event], bool] = lambda _event: False) -> None:
        self._writer = writer
        self._is_erased = is_erased

    async def take(self, *events: Event) -> int:
        """Store events, in order, and hand them to the listeners.

        Returns:
            To how many listeners, of all events together; one that was there already goes to nobody.

        Raises:
            ApiError: 503, they are not stored and may be sent again; 409 or 422, one of them never will be.
        """
        try:
            return await self._writer.store(*map(_with_id, events), keep=lambda event: not self._is_erased(event))
        except LogUnavailableError as error:
            detail = f"The event could not be stored ({error}). Send it again."
            raise ApiError(503, Code.STORAGE_FAILED, detail, headers=_SOON) from error
        except TooBusyError as error:
            detail = "More events arrive than can be stored. Send it again."
            raise ApiError(503, Code.BUSY, detail, headers=_SOON) from error
        except OutdatedError as error:
            detail = "Another recognizer was in this room when the event happened. Do not send it again."
            raise ApiError(409, Code.ROOM_TAKEN_OVER, detail) from error
        except UnstorableError as error:  # a sender that repeats it would hold up all that come after it
            raise ApiError(422, Code.INVALID, "The event holds a value that cannot be stored.") from error


def _with_id(event: Event) -> Event:
    return event if event.event_id is not None else event.model_copy(update={"event_id": uuid4()})
