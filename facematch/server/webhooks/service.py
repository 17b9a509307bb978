"""The webhook while the web process runs: opened after the event log, closed before it."""

from __future__ import annotations

from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Final

from facematch.runtime.meanwhile import meanwhile
from facematch.server.webhooks.relay import Receiver, WebhookRelay, WebhookStatus

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from facematch.server.events.log import Entry, EventLog
    from facematch.server.storage.leases import Leases
    from facematch.server.webhooks.store import WebhookStore

_LEASE: Final = "webhook"


class Webhooks:
    """Tells one receiver of events, or nobody.

    Args:
        event_log: what is told; opened and closed by others.
        store: how far the receiver has been told.
        receiver: who is told; None: nobody.
        leases: one process at a time delivers.
    """

    def __init__(self, event_log: EventLog, store: WebhookStore, receiver: Receiver | None, leases: Leases) -> None:
        self._store = store
        self._leases = leases
        self._relay = WebhookRelay(receiver, event_log, store) if receiver else None

    def notify(self, entry: Entry) -> None:
        """There is a new entry. Never waits."""
        if self._relay:
            self._relay.notify(entry)

    async def status(self) -> WebhookStatus | None:
        """How it goes; None: nobody is told."""
        return await self._relay.status(delivers=self._leases.holds(_LEASE)) if self._relay else None

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Deliver while this is open. Enter it before new events come."""
        if self._relay is None:
            with suppress(OSError):  # a full disk: it is forgotten at another start
                await self._store.forget()
            yield
            return
        await self._relay.open()
        async with meanwhile(("webhook", self._leases.while_held(_LEASE, self._deliver))):
            yield

    async def _deliver(self, _epoch: int) -> None:
        if self._relay is not None:
            await self._relay.run(told=self._leases.shared)
