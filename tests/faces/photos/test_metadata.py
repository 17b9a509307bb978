"""What an image file holds besides its pixels: however much, and whatever else it also is, only the pixels count."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

from facematch.faces.photos.decoding import decode
from facematch.faces.photos.enrollment import enroll
from facematch.faces.photos.photo import read_photo
from facematch.faces.photos.refusal import EnrollmentError
from tests.rig.hostile_images import chunk, png, segment
from tests.rig.pictures import picture

if TYPE_CHECKING:
    from facematch.faces.detector import Detector
    from facematch.faces.encoder import Encoder

SCRIPT = b"<script>alert('SECRET')</script>"
LAUGHS = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">' + b"".join(
    b'<!ENTITY %c "%s">' % (98 + i, b"&%c;" % (97 + i) * 10) for i in range(12)
)
MB = 1 << 20


def encoded(kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    picture("obama").resize((455, 568)).save(file, kind, **options)
    return file.getvalue()


def jpeg_with(*extra: bytes) -> bytes:
    plain = encoded("JPEG", quality=90)
    return plain[:2] + b"".join(extra) + plain[2:]


def png_with(*extra: bytes) -> bytes:
    plain = encoded("PNG")
    head = len(b"\x89PNG\r\n\x1a\n") + 25
    return plain[:head] + b"".join(extra) + plain[head:]


def looping_exif() -> bytes:
    """A directory whose next one, and whose sub-directories, are itself."""
    entries = [struct.pack("<HHII", tag, 4, 1, 8) for tag in (0x8769, 0x8825, 0xA005)]
    return b"Exif\0\0II*\0" + struct.pack("<IH", 8, len(entries)) + b"".join(entries) + struct.pack("<I", 8)


def vast_exif() -> bytes:
    """Entries that say that they have two thousand million values."""
    entries = [struct.pack("<HHII", tag, 5, 2**31 - 1, 26) for tag in range(0x0110, 0x0110 + 300)]
    return b"Exif\0\0II*\0" + struct.pack("<IH", 8, len(entries)) + b"".join(entries) + struct.pack("<I", 0)


XMP = b"http://ns.adobe.com/xap/1.0/\0"
BLOATED = {
    "very many empty segments": lambda: jpeg_with(segment(0xE1, b"") * 300_000),
    "as much as segments can hold": lambda: jpeg_with(segment(0xE2, bytes(65_000)) * 140),
    "a colour profile in 255 parts": lambda: jpeg_with(
        *(segment(0xE2, b"ICC_PROFILE\0" + bytes([part, 255]) + bytes(30_000)) for part in range(1, 256))
    ),
    "colour profiles without number": lambda: jpeg_with(segment(0xE2, b"ICC_PROFILE\0\1\1" + b"x") * 200_000),
    "a directory that leads to itself": lambda: jpeg_with(segment(0xE1, looping_exif())),
    "values without end": lambda: jpeg_with(segment(0xE1, vast_exif())),
    "XML that grows": lambda: jpeg_with(segment(0xE1, XMP + LAUGHS)),
    "very many small chunks": lambda: png_with(chunk(b"tEXt", b"a\0") * 200_000),
    "packed texts": lambda: png_with(*[chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(900_000), 9))] * 60),
    "a packed text of 150 MB": lambda: png_with(chunk(b"zTXt", b"a\0\0" + bomb(150))),
    "a packed international text of 150 MB": lambda: png_with(chunk(b"iTXt", b"a\0\1\0\0\0" + bomb(150))),
    "a packed colour profile of 150 MB": lambda: png_with(chunk(b"iCCP", b"a\0\0" + bomb(150))),
    "a packed directory": lambda: png_with(chunk(b"zTXt", b"Raw profile type exif\0\0" + bomb(100))),
    "pixels in very many pieces": lambda: png(9, 9, b"", chunk(b"IDAT", b"") * 300_000),
}


def bomb(megabytes: int) -> bytes:
    packer = zlib.compressobj(9)
    return b"".join(packer.compress(bytes(MB)) for _ in range(megabytes)) + packer.flush()


@pytest.mark.parametrize("what", BLOATED)
async def test_however_much_there_is_it_is_taken_or_refused_within_the_bounds(what: str) -> None:
    """In the decoder's own process, with its bounds."""
    data = BLOATED[what]()
    assert len(data) < 10 * MB
    try:
        photo = await decode(data)
    except EnrollmentError as error:
        refused = error
    else:
        assert photo.size == (455, 568)
        return
    assert refused.code in ("NOT_AN_IMAGE", "TOO_LARGE")
    assert "stops the decoder" not in refused.detail


def archive() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as packed:
        packed.writestr("SECRET.html", SCRIPT)
    return file.getvalue()


ALSO = {
    "an archive": lambda: encoded("JPEG", quality=90) + archive(),
    "a page": lambda: jpeg_with(segment(0xFE, b"*/-->" + SCRIPT)),
    "a page, by its directory": lambda: encoded("JPEG", quality=90, exif=titled(SCRIPT)),
    "a script": lambda: jpeg_with(segment(0xE0, b"JFIF=1;/*"), segment(0xFE, b"*/alert('SECRET')/*")),
    "a PNG with a page": lambda: png_with(chunk(b"tEXt", b"Comment\0" + SCRIPT)),
    "a PNG with another behind it": lambda: encoded("PNG") + b"SECRET" + encoded("PNG"),
    "a WebP with a page": lambda: encoded("WEBP", xmp=SCRIPT, exif=titled(SCRIPT)),
}
"""Photographs that are something else as well."""


def titled(text: bytes) -> bytes:
    exif = Image.Exif()
    exif[0x010E] = text.decode()
    return exif.tobytes()


@pytest.mark.parametrize("what", ALSO)
def test_what_a_photograph_also_is_is_not_stored(what: str, detector: Detector, onnx_encoder: Encoder) -> None:
    data = ALSO[what]()
    assert b"SECRET" in data
    stored = enroll(read_photo(data), detector, onnx_encoder).jpeg
    assert stored.startswith(b"\xff\xd8\xff")
    assert stored.endswith(b"\xff\xd9")
    assert not [trace for trace in (b"SECRET", b"script", b"PK\3\4", b"Exif", b"xap") if trace in stored]


@pytest.mark.parametrize(
    "before", [b"%PDF-1.7\n", b"<html>", b"PK\3\4", b"\0\0\0\x18ftypavif", b"GIF89a", b"BM", b"II*\0"]
)
def test_what_also_is_a_photograph_is_none(before: bytes) -> None:
    with pytest.raises(EnrollmentError) as refused:
        read_photo(before + encoded("JPEG"))
    assert refused.value.code == "NOT_AN_IMAGE"
