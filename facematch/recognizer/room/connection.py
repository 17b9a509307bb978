"""Being in the room: joins hidden and receive-only, and joins again whenever LiveKit was away."""

from __future__ import annotations

import asyncio
import random
import re
import warnings
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

import structlog
from jwt.warnings import InsecureKeyLengthWarning
from livekit import api, rtc

from facematch.protocol.heartbeat import LiveKitState
from facematch.protocol.identities import RECOGNIZER_PREFIX

if TYPE_CHECKING:
    from collections.abc import Callable

    from facematch.recognizer.room.room import RoomWatch

log = structlog.get_logger(__name__)

TOKEN_TTL = timedelta(minutes=10)
"""A token is fresh for every connection; the SDK renews it while connected."""

CONNECT_SECONDS = 5.0
DISCONNECT_SECONDS = 1.0
FIRST_RETRY_SECONDS = 1.0
LAST_RETRY_SECONDS = 30.0

OPERATORS_DOING = frozenset({"DUPLICATE_IDENTITY", "PARTICIPANT_REMOVED", "ROOM_DELETED"})
"""Disconnections that somebody wanted: said as an error, and not hammered against."""

_JWT = re.compile(r"eyJ[\w-]+\.[\w-]+\.[\w-]+|(?<=access_token=)[^&\s\"')]+")
_REFUSED = re.compile(r"\b(401|403)\b|unauthorized|invalid (api key|token)|permission denied", re.IGNORECASE)
_WRONG_TIME = re.compile(
    r"token is expired|not valid yet|used before issued|issued in the future|\((exp|nbf|iat)\)", re.IGNORECASE
)
"""How LiveKit's servers, older and newer, refuse a token for its time. They do it with a 401, too, but a clock is set
right sooner or later, and the key is fine."""


class CredentialsRefusedError(Exception):
    """LiveKit does not accept the API key or secret. Trying again will not help."""


def retry_delay(failures: int, draw: Callable[[], float] = random.random) -> float:
    """Seconds before the next attempt: between a half and the whole of a bound that doubles with each failure.

    Args:
        failures: attempts in a row that did not get into the room.
        draw: uniform in [0, 1); injected by tests.
    """
    bound = min(LAST_RETRY_SECONDS, FIRST_RETRY_SECONDS * 2.0 ** min(failures, 16))  # a float ends at 2.0 ** 1023
    return bound / 2 * (1 + draw())


def redact(text: str) -> str:
    """The text without any token (the SDK's connection errors carry the whole URL)."""
    return _JWT.sub("[token]", text)


@dataclass(frozen=True, slots=True)
class LiveKitAccess:
    """Where LiveKit is, and how to get in."""

    url: str
    key: str
    secret: str = field(repr=False)
    source: str
    """Names this boot; part of the identity, so that two recognizers never evict each other."""

    @property
    def identity(self) -> str:
        """The recognizer's, in every room."""
        return f"{RECOGNIZER_PREFIX}-{self.source[:8]}"


class Connection:
    """Keeps the recognizer in one room.

    Args:
        livekit: the server.
        room_name: the room to join.
        watch: makes the watcher of a room.
        state_changed: called when `state` changes.
    """

    def __init__(
        self,
        livekit: LiveKitAccess,
        room_name: str,
        *,
        watch: Callable[[rtc.Room], RoomWatch],
        state_changed: Callable[[], None],
    ) -> None:
        self._livekit = livekit
        self._room_name = room_name
        self._make_watch = watch
        self._state_changed = state_changed
        self._connected = False
        self.watch: RoomWatch | None = None
        """The watcher of the room that we are in; None while there is none."""

    @property
    def state(self) -> LiveKitState:
        """The connection now."""
        if self.watch is not None:
            return LiveKitState.RECONNECTING if self.watch.reconnecting else LiveKitState.CONNECTED
        return LiveKitState.DISCONNECTED if self._connected else LiveKitState.CONNECTING

    async def run(self) -> None:
        """Stay in the room until cancelled.

        Raises:
            CredentialsRefusedError: LiveKit refused the key or the secret.
        """
        failures = 0
        while True:
            reason = await self._visit()
            if reason is None:
                failures += 1
            else:
                failures = 0
                log.warning("Disconnected from LiveKit", reason=reason, room=self._room_name)
            if reason in OPERATORS_DOING:
                log.error("Removed from the room by an operator or another client; joining again", reason=reason)
                failures = 5
            await asyncio.sleep(retry_delay(failures))

    async def _visit(self) -> str | None:
        """One stay in the room.

        Returns:
            Why it ended; None when it could not even begin.
        """
        room = rtc.Room()
        watch = self._make_watch(room)  # before connecting: an event must not come too early to be heard
        try:
            await room.connect(
                self._livekit.url,
                self._token(),
                rtc.RoomOptions(auto_subscribe=False, dynacast=False, connect_timeout=CONNECT_SECONDS),
            )
        except rtc.ConnectError as error:
            message = redact(error.message)
            if _WRONG_TIME.search(message):
                log.error(  # noqa: TRY400
                    "LiveKit does not accept the time in the token; check this machine's clock, and LiveKit's",
                    url=self._livekit.url,
                    reason=message,
                )
                return None
            if _REFUSED.search(message):
                raise CredentialsRefusedError(message) from None
            log.warning("LiveKit cannot be reached; trying again", url=self._livekit.url, reason=message)
            return None
        self._connected = True
        self.watch = watch
        self._state_changed()
        log.info("Connected to LiveKit", room=self._room_name, url=self._livekit.url, identity=self._livekit.identity)
        try:
            return await watch.run()
        finally:
            self.watch = None
            self._state_changed()
            await self._leave(room)

    async def _leave(self, room: rtc.Room) -> None:
        try:
            async with asyncio.timeout(DISCONNECT_SECONDS):
                await room.disconnect()
        except TimeoutError:
            log.warning("LiveKit did not confirm the disconnection in time")

    def _token(self) -> str:
        grants = api.VideoGrants(
            room_join=True,
            room=self._room_name,
            hidden=True,
            can_publish=False,
            can_publish_data=False,
            can_subscribe=True,
            can_update_own_metadata=False,
        )
        token = (
            api.AccessToken(self._livekit.key, self._livekit.secret)
            .with_identity(self._livekit.identity)
            .with_name("Face Match")
            .with_kind("agent")  # an agent does not keep an empty room open
            .with_ttl(TOKEN_TTL)
            .with_grants(grants)
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", InsecureKeyLengthWarning)  # the demo secret is short, and is for loopback
            return token.to_jwt()
