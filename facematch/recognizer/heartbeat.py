"""Heartbeats: the account, posted at a steady pace and soon after every change that is worth telling."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog
from pydantic import ValidationError

from facematch.protocol.heartbeat import MOST_BYTES, HeartbeatAnswer
from facematch.recognizer.account import fitted
from facematch.recognizer.delivery.api_client import ApiUnreachableError

if TYPE_CHECKING:
    from collections.abc import Callable

    from facematch.protocol.heartbeat import Heartbeat
    from facematch.recognizer.account import Account
    from facematch.recognizer.delivery.api_client import ApiClient
    from facematch.recognizer.delivery.understanding import Understanding
    from facematch.recognizer.directions import Directions
    from facematch.recognizer.erasure_orders import ErasureOrders
    from facematch.recognizer.gallery import GalleryFollower
    from facematch.recognizer.wakeup import Wakeup

log = structlog.get_logger(__name__)

HEARTBEAT_SECONDS = 2.0
IDLE_SECONDS = 30.0
"""The pace in a room that has no tracks, where beats say that its recognizer is there (`protocol.beat`)."""
LEAST_SECONDS = 0.25
"""Changes that come faster are told together."""
TRACKS_A_SECOND = 400
"""Told at most: with more than a hundred of them something changes all the time, and each is told of with each beat."""

POST_SECONDS = 2.0

LEAST_BYTES = 64 * 1024
"""An API that takes less is none of ours."""

_TOO_LARGE = 413


@dataclass(frozen=True, slots=True)
class Hearers:
    """What the answers are for."""

    gallery: GalleryFollower
    """Which version is published."""
    understanding: Understanding
    """Which types of events the web process takes."""
    directions: Directions
    """What it says of participants."""


class HeartbeatSender:
    """Posts heartbeats. A lost one is not repeated: the next says more.

    Args:
        api: where they go.
        account: what they tell.
        orders: carries out what the answers ask for.
        changed: its own; notified when something is worth telling at once.
        hearers: told what the answers say.
        pace: seconds from one to the next when nothing changes.
    """

    def __init__(
        self,
        api: ApiClient,
        account: Account,
        orders: ErasureOrders,
        changed: Wakeup,
        hearers: Hearers,
        pace: Callable[[], float] = lambda: HEARTBEAT_SECONDS,
    ) -> None:
        self._api = api
        self._account = account
        self._orders = orders
        self._changed = changed
        self._hearers = hearers
        self._pace = pace
        self._told = 0
        self._tracks = 0
        """In the last one."""
        self._most_bytes = MOST_BYTES
        self._refused_with: int | None = None
        self._untold = 0

    async def run(self) -> None:
        """Send, for ever."""
        while True:
            await self._beat()
            least = min(HEARTBEAT_SECONDS, max(LEAST_SECONDS, self._tracks / TRACKS_A_SECOND))
            await asyncio.sleep(least)
            await self._changed.until(lambda: self._changed.count != self._told, self._pace() - least)

    async def _beat(self) -> None:
        self._told = self._changed.count
        account = self._account.now()
        self._tracks = len(account.tracks)
        body, untold = fitted(account, self._most_bytes)
        self._note_untold(untold)
        try:
            answer = await self._api.post("/api/heartbeat", body, POST_SECONDS)
        except ApiUnreachableError as error:
            log.debug("Heartbeat not delivered", reason=str(error))
            self._hearers.directions.unheard(_now())
            return
        self._note_refusal(answer.status)
        try:
            said = HeartbeatAnswer.model_validate_json(answer.body)
        except ValidationError:
            log.debug("Heartbeat not understood", status=answer.status)
            self._hearers.directions.unheard(_now())
            return
        self._hearers.gallery.told(said.gallery_version)
        self._hearers.understanding.hear(said.takes)
        self._hearers.directions.hear(said, _named(account, untold), _now())
        if await self._orders.carry_out(said.orders, account.room):
            self._changed.notify()  # tell at once that it is done

    def _note_refusal(self, status: int) -> None:
        """One line when the web process refuses heartbeats, not one per beat."""
        if status == _TOO_LARGE:
            self._most_bytes = max(LEAST_BYTES, self._most_bytes // 2)
        if status == self._refused_with or (status < 400 and self._refused_with is None):  # noqa: PLR2004
            return
        self._refused_with = status if status >= 400 else None  # noqa: PLR2004
        if status in (401, 403):
            log.error("The API refuses this recognizer; set the same RECOGNIZER_KEY for both", status=status)
        elif status == _TOO_LARGE:
            log.warning("The API takes no heartbeat of this size; fewer tracks are told", status=status)
        elif status >= 400:  # noqa: PLR2004
            log.warning("The API refuses heartbeats, and shows the recognizer as offline", status=status)

    def _note_untold(self, count: int) -> None:
        if count and not self._untold:
            log.warning("Not all tracks fit into a heartbeat; all are watched, and the first ones told", untold=count)
        self._untold = count


def _named(account: Heartbeat, untold: int) -> frozenset[str]:
    """Who is named in a heartbeat from which so many tracks were left out, the last ones."""
    told = len(account.tracks) + account.tracks_untold - untold
    return frozenset(track.participant_identity for track in account.tracks[:told])


def _now() -> float:
    return asyncio.get_running_loop().time()
