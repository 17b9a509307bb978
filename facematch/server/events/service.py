"""From an event that is posted to everybody who is told of it: the log, the listeners, the webhook."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

import structlog

from facematch.server.events.gaps import Gaps
from facematch.server.events.writer import Writer
from facematch.server.monitoring.status import EventsStatus, GapsStatus, GapStatus
from facematch.server.webhooks.relay import Receiver, WebhookRelay

if TYPE_CHECKING:
    from facematch.server.events.hub import Hub
    from facematch.server.events.log import Entry, EventLog
    from facematch.server.webhooks.relay import WebhookStatus
    from facematch.server.webhooks.store import WebhookStore

log = structlog.get_logger(__name__)


class Feed:
    """The parts that an event passes through, opened and closed together.

    Args:
        event_log: opened and closed with this.
        hub: the listeners.
        store: how far the webhook has come; None: there can be no webhook.
        receiver: who the webhook tells; None: nobody.
    """

    def __init__(self, event_log: EventLog, hub: Hub, store: WebhookStore | None, receiver: Receiver | None) -> None:
        self._log = event_log
        self._hub = hub
        self._store = store
        self._relay = WebhookRelay(receiver, event_log, store) if receiver and store else None
        self._relaying: asyncio.Task[None] | None = None
        self._gaps = Gaps()
        self._known = (0, 0)
        self.writer = Writer(event_log, self._publish, self._gaps)
        """Where events go in."""

    async def open(self) -> None:
        """Ready to take events.

        Raises:
            SchemaTooNewError, LogUnavailableError: it cannot be.
        """
        await self._log.open()
        await self.writer.open()
        if self._relay:
            await self._relay.open()
            self._relaying = asyncio.create_task(self._relay.run(), name="webhook")
        elif self._store:
            with suppress(OSError):  # a full disk: it is forgotten at another start
                await self._store.forget()

    async def aclose(self) -> None:
        """Finish what has been taken, and let go of everything."""
        if self._relaying:
            self._relaying.cancel()
            await asyncio.wait([self._relaying])
        await self.writer.aclose()
        await self._log.aclose()

    async def check(self) -> None:
        """Return if events can be stored.

        Raises:
            OSError: they cannot; says why.
        """
        await self._log.check()
        if self.writer.recent_trouble:  # what was tried is not stored although a little could be written
            raise OSError(self.writer.recent_trouble)

    async def events(self) -> EventsStatus:
        """The log, as far as it can be read."""
        error = self.writer.trouble
        try:
            self._known = (await self._log.count(), await self._log.latest())
        except OSError as failure:
            error = str(failure)
        gaps = [GapStatus(source=gap.source, first=gap.first, last=gap.last) for gap in self._gaps.latest]
        count, cursor = self._known
        return EventsStatus(count=count, cursor=cursor, error=error, gaps=GapsStatus(count=self._gaps.count, last=gaps))

    async def webhook(self) -> WebhookStatus | None:
        """The webhook, when there is one."""
        return await self._relay.status() if self._relay else None

    def _publish(self, entry: Entry) -> int:
        if self._relay:
            self._relay.notify(entry)
        return self._hub.publish(entry)
