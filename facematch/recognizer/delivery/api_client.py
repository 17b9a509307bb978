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
        key: RECOGNIZER_KEY; None: the web process is in local mode.
    """

    def __init__(self, base_url: str, key: str | None = None) -> None:
        self._base_url = base_url.rstrip("/")
        self._headers = {} if key is None else {"Authorization": f"Bearer {key}"}
        self._session: aiohttp.ClientSession | None = None

    async def post(self, path: str, body: dict[str, Any], seconds: float = POST_SECONDS) -> Answer:
        """Post one body.

        Raises:
            aiohttp.ClientError: the web process cannot be reached.
            TimeoutError: it did not answer in time.
        """
        if self._session is None:
            self._session = aiohttp.ClientSession(headers=self._headers)
        timeout = aiohttp.ClientTimeout(total=seconds)
        # No redirects: a post does not survive most of them, and the key is for this address alone.
        async with self._session.post(
            self._base_url + path, json=body, timeout=timeout, allow_redirects=False
        ) as response:
            return Answer(response.status, await response.read())

    async def aclose(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()
