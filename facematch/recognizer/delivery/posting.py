"""Posting events to the web process, and what its answers mean.

Network errors, 408, 429 and 5xx pass by themselves, and so do 401 and 403: they are about RECOGNIZER_KEY and not about
the event, and end when the operator has put it right. Any other refusal would be repeated for ever.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import structlog

from facematch.recognizer.delivery.api_client import ApiUnreachableError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from facematch.recognizer.delivery.api_client import ApiClient

log = structlog.get_logger(__name__)

ACCEPTED = 0
"""Instead of the status of a refusal."""

OUTDATED = 409
"""The status of a refusal that loses nothing: another recognizer was in the room when the event happened."""

RETRIED = frozenset({401, 403, 408, 429})
"""Refusals that pass by themselves, besides every 5xx."""

_PATHS = {"match": "/api/match", "check": "/api/check"}
"""Of the types that have one of their own."""
_PATH_OF_MANY = "/api/events"


class Posting:
    """Posts, and says once when the web process goes away and once when it is back.

    Args:
        api: where events go.
        queued: how many events wait, for the log.
    """

    def __init__(self, api: ApiClient, queued: Callable[[], int]) -> None:
        self._api = api
        self._queued = queued
        self._well = True

    async def one(self, body: dict[str, Any]) -> int | None:
        """`ACCEPTED`, or the HTTP status of a refusal; None when it is to be tried again."""
        path = _PATHS.get(body["type"])
        return await self.many([body]) if path is None else await self._post(path, body)

    async def many(self, bodies: Sequence[dict[str, Any]]) -> int | None:
        """The same, of events together, in order. Refused, for whatever reason: each is to be posted by itself."""
        return await self._post(_PATH_OF_MANY, {"events": list(bodies)})

    async def _post(self, path: str, body: dict[str, Any]) -> int | None:
        try:
            status = (await self._api.post(path, body)).status
        except ApiUnreachableError as error:
            self._note(str(error))
            return None
        if status in RETRIED or status >= 500:  # noqa: PLR2004  (the server's own faults)
            self._note(f"HTTP {status}")
            return None
        self._note()
        return ACCEPTED if status < 300 else status  # noqa: PLR2004

    def _note(self, reason: str | None = None) -> None:
        """One line for each change, not one per attempt."""
        if reason and self._well:
            log.warning("API does not take events; they are kept and retried", reason=reason)
        elif not reason and not self._well:
            log.info("API takes events again", queued=self._queued())
        self._well = reason is None
