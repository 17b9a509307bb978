"""What the answers to an attempt to join mean, and who gave them.

LiveKit's own words count, and nothing else: a proxy, a firewall or a web server in front of it answers 401 or 403 as
well, and means something else by it.
"""

from __future__ import annotations

import re
from enum import StrEnum

_JWT = re.compile(r"eyJ[\w-]+\.[\w-]+\.[\w-]+|(?<=access_token=)[^&\s\"')]+")
_ANSWER = re.compile(r"\b(?:client|server) error: (?P<status>\d{3}\b.*?) - (?P<body>.*)", re.DOTALL)
_PROXY = re.compile(r"\bproxy connection failed\b|\bproxy connection closed\b|\binvalid proxy\b", re.IGNORECASE)
_OTHER_ANSWER = re.compile(r"\bhandshake error: \d{3}\b")
_REFUSED = re.compile(
    r"invalid API key\b|invalid token: |invalid authorization (token|header)\b|permissions denied\s*$", re.IGNORECASE
)
_WRONG_TIME = re.compile(
    r"token is expired|not valid yet|used before issued|issued in the future|\((exp|nbf|iat)\)", re.IGNORECASE
)
"""How LiveKit's servers, older and newer, refuse a token for its time. They do it with a 401, too, but a clock is set
right sooner or later, and the key is fine."""

NO_ROOM_WORDS = "requested room does not exist"

LONGEST_TOLD = 300
"""Characters of an answer that are logged: some are whole pages."""


class Meaning(StrEnum):
    """Of an answer, or of none."""

    REFUSED = "refused"
    """LiveKit does not accept the key or the secret."""
    WRONG_TIME = "wrong time"
    """LiveKit does not accept the time in the token."""
    NO_ROOM = "no room"
    """LiveKit makes no room by itself (`room.auto_create: false`), and there is none yet."""
    PROXY = "proxy"
    """The proxy did not let us through."""
    SOMEBODY_ELSE = "somebody else"
    """Something that is not LiveKit answered."""
    UNREACHABLE = "unreachable"


def meaning(message: str) -> Meaning:
    """What a message of the SDK's `ConnectError` says."""
    if _PROXY.search(message):
        return Meaning.PROXY
    answer = _ANSWER.search(message)
    if answer is None:
        return Meaning.SOMEBODY_ELSE if _OTHER_ANSWER.search(message) else Meaning.UNREACHABLE
    body = answer["body"].lstrip()
    if body.startswith(NO_ROOM_WORDS):
        return Meaning.NO_ROOM
    if not _REFUSED.match(body):
        return Meaning.SOMEBODY_ELSE
    return Meaning.WRONG_TIME if _WRONG_TIME.search(body) else Meaning.REFUSED


def redact(text: str) -> str:
    """The text without any token (the SDK's connection errors carry the whole URL)."""
    return _JWT.sub("[token]", text)


def told(message: str) -> str:
    """The message as it is logged."""
    text = redact(message)
    return text if len(text) <= LONGEST_TOLD else f"{text[:LONGEST_TOLD]} …"
