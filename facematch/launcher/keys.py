"""Keys that nobody has chosen: made once, kept in a file that its owner alone can read.

Those of access, when Face Match is to be reached from other machines, and the pair of the LiveKit server that run.sh
starts: the demo pair is known to everybody.
"""

from __future__ import annotations

import os
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

LIVEKIT_PAIR: Final = ("LIVEKIT_API_KEY", "LIVEKIT_API_SECRET")

_HEADING = """\
# Keys of Face Match, made because none were set: of access, when it was to be reached from other machines, and of the
# LiveKit server that run.sh starts. run.sh reads them here; what the environment or .env says instead wins. Delete this
# file to have new ones made at the next start.
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
        KeysError: the file is somebody else's, can be read by others, or cannot be read or written by us.
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


def kept_livekit_pair(settings: Settings) -> Keys:
    """The key and the secret of a LiveKit server that we have started before; none when they were chosen.

    Raises:
        KeysError: see `missing_keys`.
    """
    file = settings.data_dir / FILE_NAME
    kept = {} if _livekit_pair_is_chosen(settings) else _read(file)
    pair: dict[str, str] = {name: kept[name] for name in LIVEKIT_PAIR if name in kept}
    return Keys(pair if len(pair) == len(LIVEKIT_PAIR) else {}, file, made=False)


def livekit_pair(settings: Settings) -> Keys:
    """The key and the secret of a LiveKit server that we are about to start: those that were chosen, or kept, or new.

    Raises:
        KeysError: new ones cannot be kept; see `fresh_livekit_pair`.
    """
    if _livekit_pair_is_chosen(settings):
        chosen = _named(settings.livekit_api_key, settings.livekit_api_secret)
        return Keys(chosen, settings.data_dir / FILE_NAME, made=False)
    kept = kept_livekit_pair(settings)
    if kept.values:
        return kept
    values = fresh_livekit_pair()
    _write(kept.file, {**_read(kept.file), **values})
    return Keys(values, kept.file, made=True)


def fresh_livekit_pair() -> dict[str, str]:
    """A key and a secret that are kept nowhere."""
    return _named(f"face-match-{secrets.token_hex(6)}", secrets.token_urlsafe(32))


def _named(key: str, secret: str) -> dict[str, str]:
    return {"LIVEKIT_API_KEY": key, "LIVEKIT_API_SECRET": secret}


def _livekit_pair_is_chosen(settings: Settings) -> bool:
    return not settings.model_fields_set.isdisjoint({"livekit_api_key", "livekit_api_secret"})


def _read(file: Path) -> dict[str, str]:
    try:
        found = file.stat()
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise KeysError(f"{file} cannot be read ({error.strerror}).") from error
    if found.st_uid != os.geteuid():
        raise KeysError(
            f"{file} holds keys and belongs to another user: start as that user, or delete it for new keys."
        )
    if _others_can_read(found):
        raise KeysError(
            f"{file} holds keys and can be read by others: chmod 600 {file}, or delete it for new keys. {_NO_MODES}"
        )
    try:
        return {name: value for name, value in dotenv_values(file, interpolate=False).items() if value}
    except (OSError, UnicodeDecodeError) as error:
        raise KeysError(f"{file} cannot be read ({getattr(error, 'strerror', 'not UTF-8')}).") from error


_NO_MODES: Final = (
    "Where that has no effect (a Windows disk under WSL, some network shares) set DATA_DIR to a folder in your home."
)


def _others_can_read(found: os.stat_result) -> bool:
    return bool(stat.S_IMODE(found.st_mode) & (stat.S_IRWXG | stat.S_IRWXO))


def _write(file: Path, values: Mapping[str, str]) -> None:
    lines = "".join(f"{name}={value}\n" for name, value in values.items())
    try:
        write_whole(file, (_HEADING + lines).encode())  # like every temporary file, for its owner alone
        if _others_can_read(file.stat()):  # but not on every disk
            file.unlink()
            raise KeysError(
                f"The keys cannot be kept in {file}: on its disk every file can be read by everybody (a Windows disk "
                "under WSL, some network shares). Set DATA_DIR to a folder in your home, or set the keys."
            )
    except OSError as error:
        raise KeysError(f"The keys cannot be kept in {file} ({error.strerror}): set DATA_DIR, or the keys.") from error
