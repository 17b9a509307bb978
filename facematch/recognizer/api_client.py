"""Posting JSON to the web process."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import aiohttp

POST_SECONDS = 10.0
"""How long one post may take."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the web process said."""

    status: int
    """The HTTP status."""
    body: bytes


class ApiClient:
    """One connection pool to the web process, used by the outbox and the heartbeat.

    Args:
        base_url: of the web process, such as `http://127.0.0.1:8000`.
    """

    def __init__(self, base_url: str) -> None:
        self._base_url = base_url.rstrip("/")
        self._session: aiohttp.ClientSession | None = None

    async def post(self, path: str, body: dict[str, Any], seconds: float = POST_SECONDS) -> Answer:
        """Post one body.

        Raises:
            aiohttp.ClientError: the web process cannot be reached.
            TimeoutError: it did not answer in time.
        """
        if self._session is None:
            self._session = aiohttp.ClientSession()
        timeout = aiohttp.ClientTimeout(total=seconds)
        async with self._session.post(self._base_url + path, json=body, timeout=timeout) as response:
            return Answer(response.status, await response.read())

    async def aclose(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()
