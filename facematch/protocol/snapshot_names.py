"""What snapshot files are called: the recognizer names them, the web process serves, expires and erases them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from datetime import datetime

NAME_CHARACTERS: Final = 64
"""Longest part of an identity that goes into a file name."""

MOST_BYTES: Final = 16 * 1024 * 1024
"""Of a snapshot that is sent: a JPEG of the largest frame that is looked at takes less than half."""

_UNSAFE = re.compile(r"[^A-Za-z0-9_-]+")
_NAME = re.compile(r"match_[A-Za-z0-9_-]{1,200}\.jpg", re.ASCII)
_DRAFT = re.compile(rf"\.({_NAME.pattern})\.part", re.ASCII)
_PARTS = re.compile(r"match_(.+)_\d{8}_\d{6}(?:_s[0-9a-f]{8})?(?:_\d+)?\.jpg", re.ASCII)


def safe_identity(identity: str) -> str:
    """The identity reduced to what a file name may hold: `[A-Za-z0-9_-]`, 1 to 64 characters."""
    return _UNSAFE.sub("_", identity)[:NAME_CHARACTERS].strip("_") or "participant"


def snapshot_stem(identity: str, when: datetime, source: str | None = None) -> str:
    """The name of a snapshot without what makes it unique (`_2`, `_3` …) and without `.jpg`.

    Args:
        identity: the participant's.
        when: it was taken.
        source: the recognizer's boot (hexadecimal), where those of several machines come together.
    """
    whose = f"_s{source[:8]}" if source else ""
    return f"match_{safe_identity(identity)}_{when:%Y%m%d_%H%M%S}{whose}"


def is_snapshot_name(name: str) -> bool:
    """Whether a file of this name is taken for a snapshot."""
    return _NAME.fullmatch(name) is not None


def draft_name(name: str) -> str:
    """What a snapshot's file is called, hidden, until its event is safe."""
    return f".{name}.part"


def snapshot_of_draft(name: str) -> str | None:
    """The name that a draft's file will have; None: it is not a draft's."""
    draft = _DRAFT.fullmatch(name)
    return draft and draft[1]


def may_show(name: str, identity: str) -> bool:
    """Whether a snapshot of that identity, or its draft, is called like this. Those of others who reduce to the same
    text are, too.

    `match_a_20250101_000000_20250925_140708.jpg` is one of `a_20250101_000000` and not of `a`.
    """
    parts = _PARTS.fullmatch(snapshot_of_draft(name) or name)
    return parts is not None and parts[1] == safe_identity(identity)
