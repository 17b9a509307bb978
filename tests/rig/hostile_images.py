"""Image files that nobody should send: whole and odd, damaged, mislabelled, far larger than they look."""

from __future__ import annotations

import io
import random
import struct
import zlib
from dataclasses import dataclass
from typing import Any, NamedTuple

from hypothesis import strategies as st
from PIL import Image

from tests.rig.photographs import DATA, FACES

FORMATS = {
    "JPEG": ("RGB", "L", "CMYK"),
    "PNG": ("RGB", "L", "1", "P", "RGBA", "LA", "I;16"),
    "WEBP": ("RGB", "RGBA"),
    "GIF": ("P", "L"),
    "BMP": ("RGB", "L", "P"),
    "TIFF": ("RGB", "L", "CMYK", "I;16", "F", "YCbCr", "LAB"),
    "JPEG2000": ("RGB", "L"),
    "PPM": ("RGB", "L"),
    "TGA": ("RGB",),
}
"""What each can hold; the first three are taken, the others are not."""
MOVING = ("GIF", "WEBP", "PNG")
TYPES = ("image/jpeg", "image/png", "image/webp", "image/svg+xml", "text/html", "application/octet-stream", "")
NAMES = ("photo.jpg", "photo.png", "../../etc/passwd", "a" * 300 + ".jpg", "x.php\x00.jpg", "ä\u202e.gpj", "")

_EXIF_ORIENTATION = 0x0112


class File(NamedTuple):
    """What is sent, and what it is."""

    data: bytes
    what: str

    def __repr__(self) -> str:
        return self.what  # hypothesis shows what it has drawn


@dataclass(frozen=True, slots=True)
class Upload:
    """One file as it is sent."""

    file: File
    name: str
    content_type: str


def pictures(seed: random.Random, width: int, height: int, content: str) -> Image.Image:
    """An RGB picture: `face` a photograph about this wide, `noise`, `plain`, `stripes`."""
    if content == "face":
        with Image.open(DATA / seed.choice(sorted(FACES))) as photograph:
            larger = 1 + width % 3  # up to three times as large: some faces in it are large enough
            return photograph.convert("RGB").resize(
                (width * larger, round(width * larger * photograph.height / photograph.width) or 1)
            )
    if content == "noise":
        return Image.frombytes("RGB", (width, height), seed.randbytes(width * height * 3))
    if content == "stripes":
        return Image.linear_gradient("L").resize((width, height)).convert("RGB")
    return Image.new("RGB", (width, height), tuple(seed.randbytes(3)))


@st.composite
def whole(draw: st.DrawFn) -> tuple[bytes, str]:
    """A file that is what it says, whatever that is."""
    seed = random.Random(draw(st.integers(0, 2**32)))  # noqa: S311  (made again from the same number)
    kind = draw(st.sampled_from(sorted(FORMATS)))
    mode = draw(st.sampled_from(FORMATS[kind]))
    content = draw(st.sampled_from(["face", "noise", "plain", "stripes"]))
    width, height = draw(st.tuples(st.integers(1, 480), st.integers(1, 480)))
    picture = _in_mode(pictures(seed, width, height, content), mode)
    options: dict[str, Any] = {}
    if kind in MOVING and draw(st.booleans()) and mode not in ("I;16", "I", "1"):
        options |= {"save_all": True, "append_images": [picture] * draw(st.integers(1, 5)), "duration": 40}
    if kind in ("JPEG", "PNG", "WEBP"):
        exif = Image.Exif()
        exif[_EXIF_ORIENTATION] = draw(st.integers(0, 9))
        options["exif"] = exif.tobytes() if draw(st.booleans()) else seed.randbytes(draw(st.integers(0, 200)))
    if kind == "JPEG":
        options |= {"progressive": draw(st.booleans()), "quality": draw(st.sampled_from([1, 50, 95]))}
        options["icc_profile"] = seed.randbytes(draw(st.integers(0, 300)))
    file = io.BytesIO()
    try:
        picture.save(file, kind, **options)
    except (OSError, ValueError, TypeError, struct.error):  # options that this format's writer does not take
        file = io.BytesIO()
        picture.convert("RGB").save(file, kind)
    return file.getvalue(), f"{kind} {mode} {width}x{height} {content}"


