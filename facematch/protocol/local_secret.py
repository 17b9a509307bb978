"""Where this user's programs find what lets them in, in local mode, on a system that does not tell whose they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

LOCAL_PREFIX: Final = "local-"
"""How the secret begins."""


def local_secret_file(data_dir: Path) -> Path:
    """The file, readable by its owner alone. It is there only where it is needed, while the web process runs."""
    return data_dir / "local.secret"


def read_local_secret(data_dir: Path) -> str | None:
    """What it holds; None: it is not there, or cannot be read."""
    try:
        return local_secret_file(data_dir).read_text(encoding="ascii").strip() or None
    except (OSError, ValueError):
        return None
