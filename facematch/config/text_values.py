"""Settings that are texts of a certain shape: names of rooms and hosts, addresses, keys."""

from __future__ import annotations

import re
import unicodedata
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, SecretStr

from facematch.runtime.addresses import is_host

LONGEST_ROOM = 256
"""Bytes of UTF-8: LiveKit's own limit."""
SHORTEST_KEY = 16
LONGEST_KEY = 256
_FEWEST_CHARACTERS = 8
_WORDS = ("change", "example", "password", "passwort", "secret-key", "your-", "qwert", "admin123", "12345678901234")
_S3 = re.compile(r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[A-Za-z0-9!_.*'()/-]{0,200})?", re.ASCII)
"""As buckets may be called, and a prefix of characters that need no quoting."""
_CONTROLS = frozenset({"Cc", "Cs", "Zl", "Zp"})


def _checked_room(name: str) -> str:
    name = name.strip()
    if not 1 <= len(name.encode("utf-8", "surrogatepass")) <= LONGEST_ROOM:
        raise ValueError(f"must be 1 to {LONGEST_ROOM} bytes long, as LiveKit has it")
    if any(unicodedata.category(character) in _CONTROLS for character in name):
        raise ValueError("must not hold line breaks or other control characters")
    return name


def _checked_url(url: str, *schemes: str) -> str:
    """The address, if it is one of these."""
    url = url.strip()
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        raise ValueError("is no URL") from None
    if parts.scheme not in schemes or not parts.hostname or any(character.isspace() for character in url):
        raise ValueError(f"must be a URL that begins with {' or '.join(f'{scheme}://' for scheme in schemes)}")
    return url


def _checked_websocket_url(url: str) -> str:
    """LiveKit's, without user and password: nobody sends them, and the address is shown, logged and told to pages."""
    url = _checked_url(url, "ws", "wss", "http", "https")
    before, slashes, rest = url.partition("//")
    name, slash, path = rest.partition("/")
    return before + slashes + name.rpartition("@")[2] + slash + path


def _checked_http_url(url: str) -> str:
    return _checked_url(url, "http", "https")


def _checked_origin(url: str) -> str:
    """An address that links begin with: everything of ours lies right below it."""
    parts = urlsplit(_checked_url(url, "http", "https"))
    if parts.path not in ("", "/") or parts.query or parts.fragment or "@" in parts.netloc:
        raise ValueError("takes scheme, host and port only, such as https://faces.example.com")
    if not is_host((parts.hostname or "").strip("[]")):
        raise ValueError("has a host that no browser can ask for")
    return f"{parts.scheme}://{parts.netloc.lower()}"


def _checked_line(text: str) -> str:
    text = text.strip()
    if any(unicodedata.category(character) in _CONTROLS for character in text):
        raise ValueError("must be one line, without control characters")
    return text


def _checked_snapshot_store(text: str) -> str:
    """Where snapshots go that are not in a folder of both processes."""
    text = text.strip()
    if text != "api" and not _S3.fullmatch(text):
        raise ValueError("must be api, or s3://BUCKET or s3://BUCKET/PREFIX")
    return text.rstrip("/")


def _checked_host(name: str) -> str:
    if not is_host(name):
        raise ValueError("takes host names without scheme, port or path, such as cam.example.com, comma-separated")
    return name.lower()


def _without_line_end(value: object) -> object:
    """Files that hold a secret end with a line break, and so do variables that were made of them."""
    return value.rstrip("\r\n") if isinstance(value, str) else value


def _checked_key(key: SecretStr) -> SecretStr:
    text = key.get_secret_value()
    if not SHORTEST_KEY <= len(text) <= LONGEST_KEY or not all("!" <= character <= "~" for character in text):
        raise ValueError(f"must be {SHORTEST_KEY} to {LONGEST_KEY} ASCII characters without spaces")
    return key


def can_be_guessed(key: str) -> bool:
    """Whether a key of the right length is one that somebody would try: few characters, one piece again and again, or
    a word that stands where a key should have been put.
    """
    few = len(set(key)) < _FEWEST_CHARACTERS
    again_and_again = key in (key + key)[1:-1]
    return few or again_and_again or any(word in key.lower() for word in _WORDS)


RoomName = Annotated[str, AfterValidator(_checked_room)]
WebSocketUrl = Annotated[str, AfterValidator(_checked_websocket_url)]
HttpUrl = Annotated[str, AfterValidator(_checked_http_url)]
Origin = Annotated[str, AfterValidator(_checked_origin)]
Line = Annotated[str, AfterValidator(_checked_line)]
Host = Annotated[str, AfterValidator(_checked_host)]
SnapshotStore = Annotated[str, AfterValidator(_checked_snapshot_store)]
LiveKitSecret = Annotated[str, BeforeValidator(_without_line_end)]
StoreKey = Annotated[SecretStr, BeforeValidator(_without_line_end)]
Key = Annotated[SecretStr, BeforeValidator(_without_line_end), AfterValidator(_checked_key)]