def _in_mode(picture: Image.Image, mode: str) -> Image.Image:
    if mode == "I;16":
        return picture.convert("L").point(lambda value: value * 257, "I").convert("I;16")
    return picture.convert(mode) if mode in ("L", "1", "P", "CMYK", "RGBA", "YCbCr") else _by_way_of(picture, mode)


def _by_way_of(picture: Image.Image, mode: str) -> Image.Image:
    through = {"LA": "RGBA", "I": "L", "F": "L"}.get(mode)
    if mode == "LAB":
        return Image.merge("LAB", picture.split())
    return picture.convert(through).convert(mode) if through else picture.convert(mode)


@st.composite
def good(draw: st.DrawFn) -> tuple[bytes, str]:
    """A photograph that serves: now and then the reference does change."""
    name = draw(st.sampled_from(sorted(set(FACES) - {"collins.jpg"})))  # that face is the smallest
    kind = draw(st.sampled_from(["JPEG", "PNG", "WEBP"]))
    file = io.BytesIO()
    with Image.open(DATA / name) as photograph:
        photograph.convert("RGB").resize((photograph.width // 2, photograph.height // 2)).save(file, kind)
    return file.getvalue(), f"{name} as {kind}"


@st.composite
def damaged(draw: st.DrawFn) -> tuple[bytes, str]:
    """A file of which something is missing, changed, doubled or added."""
    data, what = draw(whole())
    how = draw(st.sampled_from(["cut", "flip", "junk before", "junk after", "doubled", "hole", "spliced"]))
    seed = random.Random(draw(st.integers(0, 2**32)))  # noqa: S311
    at = seed.randrange(len(data))
    match how:
        case "cut":
            data = data[:at]
        case "flip":
            changed = bytearray(data)
            for _ in range(draw(st.integers(1, 40))):
                changed[seed.randrange(len(changed))] = seed.randrange(256)
            data = bytes(changed)
        case "junk before":
            data = seed.randbytes(draw(st.integers(1, 64))) + data
        case "junk after":
            data += seed.randbytes(draw(st.integers(1, 5000)))
        case "doubled":
            data += data
        case "hole":
            data = data[:at] + data[at + draw(st.integers(1, 4000)) :]
        case "spliced":
            other, more = draw(whole())
            data, what = data[:at] + other[len(other) // 2 :], f"{what} and {more}"
    return data, f"{what}, {how}"


@st.composite
def larger_than_they_look(draw: st.DrawFn) -> tuple[bytes, str]:
    """Few bytes that say that they are very many pixels, some of which really are."""
    side = draw(st.sampled_from([0, 1, 6_000, 16_384, 16_385, 40_000, 65_535, 2**31 - 1]))
    other = draw(st.sampled_from([0, 1, 6_000, 65_535]))
    kind = draw(st.sampled_from(["PNG header", "PNG", "JPEG header", "GIF", "WEBP header", "PNG text"]))
    match kind:
        case "PNG header":
            return png(side, other, zlib.compress(b"")), f"PNG that says {side}x{other}"
        case "PNG":  # a bomb: each row packed a thousand times smaller
            rows = min(other, 3_000)
            packed = zlib.compress(bytes(min(side, 20_000) + 1) * rows, 9)
            return png(min(side, 20_000), rows, packed), f"PNG of {min(side, 20_000)}x{rows} zeros"
        case "JPEG header":
            file = io.BytesIO()
            Image.new("RGB", (8, 8)).save(file, "JPEG")
            data = bytearray(file.getvalue())
            frame = data.index(b"\xff\xc0") + 5
            data[frame : frame + 4] = struct.pack(">HH", other % 65_536, side % 65_536)
            return bytes(data), f"JPEG that says {side % 65_536}x{other % 65_536}"
        case "GIF":
            screen = struct.pack("<HH", side % 65_536, other % 65_536)
            return b"GIF89a" + screen + b"\x80\0\0" + b"\0" * 6 + b",", "GIF header"
        case "WEBP header":
            size = (min(side, 16_384) - 1) % (1 << 14) | ((min(other, 16_384) - 1) % (1 << 14)) << 14
            stream = b"\x2f" + struct.pack("<I", size)
            body = b"WEBPVP8L" + struct.pack("<I", len(stream)) + stream
            return b"RIFF" + struct.pack("<I", len(body)) + body, "WebP header"
    text = chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(20_000_000), 9))
    return png(8, 8, zlib.compress(bytes(9 * 8)), text), "PNG with 20 MB of packed text"


def png(width: int, height: int, packed: bytes, extra: bytes = b"") -> bytes:
    """A PNG of eight-bit grey that says that it has this size.

    Args:
        width: pixels.
        height: pixels.
        packed: its one chunk of pixels.
        extra: chunks before that.
    """
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + extra + chunk(b"IDAT", packed) + chunk(b"IEND", b"")


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def bombs() -> st.SearchStrategy[tuple[bytes, str]]:
    """Few bytes that are a long time's work, or much memory."""
    passes = st.sampled_from([10, 1_000, 20_000])
    sides = st.sampled_from([4_000, 6_000, 16_384])
    return st.builds(
        lambda scans: (progressive_bomb(4_000, 3_000, scans), f"JPEG of {scans} passes"), passes
    ) | st.builds(lambda side: (webp_bomb(side, side), f"WebP of {side}x{side}"), sides)


def progressive_bomb(width: int, height: int, scans: int) -> bytes:
    """A grey JPEG of `scans` passes that say nothing, each some 60 bytes long and a walk over all blocks."""
    blocks = -(-width // 8) * -(-height // 8)
    size = struct.pack(">BHHB", 8, height, width, 1) + b"\1\x11\0"
    head = b"\xff\xd8" + segment(0xDB, b"\0" + b"\1" * 64) + segment(0xC2, size)
    one_code = b"\1" + bytes(15)  # one symbol, whose code is a zero bit
    tables = segment(0xC4, b"\x00" + one_code + b"\x00") + segment(0xC4, b"\x10" + one_code + b"\xe0")
    means = segment(0xDA, b"\1\1\0\0\0\0") + bytes(-(-blocks // 8))
    bits = "011111111111111" * -(-blocks // 0x7FFF)  # the code, and how many blocks it speaks for: as many as it can
    bits += "1" * (-len(bits) % 8)
    details = int(bits, 2).to_bytes(len(bits) // 8).replace(b"\xff", b"\xff\0")
    return head + tables + means + (segment(0xDA, b"\1\1\0\1\x3f\0") + details) * scans + b"\xff\xd9"


def segment(marker: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


def webp_bomb(width: int, height: int) -> bytes:
    """A WebP of one colour, whose pixels take no bits at all: 34 bytes, whatever its size."""
    file = io.BytesIO()
    Image.new("RGBA", (8, 8)).save(file, "WEBP", lossless=True)
    data = bytearray(file.getvalue())
    said = struct.unpack_from("<I", data, 21)[0]
    struct.pack_into("<I", data, 21, said >> 28 << 28 | (height - 1) << 14 | width - 1)
    return bytes(data)


_SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
_HEADS = (b"\xff\xd8\xff\xe0", b"\x89PNG\r\n\x1a\n", b"RIFF\x00\x00\x00\x00WEBP", b"GIF89a", b"%PDF-1.7", b"PK\x03\x04")


def no_images() -> st.SearchStrategy[tuple[bytes, str]]:
    """Something else, some of it beginning like an image."""
    junk = st.builds(lambda head, rest: (head + rest, "junk"), st.sampled_from(_HEADS), st.binary(max_size=400))
    others = {"nothing": b"", "SVG": _SVG, "zeros": bytes(100_000)}
    return junk | st.sampled_from(sorted(others)).map(lambda what: (others[what], what))


def uploads() -> st.SearchStrategy[Upload]:
    """One of all these, under any name and type."""
    files = st.one_of(
        good(), whole(), whole(), damaged(), damaged(), damaged(), larger_than_they_look(), bombs(), no_images()
    )
    return st.builds(Upload, files.map(lambda file: File(*file)), st.sampled_from(NAMES), st.sampled_from(TYPES))
