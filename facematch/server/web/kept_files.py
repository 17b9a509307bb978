"""Files that are asked for often, kept in memory as they are sent: a request costs one look at the disk."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from facematch.server.web.etag import answer

if TYPE_CHECKING:
    import os
    from pathlib import Path

    from starlette.requests import Request
    from starlette.responses import Response

TYPES: Final = {
    ".css": "text/css",
    ".html": "text/html",
    ".js": "text/javascript",
    ".map": "application/json",
    ".svg": "image/svg+xml",
    ".txt": "text/plain",
}
"""Of files by the end of their names; no others are sent. (What the system says of them is not always this.)"""

_MOST: Final = 500
"""Files that are kept; they are few, but several versions of each may come in the life of a process."""
_WORTH_PACKING: Final = 1_000
"""Bytes: less is one packet anyway."""


@dataclass(frozen=True, slots=True)
class _Kept:
    version: tuple[int, int]
    """When it was changed (ns), and its size in bytes."""
    media_type: str
    tag: str
    plain: bytes
    packed: bytes | None
    """With gzip; None: that is not worth it."""


class KeptFiles:
    """The files of a folder and of those in it, but not the ones with a dot before their name."""

    def __init__(self, folder: Path) -> None:
        """The folder may be made, and its files may change, later."""
        self._folder = folder
        self._kept: dict[int, _Kept] = {}

    async def answer(self, name: str, request: Request, *, cache: str) -> Response | None:
        """The file as the request wants it, or 304 when the caller has it; None: there is no such file.

        Args:
            name: its path in the folder, with slashes.
            request: whose Accept-Encoding and If-None-Match are heeded.
            cache: the answer's Cache-Control.
        """
        kept = await self._file(name)
        if kept is None:
            return None
        data, tag, more = kept.plain, kept.tag, {}
        if kept.packed is not None:
            more["Vary"] = "Accept-Encoding"
            if _takes_gzip(request.headers.get("accept-encoding", "")):
                data, tag = kept.packed, f"{tag}-gzip"
                more["Content-Encoding"] = "gzip"
        response = answer(data, kept.media_type, tag, request.headers.get("if-none-match"), cache=cache)
        response.headers.update(more)
        if request.method == "HEAD":
            response.body = b""
        return response

    async def _file(self, name: str) -> _Kept | None:
        media_type = TYPES.get(name[name.rfind(".") :])
        if media_type is None or not all(map(_is_plain, name.split("/"))):
            return None
        path = self._folder / name
        try:
            found = path.stat()
            kept = self._kept.get(found.st_ino)  # whichever way it was written: not every file system tells A from a
            if kept is None or kept.version != _version(found) or kept.media_type != media_type:
                kept = await asyncio.to_thread(self._read, path, found, media_type)
                if len(self._kept) >= _MOST:
                    self._kept.clear()
                self._kept[found.st_ino] = kept
        except (OSError, ValueError):  # none, none of ours, or a name that no file can have
            return None
        return kept

    def _read(self, path: Path, found: os.stat_result, media_type: str) -> _Kept:
        if not path.resolve().is_relative_to(self._folder.resolve()):
            raise FileNotFoundError(path)
        plain = path.read_bytes()
        packed = gzip.compress(plain, 6, mtime=0) if len(plain) >= _WORTH_PACKING else None
        return _Kept(_version(found), media_type, hashlib.sha256(plain).hexdigest()[:32], plain, packed)


def _is_plain(part: str) -> bool:
    """Whether a part of a path is the name of a file or a folder, and of none that is hidden."""
    return bool(part) and not part.startswith(".") and "\\" not in part


def _version(found: os.stat_result) -> tuple[int, int]:
    return found.st_mtime_ns, found.st_size


def _takes_gzip(accepted: str) -> bool:
    for one in accepted.lower().split(","):
        coding, _, weight = one.partition(";")
        if coding.strip() in ("gzip", "*"):
            return weight.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False
