"""HTTP to others, by the same rules wherever it is spoken.

What the environment says of proxies is read by us alone (`proxies`): libraries disagree about `NO_PROXY`. Whom TLS is
believed from is the system's business, or `SSL_CERT_FILE`'s, and not that of a list that came with a package. A
redirect would carry keys and events to an address that nobody configured, and is not followed.
"""

from __future__ import annotations

import functools
import os
import ssl
from typing import TYPE_CHECKING, Final

import httpx2

from facematch import __version__

if TYPE_CHECKING:
    from http.cookiejar import CookieJar

USER_AGENT: Final = f"Face-Match/{__version__}"


class UnusableProxyError(Exception):
    """The proxy that the environment names is none that can be used. Says nothing of it: it may hold a password."""


def http_client(
    *, proxy: str | None = None, seconds: float | None = None, cookies: CookieJar | None = None
) -> httpx2.AsyncClient:
    """A client of its own, with connections that are kept. Close it.

    Args:
        proxy: what stands before whom it asks, see `proxy_for`; None: nothing does.
        seconds: how long to connect, to write or to read may take each; None: whoever asks has a deadline.
        cookies: where they are kept; None: for as long as the client lives.

    Raises:
        UnusableProxyError: of a kind that is not spoken, or no address.
    """
    try:
        return httpx2.AsyncClient(
            proxy=proxy,
            timeout=seconds,
            follow_redirects=False,
            trust_env=False,
            verify=authorities(),
            headers={"User-Agent": USER_AGENT},
            cookies=cookies,
        )
    except (ImportError, ValueError, httpx2.InvalidURL):  # their words may hold its password
        raise UnusableProxyError("the proxy in the environment is none that can be used") from None


def authorities() -> ssl.SSLContext:
    """Whom TLS is believed from: the system's authorities, or those that the environment names."""
    return _authorities(os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR"))


@functools.lru_cache(maxsize=4)
def _authorities(_file: str | None, _folder: str | None) -> ssl.SSLContext:
    """Kept: reading them takes longer than many requests."""
    return ssl.create_default_context()
