"""The name that people give themselves, so that others see who did what. Nobody checks whose it is."""

from __future__ import annotations

import unicodedata
from dataclasses import replace
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

from starlette.datastructures import Headers

from facematch.server.web.errors import ApiError, Code

if TYPE_CHECKING:
    from starlette.types import Scope

    from facematch.server.access.caller import Caller

LONGEST: Final = 60
"""Characters of a name."""
HEADER: Final = "Operator-Name"
"""Percent-encoded UTF-8, from whoever has no login: programs with a key, and pages in local mode."""

_JOINERS: Final = frozenset("\u200c\u200d")
"""Characters without a look of their own that names need."""


def own_name(given: str) -> str | None:
    """A name as it is kept: without blanks around it, one between words; None: there is none.

    Raises:
        ValueError: it cannot be one; says why.
    """
    name = " ".join(unicodedata.normalize("NFC", given).split())
    if len(name) > LONGEST:
        raise ValueError(f"must have at most {LONGEST} characters")
    if any(unicodedata.category(one)[0] == "C" and one not in _JOINERS for one in name):
        raise ValueError("must have no invisible characters")  # they would break, or turn around, a line of a log
    return name or None


def with_own_name(caller: Caller, scope: Scope) -> Caller:
    """The caller with the name that a request gives, unless it comes with a login, which has its own.

    Raises:
        ApiError: 422, it cannot be one.
    """
    given = Headers(scope=scope).get(HEADER) if caller.session is None else None
    if given is None:
        return caller
    try:
        return replace(caller, own_name=own_name(unquote(given, errors="strict")))
    except ValueError as error:  # UnicodeDecodeError is one
        reason = "must be percent-encoded UTF-8" if isinstance(error, UnicodeError) else str(error)
        raise ApiError(422, Code.INVALID, f"{HEADER}: {reason}") from None
