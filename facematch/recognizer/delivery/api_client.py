"""Posting JSON to the web process."""

from __future__ import annotations

import asyncio
import json
import ssl
from dataclasses import dataclass
from typing import Any

import httpx2

POST_SECONDS = 10.0
"""How long one post may take."""

IDLE_SECONDS = 4.0
"""After which an unused connection is not used again: less than what the server keeps one for, 5 s."""


class ApiUnreachableError(Exception):
    """The web process gave no answer, or none in time. Says which kind of trouble it was."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the web process said."""

    status: int
    """The HTTP status."""
    body: bytes


def as_json(body: Any) -> bytes:
    """The shortest JSON of it, in UTF-8: names in other scripts take what they are long, and not six bytes a letter."""
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


class ApiClient:
    """One connection pool to the web process, used by the outbox and the heartbeat.

    Args:
        base_url: of the web process, such as `http://127.0.0.1:8000`.
        key: RECOGNIZER_KEY; None: the web process is in local mode.
    """

    def __init__(self, base_url: str, key: str | None = None) -> None:
        self._base_url = base_url.rstrip("/")
        self._headers = {"Content-Type": "application/json"}
        if key is not None:
            self._headers["Authorization"] = f"Bearer {key}"
        self._client: httpx2.AsyncClient | None = None

    async def post(self, path: str, body: dict[str, Any], seconds: float = POST_SECONDS) -> Answer:
        """Post one body.

        Raises:
            ApiUnreachableError: the web process cannot be reached, or did not answer in time.
        """
        if self._client is None:
            self._client = self._connected()
        try:
            async with asyncio.timeout(seconds):
                response = await self._client.post(self._base_url + path, content=as_json(body))
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:  # TimeoutError is an OSError
            raise ApiUnreachableError(type(error).__name__) from error
        return Answer(response.status_code, response.content)

    async def aclose(self) -> None:
        """Close the connections."""
        if self._client is not None:
            await self._client.aclose()

    def _connected(self) -> httpx2.AsyncClient:
        return httpx2.AsyncClient(
            headers=self._headers,
            timeout=None,
            follow_redirects=False,  # a post does not survive most of them, and the key is for this address alone
            trust_env=False,  # a proxy is for what is far away
            verify=ssl.create_default_context(),  # the system's authorities, and SSL_CERT_FILE's
            limits=httpx2.Limits(keepalive_expiry=IDLE_SECONDS),
        )
