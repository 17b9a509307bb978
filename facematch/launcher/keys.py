"""The keys of access when nobody has chosen any: made once, kept in a file that its owner alone can read."""

from __future__ import annotations

import secrets
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from dotenv import dotenv_values

from facematch.runtime.addresses import is_loopback
from facematch.runtime.atomic_file import write_whole

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from facematch.config.settings import Settings

FILE_NAME: Final = "keys.env"
"""In DATA_DIR."""

_NAMES: Final = ("ADMIN_KEY", "VIEWER_KEY", "RECOGNIZER_KEY")
_NEEDED: Final = ("ADMIN_KEY", "RECOGNIZER_KEY")
"""The web process does not start with other keys unless it has these."""

_HEADING = """\
# Keys of Face Match, made because it was to be reached from other machines and none were set. run.sh reads them here;
# what the environment or .env says instead wins. Delete this file to have new ones made at the next start.
"""


class KeysError(Exception):
    """The keys cannot be kept or read; a sentence."""


@dataclass(frozen=True, slots=True)
class Keys:
    """What was missing."""

    values: Mapping[str, str]
    """Variables for both processes; empty: none was missing."""
    file: Path
    made: bool
    """Whether they are new: somebody has to be told."""


def missing_keys(settings: Settings) -> Keys:
    """The keys that are needed and not set, from their file, or made and put there.

    None are needed in local mode: nothing listens beyond this machine, and no key is set.

    Raises:
        KeysError: the file can be read by others, or cannot be read or written by us.
    """
    file = settings.data_dir / FILE_NAME
    unset = [name for name in _NAMES if getattr(settings, name.lower()) is None]
    if settings.keys_in_use:
        unset = [name for name in unset if name in _NEEDED]  # nobody asked for a viewer
    elif is_loopback(settings.host):
        unset = []
    if not unset:
        return Keys({}, file, made=False)
    kept = _read(file)
    values = {name: kept.get(name) or secrets.token_urlsafe(24) for name in unset}
    made = any(kept.get(name) != value for name, value in values.items())
    if made:
        _write(file, {**kept, **values})
    return Keys(values, file, made=made)


def _read(file: Path) -> dict[str, str]:
    try:
        mode = file.stat().st_mode
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise KeysError(f"{file} cannot be read ({error.strerror}).") from error
    if stat.S_IMODE(mode) & (stat.S_IRWXG | stat.S_IRWXO):
        raise KeysError(f"{file} holds keys and can be read by others: chmod 600 {file}, or delete it for new keys.")
    try:
        return {name: value for name, value in dotenv_values(file, interpolate=False).items() if value}
    except OSError as error:
        raise KeysError(f"{file} cannot be read ({error.strerror}).") from error


def _write(file: Path, values: Mapping[str, str]) -> None:
    lines = "".join(f"{name}={value}\n" for name, value in values.items())
    try:
        write_whole(file, (_HEADING + lines).encode())  # like every temporary file, for its owner alone
    except OSError as error:
        raise KeysError(f"The keys cannot be kept in {file} ({error.strerror}): set DATA_DIR, or the keys.") from error
