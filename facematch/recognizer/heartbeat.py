"""Heartbeats: the account, posted at a steady pace and soon after every change that is worth telling."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import structlog
from pydantic import ValidationError

from facematch.protocol.heartbeat import HeartbeatAnswer
from facematch.recognizer.delivery.api_client import ApiUnreachableError

if TYPE_CHECKING:
    from facematch.recognizer.account import Account
    from facematch.recognizer.delivery.api_client import ApiClient
    from facematch.recognizer.erasure_orders import ErasureOrders
    from facematch.recognizer.wakeup import Wakeup

log = structlog.get_logger(__name__)

HEARTBEAT_SECONDS = 2.0
LEAST_SECONDS = 0.25
"""Changes that come faster are told together."""

POST_SECONDS = 2.0


class HeartbeatSender:
    """Posts heartbeats. A lost one is not repeated: the next says more.

    Args:
        api: where they go.
        account: what they tell.
        orders: carries out what the answers ask for.
        changed: its own; notified when something is worth telling at once.
    """

    def __init__(self, api: ApiClient, account: Account, orders: ErasureOrders, changed: Wakeup) -> None:
        self._api = api
        self._account = account
        self._orders = orders
        self._changed = changed
        self._told = 0
        self._refused = False

    async def run(self) -> None:
        """Send, for ever."""
        while True:
            await self._beat()
            await asyncio.sleep(LEAST_SECONDS)
            await self._changed.until(lambda: self._changed.count != self._told, HEARTBEAT_SECONDS - LEAST_SECONDS)

    async def _beat(self) -> None:
        self._told = self._changed.count
        try:
            answer = await self._api.post("/api/heartbeat", self._account.now().model_dump(mode="json"), POST_SECONDS)
        except ApiUnreachableError as error:
            log.debug("Heartbeat not delivered", reason=str(error))
            return
        self._note_refusal(answer.status)
        try:
            orders = HeartbeatAnswer.model_validate_json(answer.body).orders
        except ValidationError:
            log.debug("Heartbeat not understood", status=answer.status)
            return
        if await self._orders.carry_out(orders):
            self._changed.notify()  # tell at once that it is done

    def _note_refusal(self, status: int) -> None:
        """One line when the web process does not take us for its recognizer, not one per beat."""
        refused = status in (401, 403)
        if refused and not self._refused:
            log.error("The API refuses this recognizer; set the same RECOGNIZER_KEY for both", status=status)
        self._refused = refused
