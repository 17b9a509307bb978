"""LiveKit tokens for people: short, one room, camera and microphone, never the recognizer's name."""

from __future__ import annotations

import time
import unicodedata
import warnings
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from jwt.warnings import InsecureKeyLengthWarning
from livekit.api import AccessToken, VideoGrants
from pydantic import BaseModel, Field

from facematch.protocol.identities import NOT_FOR_PEOPLE
from facematch.server.rooms.expulsion import ISSUED, LOGIN
from facematch.server.rooms.own_identity import LONGEST_IDENTITY
from facematch.server.web.errors import ApiError, Code, invalid

if TYPE_CHECKING:
    from collections.abc import Mapping

    from facematch.server.access.room_meant import RoomsOffered

_ADMINISTERING = timedelta(minutes=2)
_CONTROLS = frozenset({"Cc", "Cs", "Cn", "Zl", "Zp"})
_DIRECTION_CONTROLS = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""They make the text around them read as something else."""


class Token(BaseModel):
    """What a page needs to join."""

    token: str = Field(description="For LiveKit's client; not to be shown or kept")
    url: str = Field(description="LiveKit server", examples=["ws://localhost:7880"])
    room: str = Field(examples=["face-recognition-room"])
    identity: str = Field(
        description="As validated: trimmed. Of somebody who sent a name alone that is taken, one of their own",
        examples=["Alice42"],
    )


@dataclass(frozen=True, slots=True)
class Joining:
    """Who joins, and as what."""

    identity: str
    """As a stranger gave it, or made for them."""
    name: str = ""
    """What the others read; empty: the identity."""
    login: str | None = None
    """The id of the login that the token is for; None: it is for a key, or a program of this machine."""
    said: Mapping[str, str] = field(default_factory=dict)
    """Further attributes, which its owner cannot change."""
    sees_others: bool = True
    """Whether they see and hear the others."""


class Tokens:
    """Mints tokens.

    Args:
        key: LiveKit API key.
        secret: LiveKit API secret.
        url: LiveKit server as browsers reach it.
        rooms: the only rooms that tokens are minted for.
        seconds: how long a token lets somebody in.
    """

    def __init__(self, *, key: str, secret: str, url: str, rooms: RoomsOffered, seconds: int) -> None:
        self._key = key
        self._secret = secret
        self._url = url
        self._rooms = rooms
        self._ttl = timedelta(seconds=seconds)

    def room(self, asked: str | None) -> str:
        """The room that is meant; None or empty: the default one.

        Raises:
            ApiError: 403, tokens are not given for it; 422, it is not said which.
        """
        return self._rooms.meant(asked)

    def mint(self, room: str | None, who: Joining) -> Token:
        """A token for one person and one room.

        Raises:
            ApiError: 403 or 422.
        """
        room = self.room(room)
        identity = checked_identity(who.identity)
        grants = VideoGrants(
            room_join=True,
            room=room,
            can_publish=True,
            can_publish_sources=["camera", "microphone"],
            can_subscribe=who.sees_others,
            can_publish_data=False,
        )
        name = checked_identity(who.name) if who.name else identity
        token = AccessToken(self._key, self._secret).with_identity(identity).with_name(name)
        jwt = _signed(_by(token, who.login, who.said).with_ttl(self._ttl).with_grants(grants))
        return Token(token=jwt, url=self._url, room=room, identity=identity)

    def to_watch(self, room: str | None, identity: str, within: timedelta, login: str | None) -> Token:
        """A token for somebody whom nobody in the room sees, who sends nothing, and who comes in a moment.

        Raises:
            ApiError: 403.
        """
        room = self.room(room)
        grants = VideoGrants(
            room_join=True, room=room, hidden=True, can_publish=False, can_subscribe=True, can_publish_data=False
        )
        token = _by(AccessToken(self._key, self._secret).with_identity(identity), login, {})
        jwt = _signed(token.with_ttl(within).with_grants(grants))
        return Token(token=jwt, url=self._url, room=room, identity=identity)

    def to_administer(self, room: str) -> str:
        """A token of our own, to see who is in a room and to send somebody out."""
        token = AccessToken(self._key, self._secret).with_ttl(_ADMINISTERING)
        return _signed(token.with_grants(VideoGrants(room_admin=True, room=room)))

    def to_list_rooms(self) -> str:
        """A token of our own, to see which rooms there are."""
        token = AccessToken(self._key, self._secret).with_ttl(_ADMINISTERING)
        return _signed(token.with_grants(VideoGrants(room_list=True)))


def _by(token: AccessToken, login: str | None, said: Mapping[str, str]) -> AccessToken:
    attributes = dict(said)
    if login is not None:
        attributes |= {LOGIN: login, ISSUED: str(time.time_ns() // 1_000_000)}
    return token.with_attributes(attributes) if attributes else token


def _signed(token: AccessToken) -> str:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", InsecureKeyLengthWarning)  # the demo secret is short, and is for loopback
        return token.to_jwt()


def checked_identity(identity: str) -> str:
    """An identity, trimmed. Any other text is legal: `<img onerror=…>` is somebody's name until shown otherwise.

    Raises:
        ApiError: it is empty, too long, has characters that cannot be shown, or is the recognizer's.
    """
    identity = identity.strip()
    if not 1 <= len(identity.encode("utf-8", "surrogatepass")) <= LONGEST_IDENTITY:
        raise invalid([{"loc": ("identity",), "msg": f"must be 1 to {LONGEST_IDENTITY} bytes"}])
    if any(unicodedata.category(c) in _CONTROLS or c in _DIRECTION_CONTROLS for c in identity):
        raise invalid([{"loc": ("identity",), "msg": "must not hold control characters"}])
    if _plain(identity).startswith(NOT_FOR_PEOPLE):
        raise ApiError(403, Code.RESERVED_IDENTITY, "This name is the recognizer's. Choose another.")
    if not any(c.isprintable() and not c.isspace() for c in identity):
        raise invalid([{"loc": ("identity",), "msg": "must hold a character that can be seen"}])
    return identity


def _plain(identity: str) -> str:
    """What the eye takes an identity for: one form of each letter, no case, no invisible characters, one dash."""
    folded = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", identity).casefold())
    seen = [
        "-" if unicodedata.category(c) == "Pd" else c for c in folded if unicodedata.category(c) not in ("Cf", "Mn")
    ]
    return "".join(seen).strip()
