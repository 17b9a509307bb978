"""Who signed in, and who changed photos: lines of the log, with a signature."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

from facematch.protocol.events import AuditEntry
from facematch.runtime.clock import wall_clock
from facematch.server.events.writer import TooBusyError
from facematch.server.storage.errors import LogUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from facematch.protocol.events import Audited
    from facematch.server.access.audit import Audit
    from facematch.server.events.writer import Writer


def audit_in(writer: Writer, now: Callable[[], datetime] = wall_clock) -> Audit:
    """An audit that is part of the event log.

    Args:
        writer: of the log.
        now: aware time; injected by tests.
    """

    async def keep(change: Audited, by: str, *, person_id: str | None = None, photos: int | None = None) -> None:
        entry = AuditEntry(event_id=uuid4(), timestamp=now(), change=change, by=by, person_id=person_id, photos=photos)
        try:
            await writer.store(entry)
        except TooBusyError as error:
            raise LogUnavailableError("too many events wait") from error

    return keep
