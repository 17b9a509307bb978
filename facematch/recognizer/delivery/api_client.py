"""Posting JSON to the web process."""

from __future__ import annotations

import asyncio
import json
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import httpx2

from facematch.runtime.addresses import is_loopback

if TYPE_CHECKING:
    from collections.abc import Callable

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
        local_secret: gives what a web process on this machine may want instead of a key, if there is such a thing.
    """

    def __init__(
        self, base_url: str, key: str | None = None, local_secret: Callable[[], str | None] = lambda: None
    ) -> None:
        self._base_url = base_url.rstrip("/")
        self._headers = {"Content-Type": "application/json"}
        if key is not None:
            self._headers["Authorization"] = f"Bearer {key}"
        self._local_secret = local_secret if key is None and _is_here(self._base_url) else lambda: None
        self._client: httpx2.AsyncClient | None = None

    async def post(self, path: str, body: dict[str, Any], seconds: float = POST_SECONDS) -> Answer:
        """Post one body.

        Raises:
            ApiUnreachableError: the web process cannot be reached, or did not answer in time.
        """
        if self._client is None:
            self._client = self._connected()
        secret = self._local_secret()  # asked each time: another start of the web process has another
        proof = {"Authorization": f"Bearer {secret}"} if secret is not None else None
        try:
            async with asyncio.timeout(seconds):
                response = await self._client.post(self._base_url + path, content=as_json(body), headers=proof)
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


def _is_here(url: str) -> bool:
    try:
        return is_loopback(urlsplit(url).hostname or "")
    except ValueError:  # no URL: the first post says so
        return False
