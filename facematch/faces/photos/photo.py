"""The bytes of an image file made into one upright RGB picture of a sensible size, or the reason why not.

What a file is, its first bytes say, never its name. What it will cost is counted before anything is decoded.
Whatever a damaged or hostile file makes Pillow raise ends here as an `EnrollmentError`; for what else it may do,
files of others are read in a process of their own (`decoding`).
"""

from __future__ import annotations

import warnings
from contextlib import suppress
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Any

from PIL import Image, ImageCms
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.WebPImagePlugin import WebPImageFile

from facematch.faces.photos.header import jpeg_scans, webp_size
from facematch.faces.photos.refusal import EnrollmentError

if TYPE_CHECKING:
    from PIL.ImageFile import ImageFile

LARGEST_PIXELS = 40_000_000
"""Photographs with more pixels than this are refused unread, unless they are JPEGs."""
LARGEST_JPEG_PIXELS = 200_000_000
"""The same for a JPEG that is decoded in one pass: it is brought down meanwhile, so its pixels take no memory."""
LARGEST_PROGRESSIVE_PIXELS = 100_000_000
"""The same for a JPEG of several passes, between which its coefficients are kept: up to six bytes a pixel."""
MOST_SCANS = 50
"""Passes over the picture in a JPEG. Ordinary encoders make about ten."""
LARGEST_SIDE = 16_384
LONGEST_READ = 3200
"""Pixels of the longer side that a photograph is brought down to when it is read."""
_JPEG_QUALITY = 92
_LARGEST_PROFILE = 4_000_000
_WHITE = (255, 255, 255)
_ORIENTATION_TAG = 0x0112
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What makes a picture with this EXIF orientation upright."""
_LYING = (5, 6, 7, 8)
"""The orientations that exchange width and height."""


@dataclass(frozen=True, slots=True)
class Photo:
    """A picture as a person sees it."""

    picture: Image.Image
    """RGB, upright, at most LONGEST_READ pixels long."""
    size: tuple[int, int]
    """(width, height) of the photograph in the file, upright, before it was brought down."""


def read_photo(data: bytes) -> Photo:
    """The photograph in the bytes of a JPEG, PNG or WebP file; the first one if it holds several.

    Raises:
        EnrollmentError: it is none of these, damaged, or too large.
    """
    # Pillow warns of oddities in files (a corrupt EXIF block, say) that change nothing here. The filter is set
    # for good and not around the call, because the filters belong to the process and not to the thread.
    warnings.filterwarnings("ignore", module=r"PIL\.")
    size = None
    try:
        file = _opened(data)
        size = file.size
        _check_cost(file, data)
        orientation = _orientation(file)
        picture = _decoded(file)
    except EnrollmentError:
        raise
    except MemoryError as error:
        detail = "The picture needs too much memory. Use a smaller one."
        raise EnrollmentError("TOO_LARGE", detail, frame_size=size) from error
    except Exception as error:  # a damaged file raises nearly anything: OSError, SyntaxError, struct.error, ...
        detail = "The picture is damaged or incomplete. Use another file."
        raise EnrollmentError("NOT_AN_IMAGE", detail, frame_size=size) from error
    if orientation in _LYING:
        size = (size[1], size[0])
    if (transposition := _UPRIGHT.get(orientation)) is not None:
        picture = picture.transpose(transposition)
    picture.info = {}  # Pillow would write a comment that it finds there
    return Photo(picture, size)


def as_jpeg(picture: Image.Image) -> bytes:
    """An RGB picture as JPEG without any metadata, in a quality that leaves its faces as they were."""
    file = BytesIO()
    # Without optimize: with it, libjpeg cannot wait for room and fails on pictures that are full of noise.
    picture.save(file, "JPEG", quality=_JPEG_QUALITY, subsampling=0)
    return file.getvalue()


def brought_down(picture: Image.Image, longest: int) -> Image.Image:
    """`picture` with its longer side at most `longest` pixels, in proportion; itself if it already is."""
    scale = longest / max(picture.size)
    if scale >= 1:
        return picture
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    return picture.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)


def photo_kind(data: bytes) -> type[JpegImageFile | PngImageFile | WebPImageFile]:
    """The one Pillow class that the first bytes of a file call for.

    Raises:
        EnrollmentError: there is none.
    """
    if data[:3] == b"\xff\xd8\xff":
        return JpegImageFile
    if data[:8] == b"\x89PNG\r\n\x1a\n":
        return PngImageFile
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return WebPImageFile
    if data[4:8] == b"ftyp":
        raise EnrollmentError("NOT_AN_IMAGE", "HEIC and AVIF pictures cannot be read. Save the photo as JPEG or PNG.")
    raise EnrollmentError("NOT_AN_IMAGE", "The file is not a picture that can be read. Use a JPEG, PNG or WebP photo.")


def _opened(data: bytes) -> ImageFile:
    """The file's header."""
    kind = photo_kind(data)
    if kind is WebPImageFile and (size := webp_size(data)) is not None:
        _check_size(size, LARGEST_PIXELS)  # opening one takes the memory of its canvas
    return kind(BytesIO(data))


