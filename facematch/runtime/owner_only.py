"""Personal data is its owner's alone, whatever the umask says: files 0600, folders 0700, also those that exist already.

What is no secret, and may serve several users, is readable by all and writable by its owner: 0644 and 0755.
"""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from io import BufferedWriter

PRIVATE_FILE, PRIVATE_PROGRAM, PRIVATE_FOLDER = 0o600, 0o700, 0o700
PUBLIC_FILE, PUBLIC_PROGRAM, PUBLIC_FOLDER = 0o644, 0o755, 0o755
_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH
_NEW = os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC
_CODE = Path(__file__).resolve().parents[2]


class FolderError(Exception):
    """A folder that we need cannot be used. Says which, why, and which variable names another."""


def make_folder(folder: Path, *, public: bool = False) -> None:
    """Make a folder, and those above it, where they are missing; one that exists is left as it is.

    Raises:
        OSError: it cannot be made.
    """
    if folder.is_dir():
        return
    make_folder(folder.parent, public=public)
    with suppress(FileExistsError):
        folder.mkdir()
        folder.chmod(PUBLIC_FOLDER if public else PRIVATE_FOLDER)
    if not folder.is_dir():
        raise NotADirectoryError(20, os.strerror(20), str(folder))


def keep_folder(folder: Path) -> None:
    """Make a folder of personal data where it is missing; take what others may do with it, and with its files, away.

    Not when it is of more use than that: another user's, one that all may write (/tmp), a home, or one that the code
    lies in. There every file is private, and nothing else is touched. A disk without modes is left as it is.

    Raises:
        OSError: it cannot be made.
    """
    make_folder(folder)
    if not _is_for_this_alone(folder):
        return
    _take_from_others(folder, folder.stat())
    with os.scandir(folder) as entries:
        for entry in entries:
            with suppress(OSError):  # gone meanwhile
                if entry.is_file(follow_symlinks=False):
                    _take_from_others(Path(entry.path), entry.stat(follow_symlinks=False))


def keep_configured(folder: Path, variable: str, *, written: bool = False) -> None:
    """`keep_folder`, for one that a setting names.

    Args:
        folder: to be made where it is missing.
        variable: the setting's.
        written: whether this process cannot do without writing to it.

    Raises:
        FolderError: it can be neither found nor made, or not written.
    """
    try:
        keep_folder(folder)
        if written and not os.access(folder, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    except OSError as error:
        done = "written" if folder.is_dir() else "made"
        help_ = f"let this user write there, or set {variable} to another folder"
        raise FolderError(f"{folder} cannot be {done} ({error.strerror}): {help_}") from error


def keep_file(path: Path) -> None:
    """Make an empty file of personal data where it is missing; take what others may do with it away.

    For what is written by others' code (SQLite gives its companions the mode of the database).

    Raises:
        OSError: it cannot be made.
    """
    with suppress(FileExistsError):
        os.close(os.open(path, _NEW, PRIVATE_FILE))
    _take_from_others(path, path.stat())


def only_owner_writes(path: Path) -> bool:
    """Whether nobody but its owner can change a file or folder that is no secret. Where it is ours, it is made so.

    Raises:
        OSError: it is not there.
    """
    found = path.stat()
    if found.st_uid == os.geteuid() and found.st_mode & _OTHERS_WRITE:
        with suppress(OSError):  # a disk that knows no modes
            path.chmod(stat.S_IMODE(found.st_mode) & ~_OTHERS_WRITE)
    return not path.stat().st_mode & _OTHERS_WRITE


def new_file(path: Path) -> BufferedWriter:
    """Open a new file of personal data for writing.

    Raises:
        FileExistsError: there is one already.
        OSError: it cannot be made.
    """
    return os.fdopen(os.open(path, _NEW, PRIVATE_FILE), "wb")


def _is_for_this_alone(folder: Path) -> bool:
    found, place = folder.stat(), folder.resolve()
    shared = found.st_uid != os.geteuid() or found.st_mode & stat.S_ISVTX
    above = [_CODE, *_CODE.parents]
    with suppress(RuntimeError):  # no home
        above += [Path.home(), *Path.home().parents]
    return not shared and place not in above


def _take_from_others(path: Path, found: os.stat_result) -> None:
    if found.st_uid == os.geteuid() and found.st_mode & _OTHERS:
        with suppress(OSError):  # a disk that knows no modes
            path.chmod(stat.S_IMODE(found.st_mode) & ~_OTHERS)
