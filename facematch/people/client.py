"""The web process as a program on a shell speaks to it."""

from __future__ import annotations

import json
import os
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, Self

import httpx2

from facematch.protocol.local_secret import read_local_secret
from facematch.runtime.addresses import is_loopback
from facematch.runtime.http_client import USER_AGENT, authorities
from facematch.runtime.proxies import proxy_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

CONNECT_SECONDS: Final = 10.0
ANSWER_SECONDS: Final = 180.0
"""How long the answer may be silent: a photo may wait for those of others."""
BUSY_SECONDS: Final = 300.0
"""How long one request is repeated while the web process is busy, or away."""
_PAUSE_SECONDS: Final = 3.0
_LISTED: Final = 200
_OK, _BUSY, _SIGN_IN = 200, 503, (401, 403)


class ClientError(Exception):
    """It cannot be done; says why and what to do."""


class PeopleClient:
    """See the module. Use as a context: its connections are closed at the end.

    Args:
        url: of the web process, such as `http://127.0.0.1:8000`.
        key: ADMIN_KEY; None: the web process is in local mode.
        data_dir: where a web process on this machine may have left what it wants in place of a key.
        sleep: waits for seconds; injected by tests.
        monotonic: seconds; injected by tests.
    """

    def __init__(
        self,
        url: str,
        key: str | None,
        data_dir: Path,
        *,
        sleep: Callable[[float], None] = time.sleep,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._url = url.rstrip("/")
        self._sleep = sleep
        self._now = monotonic
        host = httpx2.URL(self._url).host
        if key is None and is_loopback(host):
            key = read_local_secret(data_dir)
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        timeout = httpx2.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS)
        self._client = httpx2.Client(
            headers={**headers, "User-Agent": USER_AGENT},
            timeout=timeout,
            proxy=proxy_for(self._url, os.environ),
            trust_env=False,
            follow_redirects=False,
            verify=authorities(),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def people(self) -> Iterator[dict[str, Any]]:
        """Everybody, as the list has them.

        Raises:
            ClientError: they cannot be listed.
        """
        offset, total = 0, 1
        while offset < total:
            with self._asked("GET", f"/api/people?offset={offset}&limit={_LISTED}") as answer:
                page = json.loads(answer.read())
            yield from page["people"]
            if not page["people"]:
                return
            offset, total = offset + len(page["people"]), page["total"]

    def person(self, id_: str) -> dict[str, Any]:
        """One of them, with their photos.

        Raises:
            ClientError: there is none of this id (any more).
        """
        with self._asked("GET", f"/api/people/{id_}") as answer:
            found: dict[str, Any] = json.loads(answer.read())
            return found

    def photo(self, url: str) -> bytes:
        """A photo.

        Raises:
            ClientError: it is not there (any more).
        """
        with self._asked("GET", url) as answer:
            return bytes(answer.read())

    def take(self, archive: bytes, *, dry: bool) -> Iterator[dict[str, Any]]:
        """Send an archive of people, and hear of each photo as it is done.

        Raises:
            ClientError: it was not taken, or not to its end.
        """
        path = f"/api/people/import?dry_run={str(dry).lower()}"
        ended = False
        with self._asked("POST", path, files={"file": ("people.zip", archive, "application/zip")}) as answer:
            for line in answer.iter_lines():
                told = json.loads(line)
                ended = "done" in told
                if not ended and not told.get("ok", True) and "file" not in told and "folder" not in told:
                    raise ClientError(told["detail"])
                yield told
        if not ended:
            raise ClientError("The answer broke off. Run the same command again: what was taken is taken.")

    @contextmanager
    def _asked(self, method: str, path: str, **more: Any) -> Iterator[httpx2.Response]:
        """An answer that is no refusal; asked again while the web process is busy."""
        until = self._now() + BUSY_SECONDS
        try:
            while True:
                with self._client.stream(method, self._url + path, **more) as answer:
                    if answer.status_code == _OK:
                        yield answer
                        return
                    answer.read()
                    if answer.status_code != _BUSY or self._now() >= until:
                        raise ClientError(_refusal(answer))
                    pause = answer.headers.get("Retry-After", "")
                self._sleep(float(pause) if pause.isdecimal() else _PAUSE_SECONDS)
        except httpx2.ConnectError as error:
            raise ClientError(
                f"Nothing answers at {self._url}. Is Face Match running? Another address: --url or API_BASE_URL."
            ) from error
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise ClientError(
                f"{self._url} did not answer to the end ({type(error).__name__}). Run the same command again: what was "
                "done is done."
            ) from error


def _refusal(answer: httpx2.Response) -> str:
    try:
        detail = str(json.loads(answer.content)["detail"])
    except (ValueError, KeyError, TypeError):
        detail = f"The answer is {answer.status_code}. Is this the address of Face Match?"
    hint = " Put the admin's key into ADMIN_KEY." if answer.status_code in _SIGN_IN else ""
    return detail + hint