def _check_cost(file: ImageFile, data: bytes) -> None:
    if not isinstance(file, JpegImageFile):
        _check_size(file.size, LARGEST_PIXELS)
        return
    _check_size(file.size, LARGEST_JPEG_PIXELS)
    scans = jpeg_scans(data, MOST_SCANS)
    if scans > MOST_SCANS:
        raise EnrollmentError(
            "TOO_LARGE",
            f"The picture is put together from more than {MOST_SCANS} layers. Save it again as a plain JPEG.",
            frame_size=file.size,
        )
    if scans > 1 or "progressive" in file.info:
        _check_size(file.size, LARGEST_PROGRESSIVE_PIXELS)


def _check_size(size: tuple[int, int], most: int) -> None:
    if 0 in size:
        raise EnrollmentError("NOT_AN_IMAGE", "The picture has no pixels. Use another file.")
    if size[0] * size[1] > most or max(size) > LARGEST_SIDE:
        raise EnrollmentError(
            "TOO_LARGE",
            f"The picture has {size[0]} x {size[1]} pixels. Use one of at most {most // 1_000_000} "
            f"megapixels and {LARGEST_SIDE} pixels a side.",
            frame_size=size,
        )


def _orientation(file: ImageFile) -> int:
    try:
        orientation = file.getexif().get(_ORIENTATION_TAG)
    except Exception:  # noqa: BLE001  (a corrupt EXIF block raises anything; the picture is still good)
        return 1
    return orientation if orientation in _UPRIGHT else 1


def _decoded(file: ImageFile) -> Image.Image:
    profile = file.info.get("icc_profile")
    longest = max(file.size)
    if longest > LONGEST_READ:  # lets a JPEG be decoded at a half, a quarter or an eighth of its size
        file.draft(None, (file.width * LONGEST_READ // longest, file.height * LONGEST_READ // longest))
    file.load()
    picture = _flattened(brought_down(_plain(file), LONGEST_READ))
    return _in_srgb(picture, profile)


def _plain(picture: Image.Image) -> Image.Image:
    """The picture in a mode with eight bits a channel that can be resized: L, RGB, RGBA or CMYK."""
    if picture.mode == "I;16":  # its high bytes; Pillow's own conversion cuts off instead of dividing
        return Image.frombytes("L", picture.size, picture.tobytes()[1::2])
    if "transparency" in picture.info or picture.mode in ("LA", "PA", "La", "RGBa"):
        return picture.convert("RGBA")
    if picture.mode in ("L", "RGB", "RGBA", "CMYK"):
        return picture
    return picture.convert("L" if picture.mode == "1" else "RGB")


def _flattened(picture: Image.Image) -> Image.Image:
    """What is transparent becomes white, as it is seen on a page."""
    if picture.mode != "RGBA":
        return picture
    white = Image.new("RGB", picture.size, _WHITE)
    white.paste(picture, mask=picture.getchannel("A"))
    return white


def _in_srgb(picture: Image.Image, profile: Any) -> Image.Image:
    """RGB as a screen shows it; a colour profile that cannot be used is left out of account."""
    if isinstance(profile, bytes) and len(profile) <= _LARGEST_PROFILE and picture.mode in ("RGB", "CMYK"):
        with suppress(ImageCms.PyCMSError, OSError, TypeError, ValueError):
            source = ImageCms.ImageCmsProfile(BytesIO(profile))
            target = ImageCms.createProfile("sRGB")
            converted = ImageCms.profileToProfile(picture, source, target, outputMode="RGB")
            if converted is not None:
                return converted
    return picture.convert("RGB")
