"""Settings that hold secrets and must have a shape: checked, and never shown."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from typing import TYPE_CHECKING, Annotated
from urllib.parse import parse_qsl, urlencode, urlsplit

from pydantic import AfterValidator, BaseModel, SecretStr

from facematch.runtime.addresses import is_host, is_loopback

if TYPE_CHECKING:
    from collections.abc import Mapping

_POSTGRESQL = ("postgres", "postgresql", "postgresql+asyncpg")
_SHORTEST_SECRET = 24
_LONGEST_SECRET = 64
"""Bytes, as Standard Webhooks has it."""


def _checked_database_url(value: SecretStr) -> SecretStr:
    """A URL as PostgreSQL's own programs take it, in the form that its asynchronous driver takes."""
    try:
        parts = urlsplit(value.get_secret_value().strip())
        named = parts.path.strip("/")
        _ = parts.port
    except ValueError:
        raise ValueError("is no URL") from None
    if parts.scheme not in _POSTGRESQL or not named:
        raise ValueError("must be postgresql://USER:PASSWORD@HOST:PORT/DATABASE")
    query = [("ssl" if name == "sslmode" else name, text) for name, text in parse_qsl(parts.query)]
    url = parts._replace(scheme="postgresql+asyncpg", query=urlencode(query), fragment="").geturl()
    return SecretStr(url)


def _checked_webhook_url(value: SecretStr) -> SecretStr:
    """An address that events may be sent to: nobody reads them on the way."""
    url = value.get_secret_value().strip()
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        _ = parts.port
    except ValueError:
        raise ValueError("is no URL") from None
    if not (is_host(host) or ":" in host) or any(not "!" <= character <= "~" for character in url):
        raise ValueError("must be an https:// URL")
    if parts.username is not None or parts.password is not None:
        raise ValueError("must hold no user name or password: the signature tells who sends")
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(host)):
        raise ValueError("must be an https:// URL, or http:// to this machine (127.0.0.1, localhost)")
    return SecretStr(url)


def _checked_webhook_secret(value: SecretStr) -> SecretStr:
    """A secret as Standard Webhooks writes it."""
    text = value.get_secret_value().strip()
    encoded = text.removeprefix("whsec_").rstrip("=")
    try:
        length = len(base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True))
    except (binascii.Error, ValueError):
        length = 0
    if not _SHORTEST_SECRET <= length <= _LONGEST_SECRET:
        raise ValueError(
            f"must be whsec_ and {_SHORTEST_SECRET} to {_LONGEST_SECRET} random bytes in base64: "
            'echo "whsec_$(head -c 32 /dev/urandom | base64)"'
        )
    return SecretStr(text)


_WORTH_HIDING = 8
"""Characters: a shorter one is no secret, and would be found in half of all words."""


def secrets_of(settings: BaseModel) -> frozenset[str]:
    """Every secret that settings hold, the password of a URL by itself too. Not what everybody knows (defaults)."""
    found = set()
    for name, field in type(settings).model_fields.items():
        value = getattr(settings, name)
        if value is None or value == field.default:
            continue
        text = value.get_secret_value() if isinstance(value, SecretStr) else str(value)
        if isinstance(value, SecretStr) or name.endswith("_secret"):
            found.add(text)
        if name.endswith("_url"):
            found.add(urlsplit(text).password or "")
    return frozenset(text for text in found if len(text) >= _WORTH_HIDING)


SECRETS = "keys and secrets"
"""In place of a variable's name: of which one it is, nothing is told."""


def said(value: SecretStr | str | None) -> str:
    """What a secret holds; empty: nothing."""
    return value.get_secret_value() if isinstance(value, SecretStr) else value or ""


def digest_of(secrets: Mapping[str, str]) -> str:
    """Tells whether others have the same secrets, all of them, and lets nobody try one by itself. Slow on purpose."""
    whole = json.dumps(dict(sorted(secrets.items())))
    return hashlib.scrypt(whole.encode("utf-8", "surrogatepass"), salt=b"Face Match", n=2**14, r=8, p=1, dklen=16).hex()


DatabaseUrl = Annotated[SecretStr, AfterValidator(_checked_database_url)]
WebhookUrl = Annotated[SecretStr, AfterValidator(_checked_webhook_url)]
WebhookSecret = Annotated[SecretStr, AfterValidator(_checked_webhook_secret)]
