"""What native code writes to stderr by itself: kept out of the log, whose form it does not know.

A decoder writes hundreds of lines about one damaged stream. They go to a file, are looked at once a second, and are
told as fields of our own lines. What LiveKit's SDK says there becomes records of its logger. What a crash leaves there
is told at the next start: it is the crash's last words.
"""

from __future__ import annotations

import asyncio
import logging
import os
import re
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Self

import structlog

from facematch.runtime.sdk_lines import LOGGER

if TYPE_CHECKING:
    from pathlib import Path

log = structlog.get_logger(__name__)

LOOK_SECONDS = 1.0
MOST_BYTES = 64 * 1024
"""Read at once; of more, the end."""
MOST_LINES = 5
"""Told at once."""
LONGEST_LINE = 300

_STDERR = 2
_DECODER = re.compile(r"\[[\w-]+ @ 0x[0-9a-f]+\]")
"""How a decoder's lines begin. It complains about what it is sent, which says nothing about us."""
_SDK = re.compile(r"\[[\d:.TZ-]{19,30} (ERROR|WARN|INFO|DEBUG|TRACE) +([\w:]+)\] (.*)")
"""One of the SDK's lines: its level, where in the SDK, and the text, whose further lines are indented."""
_INDENTED = "    "
_LEVELS = {"ERROR": logging.ERROR, "WARN": logging.WARNING, "INFO": logging.INFO}


def separate_stderr() -> None:
    """Give Python's stderr a descriptor of its own: what goes to number 2 from now on comes from native code."""
    sys.stderr = os.fdopen(os.dup(_STDERR), "w", buffering=1, encoding="utf-8", errors="backslashreplace")


class NativeOutput:
    """A context in which number 2 leads to a file. Does nothing where Python's stderr has not been separated.

    Args:
        path: of the file; nobody else's.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: int | None = None
        self._before = -1

    def __enter__(self) -> Self:
        """See the class. A folder that cannot be written changes nothing but the form of such lines."""
        if not _separated():
            return self
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file = os.open(self._path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            log.warning("Native output stays in the log as it comes", reason=error.strerror, path=str(self._path))
            return self
        if last_words := _told(self._drain()):
            log.warning("Native code said, before the last run ended without an end", lines=last_words)
        self._before = os.dup(_STDERR)
        os.dup2(self._file, _STDERR)
        return self

    @property
    def separate(self) -> bool:
        """Whether number 2 leads to the file."""
        return self._file is not None

    def __exit__(self, *_: object) -> None:
        """Number 2 leads where it led, and the file goes."""
        if self._file is None:
            return
        os.dup2(self._before, _STDERR)
        self.tell(self._drain())
        with suppress(OSError):
            self._path.unlink()
        os.close(self._file)
        os.close(self._before)
        self._file = None

    async def run(self) -> None:
        """Look once a second, for ever."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            if self._size():
                self.tell(await asyncio.to_thread(self._drain))

    def tell(self, lines: list[str]) -> None:
        """The SDK's as they are, decoders at DEBUG, everything else as a warning; so many lines and no more."""
        lines = _without_sdk(lines)
        decoders = [line for line in lines if _DECODER.match(line)]
        if decoders:
            log.debug("A decoder complains about what it is sent", lines=_told(decoders), count=len(decoders))
        others = [line for line in lines if not _DECODER.match(line)]
        if others:
            log.warning("Native code says", lines=_told(others), count=len(others))

    def _size(self) -> int:
        """How much has come since, in bytes. The system knows that of an open file without asking the disk."""
        try:
            return 0 if self._file is None else os.fstat(self._file).st_size
        except OSError:
            return 0

    def _drain(self) -> list[str]:
        """What has come since, line by line; the file is empty afterwards."""
        size = self._size()
        if self._file is None or not size:
            return []
        try:
            data = os.pread(self._file, MOST_BYTES, max(0, size - MOST_BYTES))
            os.ftruncate(self._file, 0)
        except OSError:
            return []
        return [line for line in data.decode("utf-8", "replace").splitlines() if line.strip()]


def _separated() -> bool:
    try:
        return sys.stderr.fileno() != _STDERR
    except (AttributeError, OSError):  # there is none, or one that is no file
        return False


def _without_sdk(lines: list[str]) -> list[str]:
    """The other lines. The SDK's are handed to its logger, which is the one that it has in Python."""
    others: list[str] = []
    said: list[tuple[str, str, list[str]]] = []
    of_sdk = False
    for line in lines:
        if found := _SDK.match(line):
            said.append((found[1], found[2], [found[3]]))
        elif of_sdk and line.startswith(_INDENTED):
            said[-1][2].append(line.removeprefix(_INDENTED))
        else:
            others.append(line)
            of_sdk = False
            continue
        of_sdk = True
    for level, where, text in said:
        logging.getLogger(LOGGER).log(_LEVELS.get(level, logging.DEBUG), "%s - %s", where, "\n".join(text))
    return others


def _told(lines: list[str]) -> str:
    """The last of them, short."""
    return " | ".join(line[:LONGEST_LINE] for line in lines[-MOST_LINES:])
