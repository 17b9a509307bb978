"""The program that decodes one photograph, started for it by `decoding`, and ends.

Its bytes come in on standard input. A line of JSON goes out on standard output, and behind it, when the photograph
could be read, the pixels of its picture, three bytes each.
"""

from __future__ import annotations

import json
import resource
import signal
import sys
from contextlib import suppress

from facematch.faces.photos.photo import read_photo
from facematch.faces.photos.refusal import EnrollmentError

READY = b"\n"
"""Said when everything is loaded and the limits hold: what goes wrong after it is the photograph's fault."""

MEMORY_BYTES = 1 << 30
"""The largest photographs that are read need 0.85 GB (WebP of 40 megapixels that are partly transparent)."""
CPU_SECONDS = 10
"""The largest photographs that are read need two to four."""
_LIFE_SECONDS = 60
"""For when whoever waits for it is no more."""


def main() -> None:
    """Decode the photograph on standard input."""
    _limit()
    _say(READY)
    data = sys.stdin.buffer.read()
    try:
        photo = read_photo(data)
    except EnrollmentError as refused:
        _say(_line({"code": refused.code, "detail": refused.detail, "frame_size": refused.frame_size}))
        return
    _say(_line({"size": photo.size, "picture": photo.picture.size}))
    _say(photo.picture.tobytes())


def _limit() -> None:
    """Bound what this process can use, and leave nothing of it on the disk."""
    _bound(resource.RLIMIT_AS, MEMORY_BYTES)
    _bound(resource.RLIMIT_CPU, CPU_SECONDS)
    _bound(resource.RLIMIT_CORE, 0)
    _bound(resource.RLIMIT_FSIZE, 0)
    signal.alarm(_LIFE_SECONDS)


def _bound(limit: int, most: int) -> None:
    _soft, hard = resource.getrlimit(limit)
    if hard != resource.RLIM_INFINITY:
        most = min(most, hard)
    with suppress(OSError, ValueError):  # a system that has no such limit
        resource.setrlimit(limit, (most, hard))


def _line(answer: dict[str, object]) -> bytes:
    return json.dumps(answer).encode() + b"\n"


def _say(what: bytes) -> None:
    sys.stdout.buffer.write(what)
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
