"""Being in the room: joins hidden and receive-only, and joins again whenever LiveKit was away."""

from __future__ import annotations

import asyncio
import random
import warnings
from datetime import timedelta
from typing import TYPE_CHECKING

import structlog
from jwt.warnings import InsecureKeyLengthWarning
from livekit import api, rtc

from facematch.protocol.heartbeat import LiveKitState
from facematch.recognizer.process.sdk_start import calm_threads
from facematch.recognizer.room.answers import Meaning, meaning, told
from facematch.recognizer.room.attempts import Attempts
from facematch.recognizer.room.fence import remove_former
from facematch.recognizer.room.lookup import room_lookup
from facematch.recognizer.room.tenure import StayEndedError

if TYPE_CHECKING:
    from collections.abc import Callable

    from facematch.recognizer.room.livekit_access import LiveKitAccess
    from facematch.recognizer.room.room import RoomWatch

log = structlog.get_logger(__name__)

TOKEN_TTL = timedelta(minutes=10)
"""A token is fresh for every connection; the SDK renews it while connected."""

CONNECT_SECONDS = 5.0
DISCONNECT_SECONDS = 1.0
FIRST_RETRY_SECONDS = 1.0
LAST_RETRY_SECONDS = 30.0
ROOM_LOOK_SECONDS = 1.5
"""How often a room is looked for that LiveKit does not make by itself."""

OPERATORS_DOING = frozenset({"DUPLICATE_IDENTITY", "PARTICIPANT_REMOVED", "ROOM_DELETED"})
"""Disconnections that somebody wanted: said as an error, and not hammered against."""


class CredentialsRefusedError(Exception):
    """LiveKit does not accept the API key or secret. Trying again will not help."""


class _NoRoomError(Exception):
    """LiveKit makes no room by itself, and there is none yet."""


def retry_delay(failures: int, draw: Callable[[], float] = random.random) -> float:
    """Seconds before the next attempt: between a half and the whole of a bound that doubles with each failure.

    Args:
        failures: attempts in a row that did not get into the room.
        draw: uniform in [0, 1); injected by tests.
    """
    bound = min(LAST_RETRY_SECONDS, FIRST_RETRY_SECONDS * 2.0 ** min(failures, 16))  # a float ends at 2.0 ** 1023
    return bound / 2 * (1 + draw())


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
        self._attempts = Attempts()
        self._connected = False
        self._waiting = False
        self.watch: RoomWatch | None = None
        """The watcher of the room that we are in; None while there is none."""

    @property
    def state(self) -> LiveKitState:
        """The connection now."""
        if self.watch is not None:
            return LiveKitState.RECONNECTING if self.watch.reconnecting else LiveKitState.CONNECTED
        if self._waiting:
            return LiveKitState.WAITING
        return LiveKitState.DISCONNECTED if self._connected else LiveKitState.CONNECTING

    async def run(self) -> None:
        """Stay in the room until cancelled.

        Raises:
            CredentialsRefusedError: LiveKit refused the key or the secret.
            StayEndedError: of a room that was given to us, and is not ours any more.
        """
        failures = 0
        while True:
            try:
                reason = await self._visit()
            except _NoRoomError:
                failures = 0
                await self._until_there_is_a_room()
                continue
            if reason in OPERATORS_DOING and self._livekit.tenure is not None:
                raise StayEndedError(reason)  # as after each move to another recognizer: nothing is wrong
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

        Raises:
            CredentialsRefusedError: LiveKit refused the key or the secret.
            _NoRoomError: there is none, and LiveKit makes none by itself.
        """
        room = rtc.Room()
        watch = self._make_watch(room)  # before connecting: an event must not come too early to be heard
        try:
            await room.connect(
                self._livekit.url,
                self._token(),
                self._options(),
            )
        except rtc.ConnectError as error:
            self._explain(error.message)
            return None
        calm_threads()
        self._waiting = False
        self._connected = True
        self.watch = watch
        self._state_changed()
        log.info(
            "Connected to LiveKit",
            room=self._room_name,
            url=self._livekit.url,
            identity=self._livekit.identity,
            **self._attempts.succeeded(),
        )
        try:
            return await self._alone(watch)
        finally:
            self.watch = None
            self._state_changed()
            await self._leave(room)

    async def _alone(self, watch: RoomWatch) -> str:
        """Watch, and see to it that nobody does who was given the room before us. Returns why it ended."""
        if self._livekit.tenure is None:
            return await watch.run()
        fencing = asyncio.create_task(remove_former(self._livekit, self._livekit.tenure), name="fence")
        try:
            return await watch.run()
        finally:
            fencing.cancel()
            await asyncio.wait([fencing])

    def _explain(self, message: str) -> None:
        """Say why we are not in the room, and who says so; where trying again cannot help, raise."""
        match meaning(message):
            case Meaning.REFUSED:
                raise CredentialsRefusedError(told(message))
            case Meaning.NO_ROOM:
                raise _NoRoomError
            case passing:
                proxy = {"proxy": self._livekit.proxy_address} if self._livekit.proxy_address else {}
                self._attempts.failed(passing, url=self._livekit.url, reason=told(message), **proxy)

    async def _until_there_is_a_room(self) -> None:
        """Where LiveKit makes no rooms by itself: nothing is wrong, somebody will open it."""
        if not self._waiting:
            log.info("Waiting for the room: LiveKit has none of this name yet", room=self._room_name)
            self._waiting = True
            self._state_changed()
        async with room_lookup(self._livekit.url, self._token, self._livekit.proxy) as lookup:
            while True:
                await asyncio.sleep(ROOM_LOOK_SECONDS)
                if await lookup.may_be_there():
                    return

    def _options(self) -> rtc.RoomOptions:
        options = rtc.RoomOptions(auto_subscribe=False, dynacast=False, connect_timeout=CONNECT_SECONDS)
        if self._livekit.tenure is not None:  # one of many: two thirds of the memory, a fifth of the descriptors
            options.single_peer_connection = False
        return options

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
            can_publish_data=bool(self._livekit.observers),
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
