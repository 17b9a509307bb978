"""What an image file will cost to decode, counted from its bytes before anything is decoded."""

from __future__ import annotations

import re

_MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")
"""The next marker of a JPEG, past compressed data: not a stuffed byte, not a fill byte, not a restart."""
_START_OF_SCAN = 0xDA
_END_OF_IMAGE = 0xD9
_WITHOUT_LENGTH = {0x01, 0xD8}
_WEBP_CHUNKS = 12
"""Bytes of a WebP file before its first chunk."""


def jpeg_scans(data: bytes, most: int) -> int:
    """How many passes over the picture a JPEG is made of: one, about ten in a progressive one, thousands in a bomb.

    Each costs a walk over all the picture's blocks, even one of a few bytes that changes nothing.

    Args:
        data: the file.
        most: counting ends beyond this.
    """
    scans, position = 0, 2
    while scans <= most and (found := _MARKER.search(data, position)) is not None:
        marker = data[found.start() + 1]
        if marker == _END_OF_IMAGE:
            break
        position = found.end()
        if marker not in _WITHOUT_LENGTH:
            scans += marker == _START_OF_SCAN
            position += int.from_bytes(data[position : position + 2], "big")
    return scans


def webp_size(data: bytes) -> tuple[int, int] | None:
    """(width, height) of a WebP's canvas, whose memory is taken as soon as the file is opened; None if damaged."""
    chunk, body = data[_WEBP_CHUNKS : _WEBP_CHUNKS + 4], data[_WEBP_CHUNKS + 8 : _WEBP_CHUNKS + 18]
    if len(body) < 10:  # noqa: PLR2004  (the first chunk's header, as much of it as counts)
        body = body.ljust(10, b"\0")
    if chunk == b"VP8X":
        return 1 + int.from_bytes(body[4:7], "little"), 1 + int.from_bytes(body[7:10], "little")
    if chunk == b"VP8L":
        bits = int.from_bytes(body[1:5], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    if chunk == b"VP8 ":
        return int.from_bytes(body[6:8], "little") & 0x3FFF, int.from_bytes(body[8:10], "little") & 0x3FFF
    return None
