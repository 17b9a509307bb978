"""Links that others are to follow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from starlette.datastructures import Headers

from facematch.runtime.reach import obstacles
from facematch.server.access.hosts import is_https, only

if TYPE_CHECKING:
    from starlette.types import Scope


@dataclass(frozen=True, slots=True)
class Links:
    """Where they begin."""

    public_url: str | None
    """Where guests reach us; None: nobody has said."""
    livekit_url: str
    """Of the LiveKit server, as a page is told it."""

    def base(self, scope: Scope) -> str:
        """What a link begins with that this request asks for: where guests reach us, else where the request does."""
        if self.public_url is not None:
            return self.public_url
        scheme = "https" if is_https(scope) else "http"
        return f"{scheme}://{only(Headers(scope=scope).getlist('host'))}"

    def obstacles(self, base: str) -> list[str]:
        """See `runtime.reach.obstacles`."""
        return obstacles(base, self.livekit_url)
