"""Where LiveKit is, how to get in, and who we are there."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from facematch.protocol.identities import RECOGNIZER_PREFIX

if TYPE_CHECKING:
    from facematch.recognizer.room.tenure import Tenure


@dataclass(frozen=True, slots=True)
class LiveKitAccess:
    """Where LiveKit is, and how to get in."""

    url: str
    key: str
    secret: str = field(repr=False)
    source: str
    """Names this boot; part of the identity, so that two recognizers never evict each other."""
    proxy: str | None = field(default=None, repr=False)
    """What the environment puts before it; may hold a password."""
    observers: frozenset[str] = frozenset()
    """Who is told in the room of what is found: without any, nothing is ever sent into it."""
    tenure: Tenure | None = None
    """Of a room that was given to us; None: it is ours whatever others do."""

    @property
    def identity(self) -> str:
        """The recognizer's in the room."""
        return self.tenure.identity if self.tenure else f"{RECOGNIZER_PREFIX}-{self.source[:8]}"

    @property
    def proxy_address(self) -> str | None:
        """Of the proxy, for the log."""
        return urlsplit(self.proxy or "").netloc.rpartition("@")[2] or None
